//! Why Kafka could not do what was asked: the one error of every client here.

/// Why Kafka could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum KafkaError {
    /// A setting is impossible or contradicts another; names it.
    #[error("{0}")]
    Settings(String),
    /// The brokers cannot be reached, refuse, or answered with an error; trying again later may help.
    #[error("kafka: {0}")]
    Unavailable(String),
    /// The topic is not what this program may write to or read from; needs a person. Says what to do.
    #[error("{0}")]
    Refused(String),
}

impl From<rdkafka::error::KafkaError> for KafkaError {
    fn from(error: rdkafka::error::KafkaError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
