//! What the tests share: a log with orders in it, a relay as a process or in this one, a reader of the topic.

pub mod copy;
pub mod log;
pub mod process;
pub mod topic;

pub use log::Log;
pub use process::RelayProcess;
pub use topic::{events_of, read_topic};

use relay::{Kafka, SecurityFlags};
use rig::kafka::Broker;

/// A topic of its own for each test: `name` and something that no other test has.
pub fn topic(broker: &Broker, name: &str) -> Kafka {
    let topic = format!("{name}-{}", uuid::Uuid::now_v7().simple());
    Kafka::new(&broker.address(), &topic, &SecurityFlags::default()).unwrap()
}

/// A number from the environment.
pub fn scale(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |value| value.parse().unwrap())
}

/// Small random numbers whose seed is printed, so that a failure can be run again.
pub struct Random(u64);

impl Random {
    pub fn new() -> Self {
        let seed = scale("ORDERLOG_SEED", u64::from(std::process::id()) << 20 | 1);
        println!("ORDERLOG_SEED={seed}");
        Self(seed)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
