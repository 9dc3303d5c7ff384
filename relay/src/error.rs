//! The one error of every Kafka client here.

/// Why a request to Kafka failed; the variant says whether a retry may help.
#[derive(Debug, thiserror::Error)]
pub enum KafkaError {
    /// A setting is impossible or contradicts another; names it.
    #[error("{0}")]
    Settings(String),
    /// The brokers cannot be reached, refuse, or answered with an error; trying again later may help.
    #[error("kafka: {0}")]
    Unavailable(String),
    /// This program must not read or write the topic as it is; a person must act. Says what to do.
    #[error("{0}")]
    Refused(String),
}

impl From<rdkafka::error::KafkaError> for KafkaError {
    fn from(error: rdkafka::error::KafkaError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
