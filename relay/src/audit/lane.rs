//! One partition under comparison: its waiting records, and the last first occurrence seen.

use super::report::{AuditReport, PartitionRange};
use crate::partition::Watermarks;
use crate::partition::partition_of;
use crate::wire::{Content, Record};
use event_store::{Position, RecordedEvent};
use std::collections::VecDeque;

/// Whether an event's place in its partition is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The event was found, or its absence was reported.
    Settled,
    /// More records are needed to decide.
    NeedsMore,
}

#[derive(Debug)]
pub(super) struct Lane {
    /// Which partition, of how many.
    partition: i32,
    partitions: u32,
    marks: Watermarks,
    pub waiting: VecDeque<Record>,
    pub paused: bool,
    /// Position of the first event that the partition still has.
    first: Option<Position>,
    /// Position of the last first occurrence.
    last: Position,
    /// The highest mark seen, and its offset.
    mark: (Position, i64),
}

impl Lane {
    pub fn new(partition: i32, partitions: u32, marks: Watermarks) -> Self {
        Self {
            partition,
            partitions,
            marks,
            waiting: VecDeque::new(),
            paused: false,
            first: None,
            last: 0,
            mark: (0, 0),
        }
    }

    pub fn range(&self) -> PartitionRange {
        PartitionRange { low: self.marks.low, high: self.marks.high, first_position: self.first }
    }

    /// Advances to the next first occurrence, which must be this event.
    pub fn find(&mut self, event: &RecordedEvent, report: &mut AuditReport) -> Found {
        let partition = self.partition;
        while let Some(record) = self.waiting.pop_front() {
            let offset = record.offset;
            match record.content {
                content if self.is_elsewheres(&content) => self.odd(offset, &content, report),
                Content::Event(found) if found.position <= self.last => report.repeats += 1,
                Content::Event(found) if found.position == event.position => {
                    self.arrive(offset, &found, report);
                    compare(partition, offset, event, &found, report);
                    return Found::Settled;
                }
                Content::Event(found) if found.position > event.position => {
                    let holds = found.position;
                    self.waiting.push_front(Record { offset, content: Content::Event(found) });
                    match self.is_trimmed() {
                        true => report.trimmed += 1,
                        false => report.differ(format!(
                            "{}: missing in partition {partition}, where offset {offset} holds position {holds}",
                            place(event)
                        )),
                    }
                    return Found::Settled;
                }
                content => self.odd(offset, &content, report),
            }
        }
        Found::NeedsMore
    }

    /// The partition ended without the event.
    pub fn absent(&mut self, event: &RecordedEvent, report: &mut AuditReport) {
        match self.is_trimmed() {
            true => report.trimmed += 1,
            false => report.differ(format!(
                "{}: missing in partition {}, which ends at offset {}",
                place(event),
                self.partition,
                self.marks.high
            )),
        }
    }

    /// Checks the records after the last compared event: repeats, and events published after the checkpoint.
    pub fn drain(&mut self, report: &mut AuditReport) {
        while let Some(Record { offset, content }) = self.waiting.pop_front() {
            match content {
                content if self.is_elsewheres(&content) => self.odd(offset, &content, report),
                Content::Event(found) if found.position <= self.last => report.repeats += 1,
                Content::Event(found) if found.position > report.checkpoint => {
                    self.arrive(offset, &found, report);
                    report.beyond += 1;
                }
                content => self.odd(offset, &content, report),
            }
        }
    }

    /// Whether the record is an event of another partition.
    fn is_elsewheres(&self, content: &Content) -> bool {
        matches!(content, Content::Event(event)
            if partition_of(event.partition_key, self.partitions) != self.partition)
    }

    fn is_trimmed(&self) -> bool {
        self.marks.low > 0 && self.first.is_none()
    }

    fn arrive(&mut self, offset: i64, found: &RecordedEvent, report: &mut AuditReport) {
        let partition = self.partition;
        let (marked, at) = self.mark;
        if found.position <= marked {
            report.differ(format!(
                "partition {partition} offset {at}: marks position {marked}, but position {} first comes at offset \
                 {offset}",
                found.position
            ));
        }
        self.first.get_or_insert(found.position);
        self.last = found.position;
    }

    fn odd(&mut self, offset: i64, content: &Content, report: &mut AuditReport) {
        let partition = self.partition;
        match content {
            Content::Mark(position) => {
                report.marks += 1;
                self.mark = self.mark.max((*position, offset));
            }
            Content::Poison(poison) => report.differ(format!(
                "partition {partition} offset {offset}: not an event of the log: {}",
                poison.reason
            )),
            Content::Event(found) => report.differ(format!(
                "partition {partition} offset {offset}: {} does not belong there",
                place(found)
            )),
        }
    }
}

fn compare(
    partition: i32,
    offset: i64,
    event: &RecordedEvent,
    found: &RecordedEvent,
    report: &mut AuditReport,
) {
    report.events += 1;
    let differing = [
        ("stream", event.stream != found.stream),
        ("partition key", event.partition_key != found.partition_key),
        ("version", event.version != found.version),
        ("id", event.event_id != found.event_id),
        ("type", event.event_type != found.event_type),
        ("schema version", event.schema_version != found.schema_version),
        ("time", event.occurred_at != found.occurred_at),
        ("recorded time", event.recorded_at != found.recorded_at),
        ("metadata", event.metadata != found.metadata),
        ("data", event.payload != found.payload),
    ];
    let names: Vec<&str> =
        differing.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect();
    if !names.is_empty() {
        let (place, names) = (place(event), names.join(", "));
        report.differ(format!(
            "{place}: partition {partition} offset {offset} has another {names} than the log"
        ));
    }
}

fn place(event: &RecordedEvent) -> String {
    let RecordedEvent { position, stream, version, .. } = event;
    format!("position {position} ({} {} version {version})", stream.stream_type, stream.id)
}
