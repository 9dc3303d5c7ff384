//! Reads a log from its first event to its head and reports the first departures from what was stored.
//!
//! A changed byte breaks the chain at its own position; a removed row is a missing position, swapped rows break the
//! chain at the first of the two, a cut tail is a log that ends before its head. After a defect the audit goes on from the
//! stored row, so that one bad row is one defect. It cannot see a tail that was cut together with a changed head.

use crate::chain::{self, GENESIS, Hash};
use crate::{Head, Position, RecordedEvent, Timestamp, Version};

/// An audit ends at this many defects.
pub const MAX_DEFECTS: usize = 10;

/// What `verify` found in the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Events read.
    pub events: u64,
    /// First defects (at most [`MAX_DEFECTS`]), each naming position, stream and version, and what is wrong.
    /// Empty = sound.
    pub defects: Vec<String>,
}

/// An audit under way: fed with every row in position order, then finished.
#[derive(Debug)]
pub(crate) struct Audit {
    head: Head,
    next: Position,
    tip: Hash,
    recorded_at: Timestamp,
    scratch: Vec<u8>,
    report: VerifyReport,
}

impl Audit {
    /// An audit of the log up to `head`.
    pub fn new(head: Head) -> Self {
        Self {
            head,
            next: 1,
            tip: GENESIS,
            recorded_at: Timestamp::UNIX_EPOCH,
            scratch: Vec::new(),
            report: VerifyReport::default(),
        }
    }

    /// The last position audited.
    pub fn position(&self) -> Position {
        self.next - 1
    }

    /// Whether the audit has found [`MAX_DEFECTS`] or reached its end.
    pub fn is_over(&self) -> bool {
        self.report.defects.len() >= MAX_DEFECTS || self.next > self.head.position
    }

    /// Audits the next row.
    pub fn event(&mut self, event: &RecordedEvent) {
        self.arrive_at(event.position);
        let place = || {
            let RecordedEvent { position, stream, version, .. } = event;
            format!("position {position} ({} {} version {version})", stream.stream_type, stream.id)
        };
        if event.recorded_at < self.recorded_at {
            self.defect(format!("{}: recorded before the event in front of it", place()));
        }
        if chain::hash(&event.fields(), &self.tip, &mut self.scratch) != event.hash {
            self.defect(format!("{}: its bytes do not match its hash", place()));
        }
        self.tip = event.hash;
        self.recorded_at = event.recorded_at;
    }

    /// Reports a next row that is not readable as an event; `hash` is needed to check the row after it.
    pub fn unreadable(&mut self, position: Position, hash: Option<Hash>, error: &str) {
        self.arrive_at(position);
        self.defect(format!("position {position}: cannot be read: {error}"));
        self.tip = hash.unwrap_or(self.tip);
    }

    /// Reports a row at a position outside of the log.
    pub fn outside(&mut self, position: i64) {
        self.defect(format!("position {position}: outside of the log, which ends at its head"));
    }

    /// Reports that the storage failed before the last row.
    pub fn broken_off(&mut self, error: &str) {
        self.defect(format!("position {}: cannot be read: {error}", self.next));
    }

    /// Reports an event that does not follow the one before it in its stream.
    pub fn out_of_order(&mut self, position: Position, stream: &str, version: Version) {
        self.defect(format!(
            "position {position} ({stream} version {version}): does not follow in its stream"
        ));
    }

    /// Ends the audit after the last row.
    pub fn finish(mut self) -> VerifyReport {
        if self.report.defects.len() < MAX_DEFECTS {
            self.check_head();
        }
        self.report
    }

    fn check_head(&mut self) {
        let (last, head) = (self.position(), self.head);
        if last < head.position {
            self.defect(format!(
                "position {}: missing, the log ends before its head at {}",
                last + 1,
                head.position
            ));
        } else if self.tip != head.hash {
            self.defect(format!("position {last}: its hash is not the one in the head"));
        } else if self.recorded_at > head.recorded_at {
            self.defect(format!("position {last}: recorded after the time in the head"));
        }
    }

    fn arrive_at(&mut self, position: Position) {
        if position > self.next {
            let (first, last) = (self.next, position - 1);
            self.defect(match first == last {
                true => format!("position {first}: missing"),
                false => format!("position {first}: missing, and all up to {last}"),
            });
        }
        self.next = self.next.max(position + 1);
        self.report.events += 1;
    }

    fn defect(&mut self, defect: String) {
        if self.report.defects.len() < MAX_DEFECTS {
            self.report.defects.push(defect);
        }
    }
}
