//! Partition buffers: records that a member has read and not yet handed over, one lane for each partition that it owns.

use crate::wire::{Content, Record};
use std::collections::BTreeMap;

/// Pages are full when they hold this many records together…
pub const MAX_RECORDS: usize = 2_000;
/// …or with the record that brings their payloads to this many bytes.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Consecutive records of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Which partition.
    pub partition: i32,
    /// Where the page before ended: what the checkpoint must be for this page to be applied.
    pub from: i64,
    /// Where this one ends: what the checkpoint becomes.
    pub next: i64,
    /// The records, in order.
    pub records: Vec<Record>,
}

/// All lanes of a member.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    lanes: BTreeMap<i32, Lane>,
    /// At least the records in all lanes: dropped ones stay counted until the next pages are made.
    records: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Lane {
    from: i64,
    next: i64,
    records: Vec<Record>,
    /// Paused because its records are lost, until the engine says where to go on.
    paused: bool,
}

impl Lanes {
    /// The partition is assigned and read from `from` on; its gathered records are dropped.
    pub fn begin(&mut self, partition: i32, from: i64) {
        let lane = Lane { from, next: from, records: Vec::new(), paused: false };
        self.lanes.insert(partition, lane);
    }

    /// The partition waits until the engine says where to continue.
    pub fn pause(&mut self, partition: i32) {
        if let Some(lane) = self.lanes.get_mut(&partition) {
            lane.paused = true;
        }
    }

    /// The partition is no longer assigned.
    pub fn end(&mut self, partition: i32) {
        self.lanes.remove(&partition);
    }

    pub fn owns(&self, partition: i32) -> bool {
        self.lanes.contains_key(&partition)
    }

    /// Where each partition that is being read goes on.
    pub fn reading(&self) -> Vec<(i32, i64)> {
        let reading = self.lanes.iter().filter(|(_, lane)| !lane.paused);
        reading.map(|(partition, lane)| (*partition, lane.next)).collect()
    }

    pub fn partitions(&self) -> Vec<i32> {
        self.lanes.keys().copied().collect()
    }

    /// Adds a record; true if it fills the pages. Records of unassigned partitions, and records from before a jump, are
    /// dropped.
    pub fn push(&mut self, partition: i32, record: Record) -> bool {
        let Some(lane) = self.lanes.get_mut(&partition) else { return false };
        if lane.paused || record.offset < lane.next {
            return false;
        }
        lane.next = record.offset + 1;
        self.records += 1;
        self.bytes += match &record.content {
            Content::Event(event) => event.payload.len(),
            Content::Mark(_) | Content::Poison(_) => 0,
        };
        lane.records.push(record);
        self.records >= MAX_RECORDS || self.bytes >= MAX_BYTES
    }

    /// True if nothing is gathered.
    pub fn are_empty(&self) -> bool {
        self.records == 0
    }

    /// Takes all gathered records as pages.
    pub fn pages(&mut self) -> Vec<Page> {
        (self.records, self.bytes) = (0, 0);
        self.lanes.iter_mut().filter_map(|(partition, lane)| lane.page(*partition)).collect()
    }
}

impl Lane {
    fn page(&mut self, partition: i32) -> Option<Page> {
        if self.records.is_empty() {
            return None;
        }
        let records = std::mem::take(&mut self.records);
        let page = Page { partition, from: self.from, next: self.next, records };
        self.from = self.next;
        Some(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: i64) -> Record {
        Record { offset, content: Content::Mark(1) }
    }

    #[test]
    fn pages_follow_one_another_without_a_gap() {
        let mut lanes = Lanes::default();
        lanes.begin(3, 10);
        lanes.begin(4, 0);
        assert!(!lanes.push(3, record(10)));
        assert!(!lanes.push(3, record(12)));
        let first = lanes.pages().pop().unwrap();
        assert_eq!((first.from, first.next, first.records.len()), (10, 13, 2));
        assert!(lanes.pages().is_empty() && lanes.are_empty());
        assert!(!lanes.push(4, record(0)));
        let last = 13 + MAX_RECORDS as i64 - 2;
        for offset in 13..last {
            assert!(!lanes.push(3, record(offset)));
        }
        assert!(lanes.push(3, record(last)), "two lanes together are full");
        let [full, other] = lanes.pages().try_into().unwrap();
        assert_eq!((full.from, full.records.len()), (13, MAX_RECORDS - 1));
        assert_eq!((other.partition, other.records.len()), (4, 1));
        assert_eq!(lanes.reading(), [(3, full.next), (4, 1)]);
    }

    #[test]
    fn records_from_before_a_jump_or_of_others_partitions_are_dropped() {
        let mut lanes = Lanes::default();
        lanes.begin(0, 5);
        lanes.push(0, record(5));
        lanes.begin(0, 50);
        lanes.push(0, record(6));
        lanes.push(1, record(6));
        assert!(lanes.pages().is_empty());
        lanes.pause(0);
        lanes.push(0, record(50));
        assert!(lanes.pages().is_empty() && lanes.reading().is_empty());
        lanes.end(0);
        assert!(!lanes.owns(0));
    }
}
