//! Relays, one of which leads, and the brokers between them and the topic.

use super::{Checked, PARTITIONS, World};
use clap::Parser;
use event_store::{Access, Capacities, LeaseState};
use relay::simulation::{Lane, work};
use relay::{RelayError, Settings};
use serde_json::Value;
use stage::{Actor, Arm, Rest, Stop, Verdict};
use std::pin::Pin;
use tokio_util::sync::CancellationToken;

pub const TOPIC: &str = "orders";
/// The shortest time after which a silent relay is replaced, in milliseconds.
pub const LEASE: u64 = 500;

pub struct RelayProcess {
    actor: Actor,
    work: Pin<Box<dyn Future<Output = Result<(), RelayError>>>>,
    /// The machine does not run it at present.
    pub asleep: bool,
}

fn settings() -> Settings {
    Settings::parse_from([
        "relay",
        "--event-store=sqlite://unused",
        "--kafka=localhost:9092",
        &format!("--topic={TOPIC}"),
        &format!("--partitions={PARTITIONS}"),
        &format!("--lease-timeout-ms={LEASE}"),
        "--delivery-timeout-ms=1000",
        "--mark-interval-ms=10",
    ])
}

impl World {
    pub async fn start_relay(&mut self) -> RelayProcess {
        let store = self.log.open(Access::Lease, Capacities::default()).await;
        let actor = self.new_actor();
        let (holder, topic) = (format!("relay {actor}"), self.topic.clone());
        let work = Box::pin(work(settings(), store, topic, holder, CancellationToken::new()));
        RelayProcess { actor, work, asleep: false }
    }

    /// A relay does what it can without time passing.
    pub async fn relay(&mut self, index: usize, arm: Option<Arm>) -> Checked {
        let relay = &mut self.relays[index];
        if relay.asleep {
            return Ok(());
        }
        let stop = self.hand.drive(relay.actor, Rest::Unasked, arm, relay.work.as_mut()).await;
        let line = match &stop {
            Stop::Idle => None,
            Stop::Waiting(point) => Some(format!("relay {index} waits at {point}")),
            Stop::Dead(point) => Some(format!("relay {index} dies at {point}")),
            Stop::Done(ended) => return Err(format!("relay {index} ended: {ended:?}")),
        };
        if let Some(line) = line {
            self.note(line);
        }
        if let Stop::Dead(_) = stop {
            self.kill_relay(index).await;
        }
        Ok(())
    }

    /// The relay is gone; records on their way may still arrive.
    pub async fn kill_relay(&mut self, index: usize) {
        let new = self.start_relay().await;
        let dead = std::mem::replace(&mut self.relays[index], new);
        self.hand.forget(dead.actor);
        self.note(format!("relay {index} is dead"));
        self.count("a relay dies");
    }

    pub fn wake_relay(&mut self, index: usize, verdict: Verdict) {
        self.relays[index].asleep = false;
        if let Some(point) = self.hand.let_go(self.relays[index].actor, verdict) {
            self.note(format!("relay {index} wakes at {point}: {verdict:?}"));
        }
    }

    /// The brokers do something with the records on their way.
    pub fn carry(&mut self) {
        let lanes = self.topic.lanes();
        if lanes.is_empty() {
            return;
        }
        let lane = self.chance.pick(&lanes);
        let Lane { producer, partition, untaken, unacknowledged, orphaned } = lane;
        let most = 1 + self.chance.below(5) as usize;
        if orphaned && self.chance.percent(40) {
            self.topic.forget(producer, partition);
            self.note(format!("what producer {producer} sent to {partition} is lost"));
            self.count("records of a dropped producer are lost");
            return;
        }
        if !orphaned && self.chance.percent(6) {
            self.topic.fail(producer, partition);
            self.note(format!("a delivery of producer {producer} to {partition} fails"));
            self.count("a delivery fails");
            return;
        }
        let taken = untaken.min(most);
        (0..taken).for_each(|_| self.topic.take(producer, partition));
        if orphaned && taken > 0 {
            self.count("records of a dropped producer arrive late");
        }
        let mut acknowledged = 0;
        if self.chance.percent(70) {
            acknowledged = (unacknowledged + taken).min(most);
            (0..acknowledged).for_each(|_| self.topic.acknowledge(producer, partition));
        }
        self.note(format!(
            "partition {partition} takes {taken} of producer {producer}, {acknowledged} acknowledged"
        ));
    }

    /// All records on their way arrive and are acknowledged; of a dropped producer, all of a partition's or none.
    pub fn carry_all(&mut self) {
        for Lane { producer, partition, untaken, unacknowledged, orphaned } in self.topic.lanes() {
            if orphaned && self.chance.percent(50) {
                self.topic.forget(producer, partition);
                continue;
            }
            (0..untaken).for_each(|_| self.topic.take(producer, partition));
            let all = untaken + unacknowledged;
            (0..all).for_each(|_| self.topic.acknowledge(producer, partition));
        }
    }

    /// Something happens to the topic that no relay does.
    pub async fn disturb(&mut self) -> Checked {
        let partition = i32::try_from(self.chance.below(PARTITIONS.into())).unwrap();
        let (low, high) = self.topic.ends(partition);
        let within =
            low + i64::try_from(self.chance.below((high - low + 1).unsigned_abs())).unwrap();
        let unseen = self.lease().await?.is_some_and(|lease| self.is_topic_unseen(&lease));
        let what = match self.chance.below(10) {
            // A relay recognises another topic by the offsets of its ends, so the topic must not be filled before that.
            3..8 if unseen => return Ok(()),
            0..3 => {
                self.topic.trim(partition, within);
                "the topic is trimmed"
            }
            3 | 4 => {
                self.topic.skip(partition);
                "an offset holds no record"
            }
            5 if within < high => {
                self.topic.repeat(partition, within);
                "a record is repeated"
            }
            6 => {
                self.topic.litter(partition, Some(b"nobody"), Some(b"{"));
                "another program writes to the topic"
            }
            7 => {
                self.topic.litter(partition, None, None);
                "another program writes to the topic"
            }
            8 if self.chance.percent(20) => {
                self.make_topic_again().await?;
                "the topic is made again"
            }
            8 => {
                self.away = !self.away;
                self.topic.set_away(self.away);
                if self.away { "the brokers are away" } else { "the brokers are back" }
            }
            _ => return Ok(()),
        };
        self.count(what);
        self.note(format!("partition {partition}, {low} to {high}, at {within}: {what}"));
        Ok(())
    }

    /// As an operator does it: while no relay and no projector runs.
    async fn make_topic_again(&mut self) -> Checked {
        for index in 0..self.relays.len() {
            self.kill_relay(index).await;
        }
        self.topic.make_again();
        for index in 0..self.members.len() {
            self.kill_member(index).await;
        }
        Ok(())
    }

    /// Whether the topic was made again, and ends before what the relays have published to it.
    pub fn is_topic_unseen(&self, lease: &LeaseState) -> bool {
        let note: Value = serde_json::from_str(&lease.note).unwrap_or_default();
        let published = note["offsets"].as_array().into_iter().flatten().filter_map(Value::as_i64);
        let ends = (0..PARTITIONS).map(|number| self.topic.ends(number.cast_signed()).1);
        published.zip(ends).any(|(published, end)| end < published)
    }

    /// The relays' lease, if a relay has ever held it.
    pub async fn lease(&self) -> Checked<Option<LeaseState>> {
        let lease = self.eye.lease(&relay::lease_name(TOPIC)).await;
        lease.map_err(|error| error.to_string())
    }
}
