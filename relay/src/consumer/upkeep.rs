//! A member's work besides reading: it judges errors, reports its progress, and checks a client that is silent.

use super::worker::{Client, End, Worker};
use crate::membership::OffsetLost;
use crate::topic::watermarks;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// How long no record may come before the brokers are asked whether there is one.
const SUSPICIOUS: Duration = Duration::from_secs(15);
const COMMIT_EVERY: Duration = Duration::from_secs(5);

impl Worker {
    /// Handles errors about a partition; the client deals with all others itself.
    pub fn judge(&mut self, client: &Client, error: &ClientError) -> Result<(), End> {
        use RDKafkaErrorCode::{AutoOffsetReset, OffsetOutOfRange};
        match error {
            ClientError::MessageConsumptionFatal(code) => Err(End::Failed(code.to_string())),
            ClientError::MessageConsumption(AutoOffsetReset | OffsetOutOfRange) => {
                self.find_lost(client)
            }
            other => {
                self.complaints.keep(other, &other.to_string());
                tracing::debug!(error = %other, "a Kafka consumer complains");
                Ok(())
            }
        }
    }

    /// Finds the partition that lost its records, because the error does not name it.
    fn find_lost(&mut self, client: &Client) -> Result<(), End> {
        for (partition, wanted) in self.lanes.reading() {
            let topic = &self.settings.kafka.topic;
            let marks =
                watermarks(client, topic, partition).map_err(|e| End::Failed(e.to_string()))?;
            if !(marks.low..=marks.high).contains(&wanted) {
                let (low, high) = (marks.low, marks.high);
                self.lose(OffsetLost { partition, wanted, low, high })?;
            }
        }
        Ok(())
    }

    pub fn commit(&mut self, client: &Client) {
        if self.applied.is_empty() || self.committed.elapsed() < COMMIT_EVERY {
            return;
        }
        self.committed = Instant::now();
        let mut offsets = TopicPartitionList::new();
        for (partition, next) in std::mem::take(&mut self.applied) {
            if self.lanes.owns(partition) {
                let added = offsets.add_partition_offset(
                    &self.settings.kafka.topic,
                    partition,
                    Offset::Offset(next),
                );
                debug_assert!(added.is_ok(), "an offset that was read");
            }
        }
        if offsets.count() > 0
            && let Err(error) = client.commit(&offsets, CommitMode::Async)
        {
            tracing::debug!(%error, "offsets for people to look at were not written");
        }
    }

    /// Fails a client that delivers nothing although two checks in a row found the same waiting records.
    pub fn suspect(&mut self, client: &Client) -> Result<(), End> {
        if self.heard.elapsed() < SUSPICIOUS {
            return Ok(());
        }
        self.heard = Instant::now();
        let topic = &self.settings.kafka.topic;
        let behind = self.lanes.reading().into_iter().filter(|(partition, next)| {
            // If the brokers do not answer, the client is not at fault.
            watermarks(client, topic, *partition).is_ok_and(|marks| marks.high > *next)
        });
        let behind: Vec<(i32, i64)> = behind.collect();
        match behind.iter().find(|lane| self.suspected.contains(lane)) {
            Some((partition, next)) => Err(End::Failed(format!(
                "partition {partition} has records after {next} and none is delivered"
            ))),
            None => {
                self.suspected = behind;
                Ok(())
            }
        }
    }
}
