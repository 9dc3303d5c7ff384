//! The topic as the brokers know it: whether it exists, its partition count and its offset bounds.
//!
//! Every request is bounded and runs off the async runtime, because rdkafka blocks.

use crate::error::KafkaError;
use crate::kafka::{ASK_TIMEOUT, Complaints, Kafka};
use crate::partition::Watermarks;
use crate::wire::MAX_RECORD_BYTES;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The most partitions that a topic may have here: marks are written to each.
pub(crate) const MAX_PARTITIONS: u32 = 1_000;
/// How long a newly created topic may stay invisible.
const APPEAR_TIMEOUT: Duration = Duration::from_secs(15);
/// The most log entries of the client that are searched for a reason.
const MAX_REPORTS: usize = 100;
const APPEAR_POLL: Duration = Duration::from_millis(50);

/// Asks the brokers about one topic.
#[derive(Clone)]
pub(crate) struct TopicProbe {
    /// `None` in a simulation, which has no brokers.
    client: Option<Arc<BaseConsumer<Complaints>>>,
    kafka: Kafka,
}

impl TopicProbe {
    pub fn new(kafka: &Kafka) -> Result<Self, KafkaError> {
        #[cfg(feature = "simulation")]
        if kafka.simulated.is_some() {
            return Ok(Self { client: None, kafka: kafka.clone() });
        }
        let client = kafka.config().create_with_context(Complaints::default())?;
        Ok(Self { client: Some(Arc::new(client)), kafka: kafka.clone() })
    }

    /// How many partitions the topic has; `None` when there is no such topic.
    pub async fn partitions(&self) -> Result<Option<u32>, KafkaError> {
        #[cfg(feature = "simulation")]
        if let Some(simulated) = &self.kafka.simulated {
            return simulated.partitions();
        }
        self.ask(|client, topic| {
            let metadata = client.fetch_metadata(Some(topic), ASK_TIMEOUT)?;
            let found = metadata.topics().iter().find(|found| found.name() == topic);
            let Some(found) = found else { return Ok(None) };
            match found.error().map(RDKafkaErrorCode::from) {
                None | Some(RDKafkaErrorCode::LeaderNotAvailable) => {}
                Some(RDKafkaErrorCode::UnknownTopicOrPartition) => return Ok(None),
                Some(code) => return Err(KafkaError::Unavailable(format!("{topic}: {code}"))),
            }
            let count = u32::try_from(found.partitions().len()).unwrap_or(u32::MAX);
            Ok((count > 0).then_some(count))
        })
        .await
    }

    /// The offsets of each of the first `partitions` partitions.
    pub async fn watermarks(&self, partitions: u32) -> Result<Vec<Watermarks>, KafkaError> {
        #[cfg(feature = "simulation")]
        if let Some(simulated) = &self.kafka.simulated {
            return simulated.watermarks(partitions);
        }
        self.ask(move |client, topic| {
            (0..partitions)
                .map(|partition| {
                    let partition = i32::try_from(partition).expect("few partitions");
                    watermarks(client, topic, partition)
                })
                .collect()
        })
        .await
    }

    /// Creates the topic and waits until it is visible. The log is the truth, but a topic that keeps everything can also
    /// rebuild views, so a topic that the relay creates keeps its records for ever.
    pub async fn create(
        &self,
        partitions: u32,
        replication: Option<u16>,
    ) -> Result<(), KafkaError> {
        let admin: AdminClient<DefaultClientContext> = self.kafka.config().create()?;
        let largest = MAX_RECORD_BYTES.to_string();
        let count = i32::try_from(partitions).expect("few partitions");
        let replication = replication.map_or(-1, i32::from);
        let topic = NewTopic::new(&self.kafka.topic, count, TopicReplication::Fixed(replication))
            .set("cleanup.policy", "delete")
            .set("retention.ms", "-1")
            .set("retention.bytes", "-1")
            .set("max.message.bytes", &largest);
        let options = AdminOptions::new()
            .request_timeout(Some(ASK_TIMEOUT))
            .operation_timeout(Some(ASK_TIMEOUT));
        for result in admin.create_topics([&topic], &options).await? {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => {
                    return Err(KafkaError::Unavailable(format!("{topic} cannot be made: {code}")));
                }
            }
        }
        let asked = Instant::now();
        while self.partitions().await?.is_none() {
            if asked.elapsed() > APPEAR_TIMEOUT {
                return Err(KafkaError::Unavailable("the topic was made and is not there".into()));
            }
            tokio::time::sleep(APPEAR_POLL).await;
        }
        Ok(())
    }

    async fn ask<R: Send + 'static>(
        &self,
        question: impl FnOnce(&BaseConsumer<Complaints>, &str) -> Result<R, KafkaError> + Send + 'static,
    ) -> Result<R, KafkaError> {
        let kafka = self.kafka.clone();
        let no_brokers = || KafkaError::Unavailable("there are no brokers".to_owned());
        let client = self.client.clone().ok_or_else(no_brokers)?;
        let answer = tokio::task::spawn_blocking(move || {
            question(&client, &kafka.topic).map_err(|error| match error {
                // "Timed out" alone says little; the client's log says what it waited for.
                KafkaError::Unavailable(text) => {
                    // Each poll serves one entry of the client's log.
                    for _ in 0..MAX_REPORTS {
                        let _ = client.poll(Duration::ZERO);
                    }
                    let why = client.context().last();
                    KafkaError::Unavailable(
                        why.map_or(text.clone(), |why| format!("{text} ({why})")),
                    )
                }
                other => other,
            })
        });
        answer.await.unwrap_or_else(|ended| Err(KafkaError::Unavailable(ended.to_string())))
    }
}

/// The offsets of one partition.
pub(crate) fn watermarks<C: rdkafka::consumer::ConsumerContext>(
    client: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
) -> Result<Watermarks, KafkaError> {
    let (low, high) = client.fetch_watermarks(topic, partition, ASK_TIMEOUT)?;
    Ok(Watermarks { low, high })
}
