//! The relay's settings: flags, each with an environment variable of the same name, and what they must satisfy.

use crate::error::KafkaError;
use crate::kafka::Kafka;
use crate::security::SecurityFlags;
use crate::topic::MAX_PARTITIONS;
use std::time::Duration;

/// Publishes the event log to a Kafka topic, exactly in its order, one relay at a time.
///
/// Start as many as you like: one publishes, the others stand by and take over within seconds.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "relay", version)]
pub struct Settings {
    /// The log: sqlite://path/to/events.db or postgres://…
    #[arg(long, env = "ORDERLOG_EVENT_STORE", value_name = "URL")]
    pub event_store: String,
    /// The brokers to begin with: host:port[,host:port…]
    #[arg(long, env = "ORDERLOG_KAFKA", value_name = "HOST:PORT")]
    pub kafka: String,
    /// The topic to publish to.
    #[arg(long, env = "ORDERLOG_TOPIC", default_value = crate::DEFAULT_TOPIC)]
    pub topic: String,
    /// Partitions of the topic, if the relay makes it. They can never be changed for a topic in use.
    #[arg(long, env = "ORDERLOG_PARTITIONS", default_value_t = 6)]
    pub partitions: u32,
    /// Replicas of each partition, if the relay makes the topic (default: as the brokers are set up).
    #[arg(long, env = "ORDERLOG_REPLICATION")]
    pub replication: Option<u16>,
    /// Where /healthz, /readyz and /metrics are served.
    #[arg(long, env = "ORDERLOG_LISTEN", default_value = "127.0.0.1:8084")]
    pub listen: std::net::SocketAddr,
    /// Milliseconds without any delivery after which the producer is replaced.
    #[arg(long, env = "ORDERLOG_DELIVERY_TIMEOUT_MS", default_value_t = 30_000)]
    pub delivery_timeout_ms: u64,
    /// Milliseconds between two position marks of a partition without news, at least.
    #[arg(long, env = "ORDERLOG_MARK_INTERVAL_MS", default_value_t = 10)]
    pub mark_interval_ms: u64,
    /// Milliseconds without a sign of life after which a standby takes over. The same for all relays.
    #[arg(long, env = "ORDERLOG_LEASE_TIMEOUT_MS", default_value_t = 5_000)]
    pub lease_timeout_ms: u64,
    /// Compare the topic with the log instead, up to the relay's checkpoint; exit 1 with the first differences.
    #[arg(long)]
    pub audit: bool,
    #[command(flatten)]
    #[allow(missing_docs)] // documented flag by flag
    pub security: SecurityFlags,
}

impl Settings {
    /// The topic and its connection settings.
    ///
    /// # Errors
    /// [`KafkaError::Settings`], naming the wrong flag.
    pub fn kafka(&self) -> Result<Kafka, KafkaError> {
        let refuse = |text: String| Err(KafkaError::Settings(text));
        if self.partitions == 0 || self.partitions > MAX_PARTITIONS {
            return refuse(format!("--partitions must be 1 to {MAX_PARTITIONS}"));
        }
        if self.replication == Some(0) {
            return refuse("--replication must be at least 1".to_owned());
        }
        if !(1_000..=3_600_000).contains(&self.delivery_timeout_ms) {
            return refuse("--delivery-timeout-ms must be 1000 to 3600000".to_owned());
        }
        if !(1..=60_000).contains(&self.mark_interval_ms) {
            return refuse("--mark-interval-ms must be 1 to 60000".to_owned());
        }
        if !(500..=60_000).contains(&self.lease_timeout_ms) {
            return refuse("--lease-timeout-ms must be 500 to 60000".to_owned());
        }
        if !self.listen.ip().is_loopback() {
            return refuse(
                "--listen beyond loopback is refused: health and metrics are served without authentication"
                    .to_owned(),
            );
        }
        Kafka::new(&self.kafka, &self.topic, &self.security)
    }

    pub(crate) fn delivery_timeout(&self) -> Duration {
        Duration::from_millis(self.delivery_timeout_ms)
    }

    pub(crate) fn mark_interval(&self) -> Duration {
        Duration::from_millis(self.mark_interval_ms)
    }

    pub(crate) fn lease_timeout(&self) -> Duration {
        Duration::from_millis(self.lease_timeout_ms)
    }

    /// The settings that are logged at the start, without secrets.
    #[must_use]
    pub fn shown(&self) -> Vec<(&'static str, String)> {
        vec![
            ("event-store", self.event_store.clone()),
            ("kafka", self.kafka.clone()),
            ("topic", self.topic.clone()),
            ("partitions", self.partitions.to_string()),
            ("listen", self.listen.to_string()),
            ("kafka-security-protocol", format!("{:?}", self.security.protocol)),
            ("delivery-timeout-ms", self.delivery_timeout_ms.to_string()),
            ("mark-interval-ms", self.mark_interval_ms.to_string()),
            ("lease-timeout-ms", self.lease_timeout_ms.to_string()),
        ]
    }
}
