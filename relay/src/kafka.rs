//! Settings that reach a Kafka cluster, and the complaints of its clients.
//!
//! A topic is named once, with its brokers and the way to them; that configures every client here. Clients log much while
//! they reconnect: these lines go to debug, and the last complaint is kept for the report of a failure.

use crate::error::KafkaError;
use crate::security::SecurityFlags;
use crate::wire::MAX_RECORD_BYTES;
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::RDKafkaErrorCode;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

/// How long one request to the brokers (metadata, offset bounds, topic creation) may take.
pub(crate) const ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest wait between attempts to reach a broker.
const RECONNECT_MAX_MS: u32 = 1_000;

/// One topic of one cluster, and how to reach it.
#[derive(Clone)]
pub struct Kafka {
    brokers: String,
    /// The topic's name.
    pub topic: String,
    config: ClientConfig,
    /// Stands for brokers and topic in a simulation.
    #[cfg(feature = "simulation")]
    pub(crate) simulated: Option<crate::simulated::SimulatedTopic>,
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kafka://{}/{}", self.brokers, self.topic)
    }
}

impl Kafka {
    /// `brokers` as `host:port[,host:port…]`.
    ///
    /// # Errors
    /// [`KafkaError::Settings`], naming the flag that is wrong.
    pub fn new(brokers: &str, topic: &str, security: &SecurityFlags) -> Result<Self, KafkaError> {
        check_brokers(brokers)?;
        check_topic(topic)?;
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", brokers)
            .set("client.id", "orderlog")
            .set("reconnect.backoff.max.ms", RECONNECT_MAX_MS.to_string())
            .set("receive.message.max.bytes", (8 * MAX_RECORD_BYTES).to_string())
            .set_log_level(RDKafkaLogLevel::Info);
        security.apply(&mut config)?;
        Ok(Self {
            brokers: brokers.to_owned(),
            topic: topic.to_owned(),
            config,
            #[cfg(feature = "simulation")]
            simulated: None,
        })
    }

    /// A topic that is simulated: nothing of the client is used.
    #[cfg(feature = "simulation")]
    #[must_use]
    pub fn simulated(topic: &str, simulated: crate::simulated::SimulatedTopic) -> Self {
        let (brokers, config) = (String::new(), ClientConfig::new());
        Self { brokers, topic: topic.to_owned(), config, simulated: Some(simulated) }
    }

    /// Reads `kafka://host:port[,host:port…]/topic`.
    ///
    /// # Errors
    /// [`KafkaError::Settings`], naming what is wrong.
    pub fn from_url(url: &str, security: &SecurityFlags) -> Result<Self, KafkaError> {
        let rest = url.strip_prefix("kafka://");
        let Some((brokers, topic)) = rest.and_then(|rest| rest.split_once('/')) else {
            return Err(KafkaError::Settings(
                "a Kafka source must be of the form kafka://host:port/topic".to_owned(),
            ));
        };
        Self::new(brokers, topic, security)
    }

    /// A copy of the client configuration to add to.
    pub(crate) fn config(&self) -> ClientConfig {
        self.config.clone()
    }
}

fn check_brokers(brokers: &str) -> Result<(), KafkaError> {
    let sound = |broker: &str| match broker.rsplit_once(':') {
        Some((host, port)) => {
            !host.is_empty() && !host.contains(['/', '@', ' ']) && port.parse::<u16>().is_ok()
        }
        None => false,
    };
    match brokers.split(',').all(sound) {
        true => Ok(()),
        false => Err(KafkaError::Settings("--kafka must be host:port[,host:port…]".to_owned())),
    }
}

fn check_topic(topic: &str) -> Result<(), KafkaError> {
    const LONGEST: usize = 180;
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let dots = topic == "." || topic == "..";
    match !topic.is_empty() && topic.len() <= LONGEST && topic.bytes().all(sound) && !dots {
        true => Ok(()),
        false => Err(KafkaError::Settings(format!(
            "--topic takes 1 to {LONGEST} characters of A–Z a–z 0–9 . _ -"
        ))),
    }
}

/// A client's log lines: written to our log at debug; the last complaint is kept for the report of a failure.
#[derive(Debug, Default)]
pub(crate) struct Complaints {
    last: Mutex<Option<String>>,
}

impl Complaints {
    /// The client's last complaint about its brokers.
    pub fn last(&self) -> Option<String> {
        self.last.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }
}

impl Complaints {
    /// Keeps an error that a client reported. That all brokers are down is the consequence, not the cause.
    pub fn keep(&self, error: &rdkafka::error::KafkaError, reason: &str) {
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            self.set(reason);
        }
    }

    fn set(&self, complaint: &str) {
        let complaint = Some(complaint.to_owned());
        *self.last.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = complaint;
    }
}

impl ClientContext for Complaints {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        // `[thrd:…]: what happened`: the thread's name is of no use.
        let text = text.split_once("]: ").map_or(text, |(_, text)| text);
        tracing::debug!(target: "librdkafka", ?level, facility, "{text}");
        if facility == "FAIL" {
            self.set(text);
        }
    }

    fn error(&self, error: rdkafka::error::KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, "{reason}");
        self.keep(&error, reason);
    }
}

impl rdkafka::consumer::ConsumerContext for Complaints {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_brokers_and_topic() {
        let kafka = Kafka::from_url("kafka://a:1,b:2/t.x", &SecurityFlags::default()).unwrap();
        assert_eq!(format!("{kafka:?}"), "kafka://a:1,b:2/t.x");
        for bad in ["kafka://a/t", "kafka://a:1", "kafka://:1/t", "http://a:1/t", "kafka://a:1/t/u"]
        {
            assert!(Kafka::from_url(bad, &SecurityFlags::default()).is_err(), "{bad}");
        }
    }
}
