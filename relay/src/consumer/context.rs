//! The client's callbacks: rebalances, with a lookup in the database where to begin.
//!
//! They run on the member's own thread, inside its poll, so they may block; each lookup is bounded. Events are kept in a
//! list that the member takes after each poll, so that its engine receives them in order.

use crate::kafka::{ASK_TIMEOUT, Complaints};
use crate::membership::{Lookup, Start};
use crate::topic::watermarks;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// What a callback reports to the member.
#[derive(Debug)]
pub(super) enum Happening {
    /// Assigned partitions, each with where it begins and whether the topic has that record.
    Assigned(Vec<Start>),
    /// Partitions that were taken away.
    Revoked(Vec<i32>),
    /// The lookup where to begin failed: the member restarts.
    Failed(String),
}

pub(super) struct MemberContext {
    pub topic: String,
    pub lookup: Lookup,
    pub runtime: Handle,
    pub complaints: Arc<Complaints>,
    pub closing: AtomicBool,
    pub happenings: Mutex<Vec<Happening>>,
}

impl MemberContext {
    pub fn take_happenings(&self) -> Vec<Happening> {
        let mut happenings = self.happenings.lock().unwrap_or_else(|p| p.into_inner());
        std::mem::take(&mut *happenings)
    }

    fn happened(&self, happening: Happening) {
        self.happenings.lock().unwrap_or_else(|p| p.into_inner()).push(happening);
    }

    fn starts(
        &self,
        client: &BaseConsumer<Self>,
        partitions: Vec<i32>,
    ) -> Result<Vec<Start>, String> {
        let lookup = (self.lookup)(partitions.clone());
        let found = self
            .runtime
            .block_on(async { timeout(ASK_TIMEOUT, lookup).await })
            .map_err(|_| "asking where to begin took too long")??;
        if found.len() != partitions.len() {
            return Err("the lookup answered for other partitions than asked".to_owned());
        }
        let start = |(partition, wanted): (i32, Option<i64>)| {
            let marks = watermarks(client, &self.topic, partition).map_err(|e| e.to_string())?;
            Ok(Start::of(partition, wanted, marks))
        };
        partitions.into_iter().zip(found).map(start).collect()
    }

    fn assign(
        &self,
        client: &BaseConsumer<Self>,
        partitions: &mut TopicPartitionList,
    ) -> Result<(), ClientError> {
        let numbers: Vec<i32> =
            partitions.elements().iter().map(|element| element.partition()).collect();
        if self.closing.load(Ordering::Relaxed) {
            return client.incremental_assign(partitions);
        }
        let mut held = TopicPartitionList::new();
        match self.starts(client, numbers.clone()) {
            Ok(starts) => {
                for start in &starts {
                    let offset = Offset::Offset(start.offset);
                    partitions.set_partition_offset(&self.topic, start.partition, offset)?;
                    if start.lost.is_some() {
                        held.add_partition(&self.topic, start.partition);
                    }
                }
                client.incremental_assign(partitions)?;
                self.happened(Happening::Assigned(starts));
            }
            Err(reason) => {
                // The group needs an answer; nothing is read before the member restarts.
                partitions.set_all_offsets(Offset::End)?;
                client.incremental_assign(partitions)?;
                numbers.iter().for_each(|number| {
                    held.add_partition(&self.topic, *number);
                });
                self.happened(Happening::Failed(reason));
            }
        }
        if held.count() > 0 { client.pause(&held) } else { Ok(()) }
    }
}

impl ClientContext for MemberContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.complaints.log(level, facility, text);
    }

    fn error(&self, error: ClientError, reason: &str) {
        self.complaints.error(error, reason);
    }
}

impl ConsumerContext for MemberContext {
    fn rebalance(
        &self,
        client: &BaseConsumer<Self>,
        what: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let done = match what {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.assign(client, partitions),
            _ => {
                let numbers = partitions.elements().iter().map(|e| e.partition()).collect();
                self.happened(Happening::Revoked(numbers));
                client.incremental_unassign(partitions)
            }
        };
        if let Err(error) = done {
            self.happened(Happening::Failed(error.to_string()));
        }
    }

    fn commit_callback(&self, result: Result<(), ClientError>, _: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!(%error, "offsets for people to look at were not written");
        }
    }
}
