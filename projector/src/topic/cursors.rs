//! The read state of each partition that this member owns.

use std::collections::BTreeMap;

/// The read state of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cursor {
    /// Just assigned: read from where the lookup of its checkpoint let the consumer begin.
    Fresh,
    /// The consumer was asked to read from this offset. Pages that begin later were under way before that. A page that
    /// begins here may have been, too; then the same records come again, and are passed over.
    Seeking(i64),
    /// Its pages follow one another.
    Reading,
    /// It waits for a seek to its checkpoint, once the checkpoints can be read.
    NeedsSeek,
    /// Its records are gone, and there is no log to read them from.
    Gone,
}

/// The cursors of all partitions that are assigned.
#[derive(Debug, Default)]
pub(super) struct Cursors(BTreeMap<i32, Cursor>);

impl Cursors {
    pub(super) fn assign(&mut self, partitions: Vec<i32>) {
        self.0.extend(partitions.into_iter().map(|number| (number, Cursor::Fresh)));
    }

    pub(super) fn revoke(&mut self, partitions: &[i32]) {
        self.0.retain(|number, _| !partitions.contains(number));
    }

    /// `None`: the partition is not assigned.
    pub(super) fn get(&self, number: i32) -> Option<Cursor> {
        self.0.get(&number).copied()
    }

    pub(super) fn set(&mut self, number: i32, cursor: Cursor) {
        self.0.insert(number, cursor);
    }

    /// Whether a page of a partition that begins at this offset is to be applied.
    pub(super) fn expects(&self, number: i32, offset: i64) -> bool {
        match self.get(number) {
            Some(Cursor::Fresh | Cursor::Reading) => true,
            Some(Cursor::Seeking(from)) => offset <= from,
            Some(Cursor::NeedsSeek | Cursor::Gone) | None => false,
        }
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = i32> {
        self.0.keys().copied()
    }

    /// The partitions with this cursor.
    pub(super) fn at(&self, cursor: Cursor) -> Vec<i32> {
        let its = self.0.iter().filter(|(_, other)| **other == cursor);
        its.map(|(number, _)| *number).collect()
    }

    /// Everything read since the checkpoints is discarded: every partition that is not gone needs a seek.
    pub(super) fn reset(&mut self) {
        let known = self.0.values_mut().filter(|cursor| **cursor != Cursor::Gone);
        known.for_each(|cursor| *cursor = Cursor::NeedsSeek);
    }

    /// Other projections are fed from now on: partitions that are being read may be needed from another offset.
    pub(super) fn reset_reading(&mut self) {
        for cursor in self.0.values_mut() {
            if matches!(cursor, Cursor::Reading | Cursor::Seeking(_)) {
                *cursor = Cursor::NeedsSeek;
            }
        }
    }
}
