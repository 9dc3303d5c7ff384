//! Reads a topic once, from its first record to a fixed end. For audits and for rebuilds from the topic.
//!
//! It uses no consumer group and no commits: partitions are assigned by hand. The offset bounds at the beginning fix the
//! end, so a scan ends although the relay goes on. It blocks: run it off the async runtime.

use crate::error::KafkaError;
use crate::kafka::{Complaints, Kafka};
use crate::partition::Watermarks;
use crate::topic::TopicProbe;
use crate::wire::{Envelope, Record, decode};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// A scan that gets no record for this long has failed.
const STALLED: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);
/// Records that the client fetches ahead of the reader.
const QUEUED_MIN: &str = "20000";
const QUEUED_KBYTES: &str = "65536";

/// A bounded read of the whole topic, partition by partition in offset order, partitions interleaved.
pub struct TopicScan {
    consumer: BaseConsumer<Complaints>,
    topic: String,
    lanes: Vec<Lane>,
}

#[derive(Debug, Clone, Copy)]
struct Lane {
    end: i64,
    next: i64,
}

impl TopicScan {
    /// Reads the offset bounds of each partition, and prepares to read up to them.
    ///
    /// # Errors
    /// [`KafkaError`], as each variant says; [`KafkaError::Refused`] when there is no such topic.
    pub async fn open(kafka: &Kafka) -> Result<(Self, Vec<Watermarks>), KafkaError> {
        let probe = TopicProbe::new(kafka)?;
        let Some(partitions) = probe.partitions().await? else {
            let topic = &kafka.topic;
            return Err(KafkaError::Refused(format!(
                "there is no topic {topic}; a relay makes it"
            )));
        };
        let marks = probe.watermarks(partitions).await?;
        let consumer: BaseConsumer<Complaints> = kafka
            .config()
            // The client cannot consume without a group; no member joins it and nothing is committed to it.
            .set("group.id", "orderlog-scan")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "error")
            .set("enable.partition.eof", "true")
            .set("queued.min.messages", QUEUED_MIN)
            .set("queued.max.messages.kbytes", QUEUED_KBYTES)
            .create_with_context(Complaints::default())?;
        let mut assignment = TopicPartitionList::new();
        for (partition, marks) in (0..).zip(&marks) {
            assignment.add_partition_offset(&kafka.topic, partition, Offset::Offset(marks.low))?;
        }
        consumer.assign(&assignment)?;
        let lanes = marks.iter().map(|marks| Lane { end: marks.high, next: marks.low }).collect();
        Ok((Self { consumer, topic: kafka.topic.clone(), lanes }, marks))
    }

    /// The next record of any partition; `None` when all partitions are read to their ends.
    ///
    /// # Errors
    /// [`KafkaError::Unavailable`] when records stop coming or were removed while being read.
    pub fn next_record(&mut self) -> Result<Option<(i32, Record)>, KafkaError> {
        let begun = Instant::now();
        while self.lanes.iter().any(|lane| lane.next < lane.end) {
            match self.consumer.poll(POLL) {
                None if begun.elapsed() > STALLED => {
                    let why = self.consumer.context().last().unwrap_or_default();
                    return Err(KafkaError::Unavailable(format!("no record comes any more {why}")));
                }
                None => {}
                Some(Err(ClientError::PartitionEOF(partition))) => {
                    let lane = &mut self.lanes[index(partition)];
                    lane.next = lane.end;
                }
                Some(Err(error)) => return Err(error.into()),
                Some(Ok(message)) => {
                    let (partition, offset) = (message.partition(), message.offset());
                    let lane = &mut self.lanes[index(partition)];
                    lane.next = offset + 1;
                    if offset < lane.end {
                        let content = decode(&Envelope::of(&message));
                        return Ok(Some((partition, Record { offset, content })));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Whether the partition is read to its end.
    #[must_use]
    pub fn is_over(&self, partition: i32) -> bool {
        let lane = self.lanes[index(partition)];
        lane.next >= lane.end
    }

    /// Stops fetching a partition whose records pile up.
    ///
    /// # Errors
    /// [`KafkaError::Unavailable`] when the client refuses.
    pub fn pause(&self, partition: i32) -> Result<(), KafkaError> {
        Ok(self.consumer.pause(&self.one(partition))?)
    }

    /// Fetches a paused partition again.
    ///
    /// # Errors
    /// [`KafkaError::Unavailable`] when the client refuses.
    pub fn resume(&self, partition: i32) -> Result<(), KafkaError> {
        Ok(self.consumer.resume(&self.one(partition))?)
    }

    fn one(&self, partition: i32) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.topic, partition);
        list
    }
}

fn index(partition: i32) -> usize {
    usize::try_from(partition).expect("partitions count from 0")
}
