//! Proves that the topic equals the log: every event up to the relay's checkpoint, byte for byte, in its partition, in
//! order.
//!
//! Log and topic are merged: the log is read in position order, and for each event the next first occurrence in the
//! partition that it belongs to must be that very event. So a skip, a reordering, a changed byte, a wrong key and a
//! wrong partition each show at the first place. Repeats are counted and allowed; marks must tell the truth; a record
//! that the relay cannot have written is a difference. A trimmed partition is compared from the first event that it
//! still has, and the report says so. Memory is bounded: partitions that run ahead are paused.

mod lane;
mod report;

pub use report::{AuditReport, MAX_DIFFERENCES, PartitionRange};

use crate::error::KafkaError;
use crate::kafka::Kafka;
use crate::lease_name;
use crate::partition::partition_of;
use crate::publish::{Recorded, recount};
use crate::scan::TopicScan;
use event_store::{EventStore, Position, RecordedEvent, StoreError};
use lane::{Found, Lane};
use tokio::runtime::Handle;

/// Events of the log read at a time.
const PAGE_EVENTS: usize = 5_000;
/// A partition with this many records waiting is paused, and fetched again when few are left.
const MANY_WAITING: usize = 20_000;
const FEW_WAITING: usize = 2_000;

/// Why no comparison could be made.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The topic cannot be read.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The log cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The comparison ended early.
    #[error("the audit broke off: {0}")]
    BrokenOff(String),
}

/// Compares the topic with the log, up to the checkpoint at the start.
///
/// # Errors
/// [`AuditError`] when there is nothing to compare; a topic that differs is a report with differences.
pub async fn compare(store: &EventStore, kafka: &Kafka) -> Result<AuditReport, AuditError> {
    let state = store.lease(&lease_name(&kafka.topic)).await?;
    // Offset bounds are read after the checkpoint: the events that it covers are before them.
    let (scan, marks) = TopicScan::open(kafka).await?;
    let found = u32::try_from(marks.len()).expect("few partitions");
    let checkpoint = state.as_ref().map_or(0, |state| state.checkpoint);
    let recorded = state.and_then(|state| serde_json::from_str::<Recorded>(&state.note).ok());
    if let Some(recorded) = recorded.filter(|recorded| recorded.partitions != found) {
        return Err(recount(&kafka.topic, recorded.partitions, found).into());
    }
    let audit = Audit {
        store: store.clone(),
        runtime: Handle::current(),
        lanes: (0..)
            .zip(marks)
            .map(|(partition, marks)| Lane::new(partition, found, marks))
            .collect(),
        report: AuditReport::new(&kafka.topic, checkpoint),
        scan,
    };
    let compared = tokio::task::spawn_blocking(move || audit.compare());
    compared.await.unwrap_or_else(|ended| Err(AuditError::BrokenOff(ended.to_string())))
}

struct Audit {
    store: EventStore,
    runtime: Handle,
    scan: TopicScan,
    lanes: Vec<Lane>,
    report: AuditReport,
}

impl Audit {
    fn compare(mut self) -> Result<AuditReport, AuditError> {
        let mut after: Position = 0;
        while after < self.report.checkpoint && !self.report.is_full() {
            let page = self.runtime.block_on(self.store.read_feed(after, PAGE_EVENTS))?;
            let Some(last) = page.last() else {
                self.report.differ(format!(
                    "the log ends at position {after}, before the checkpoint at {}",
                    self.report.checkpoint
                ));
                break;
            };
            after = last.position;
            let compared = page.iter().take_while(|event| event.position <= self.report.checkpoint);
            for event in compared.collect::<Vec<_>>() {
                self.find(event)?;
            }
        }
        for (partition, lane) in (0..).zip(&mut self.lanes).filter(|(_, lane)| lane.paused) {
            lane.paused = false;
            self.scan.resume(partition)?;
        }
        while !self.report.is_full() && self.pull()? {
            self.drain();
        }
        self.drain();
        self.report.partitions = self.lanes.iter().map(Lane::range).collect();
        Ok(self.report)
    }

    /// Looks for the event where it must stand next.
    fn find(&mut self, event: &RecordedEvent) -> Result<(), AuditError> {
        let partitions = u32::try_from(self.lanes.len()).expect("few partitions");
        let partition = partition_of(event.partition_key, partitions);
        let index = usize::try_from(partition).expect("partitions count from 0");
        loop {
            let (lane, report) = (&mut self.lanes[index], &mut self.report);
            match lane.find(event, report) {
                Found::Settled => break,
                Found::NeedsMore if self.scan.is_over(partition) => {
                    lane.absent(event, report);
                    break;
                }
                Found::NeedsMore => {
                    // All waiting records may have been repeats.
                    self.resume_if_few(partition)?;
                    self.pull()?;
                }
            }
        }
        self.resume_if_few(partition)
    }

    fn resume_if_few(&mut self, partition: i32) -> Result<(), AuditError> {
        let lane = &mut self.lanes[usize::try_from(partition).expect("partitions count from 0")];
        if lane.paused && lane.waiting.len() < FEW_WAITING {
            lane.paused = false;
            self.scan.resume(partition)?;
        }
        Ok(())
    }

    /// Takes one record from the topic; false at its end.
    fn pull(&mut self) -> Result<bool, AuditError> {
        let Some((partition, record)) = self.scan.next_record()? else { return Ok(false) };
        let index = usize::try_from(partition).expect("partitions count from 0");
        let lane = &mut self.lanes[index];
        lane.waiting.push_back(record);
        if !lane.paused && lane.waiting.len() > MANY_WAITING {
            lane.paused = true;
            self.scan.pause(partition)?;
        }
        Ok(true)
    }

    /// Checks the records after the last compared event.
    fn drain(&mut self) {
        for lane in &mut self.lanes {
            lane.drain(&mut self.report);
        }
    }
}
