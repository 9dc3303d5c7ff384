//! Faults that a test plants, to see that they would be found; nothing at all without `planted-faults`.
//!
//! Each hook is one call in the append or in a read, and gives back what it was given unless its fault is turned on. A
//! fault is turned on for the whole process, so nothing else may be at work in it.

use crate::plan::Plan;
use crate::{Append, AppendError, Entry, EventStore, Head, Position, RecordedEvent};

#[cfg(feature = "planted-faults")]
pub use active::{Fault, TurnedOn, turn_on};
#[cfg(feature = "planted-faults")]
pub(crate) use active::{
    answers_apart, before_commit, cursor, is_lockless, unlocked, with_uncommitted, written,
};

/// An append, and the answers that are to be kept after its commit.
#[cfg(not(feature = "planted-faults"))]
#[inline(always)]
pub(crate) fn answers_apart(append: Append) -> (Append, Option<Append>) {
    (append, None)
}

/// This is about to be appended.
#[cfg(not(feature = "planted-faults"))]
#[inline(always)]
pub(crate) fn before_commit(
    _store: &EventStore,
    _append: &Append,
) -> std::future::Ready<Result<(), AppendError>> {
    std::future::ready(Ok(()))
}

/// The events of this plan are in the transaction.
#[cfg(not(feature = "planted-faults"))]
#[inline(always)]
pub(crate) fn written(_plan: &Plan<'_>) {}

/// A page of the feed.
#[cfg(not(feature = "planted-faults"))]
#[inline(always)]
pub(crate) fn with_uncommitted(_after: Position, page: Vec<RecordedEvent>) -> Vec<RecordedEvent> {
    page
}

/// The statement that locks the head.
#[cfg(not(feature = "planted-faults"))]
#[inline(always)]
pub(crate) fn unlocked(sql: &'static str) -> &'static str {
    sql
}

/// The head that these entries go on top of.
#[cfg(not(feature = "planted-faults"))]
#[inline(always)]
pub(crate) fn cursor(head: Head, _entries: &[Entry]) -> Head {
    head
}

/// Whether a head that has moved meanwhile is no reason to begin again.
#[cfg(not(feature = "planted-faults"))]
#[inline(always)]
pub(crate) fn is_lockless() -> bool {
    false
}

#[cfg(feature = "planted-faults")]
mod active {
    use super::*;
    use crate::plan::{Found, plan};
    use crate::points;
    use std::cell::RefCell;
    use std::sync::{Mutex, MutexGuard};
    use std::time::Duration;

    /// Delays one append in every 16 positions
    const HELD_UP: u64 = 16;
    /// by this long.
    const HOLD_UP: Duration = Duration::from_millis(5);

    /// What is wrong on purpose.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Fault {
        /// Readers of the feed are given events of transactions that have not committed, and may never.
        PublishBeforeCommit,
        /// Positions are handed out as a sequence would: without the head row's lock, before the commit.
        CursorWithoutLock,
    }

    /// The fault is turned off when this is dropped.
    #[derive(Debug)]
    pub struct TurnedOn(());

    #[derive(Debug)]
    struct Planted {
        fault: Option<Fault>,
        uncommitted: Vec<RecordedEvent>,
        next: Position,
    }

    static PLANTED: Mutex<Planted> =
        Mutex::new(Planted { fault: None, uncommitted: Vec::new(), next: 0 });

    /// Turns a fault on; for the second, in a log that is empty.
    pub fn turn_on(fault: Fault) -> TurnedOn {
        *planted() = Planted { fault: Some(fault), uncommitted: Vec::new(), next: 0 };
        TurnedOn(())
    }

    impl Drop for TurnedOn {
        fn drop(&mut self) {
            planted().fault = None;
        }
    }

    fn planted() -> MutexGuard<'static, Planted> {
        PLANTED.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn written(plan: &Plan<'_>) {
        let mut planted = planted();
        if planted.fault != Some(Fault::PublishBeforeCommit) {
            return;
        }
        planted.uncommitted = plan.recorded().collect();
    }

    pub(crate) fn with_uncommitted(
        after: Position,
        mut page: Vec<RecordedEvent>,
    ) -> Vec<RecordedEvent> {
        let planted = planted();
        if faults::planted(faults::Fault::PositionReused) {
            let end = page.last().map_or(after, |event| event.position);
            let shown = UNCOMMITTED.with_borrow(Clone::clone);
            page.extend(shown.into_iter().filter(|event| event.position > end));
        }
        if planted.fault == Some(Fault::PublishBeforeCommit) {
            let end = page.last().map_or(after, |event| event.position);
            page.extend(planted.uncommitted.iter().filter(|event| event.position > end).cloned());
        }
        page
    }

    thread_local! {
        /// What this thread's simulation shows before its commit.
        static UNCOMMITTED: RefCell<Vec<RecordedEvent>> = const { RefCell::new(Vec::new()) };
    }

    pub(crate) async fn before_commit(
        store: &EventStore,
        append: &Append,
    ) -> Result<(), AppendError> {
        if !faults::planted(faults::Fault::PositionReused) {
            return Ok(());
        }
        let head = store.head().await?;
        let mut found = Found::default();
        for entry in &append.entries {
            found.versions.entry(&entry.stream).or_insert(entry.expected_version);
        }
        let shown = plan(&append.entries, found, head, append.recorded_at);
        UNCOMMITTED.set(shown.recorded().collect());
        points::ask("log: events written").await?;
        Ok(())
    }

    pub(crate) fn answers_apart(mut append: Append) -> (Append, Option<Append>) {
        if !faults::planted(faults::Fault::AnswerApart) {
            return (append, None);
        }
        let mut answers = Vec::new();
        for entry in append.entries.iter_mut().filter(|entry| !entry.events.is_empty()) {
            let Some(answer) = entry.answer.take() else { continue };
            answers.push(Entry {
                stream: entry.stream,
                expected_version: entry.expected_version + entry.events.len() as u64,
                events: Vec::new(),
                answer: Some(answer),
                metadata: entry.metadata.clone(),
            });
        }
        let recorded_at = append.recorded_at;
        let answers = (!answers.is_empty()).then_some(Append { entries: answers, recorded_at });
        (append, answers)
    }

    pub(crate) fn unlocked(sql: &'static str) -> &'static str {
        if is_lockless() { sql.trim_end_matches(" FOR UPDATE") } else { sql }
    }

    pub(crate) fn cursor(head: Head, entries: &[Entry]) -> Head {
        let mut planted = planted();
        if planted.fault != Some(Fault::CursorWithoutLock) {
            return head;
        }
        let position = planted.next;
        planted.next += entries.iter().map(|entry| entry.events.len() as u64).sum::<u64>();
        drop(planted);
        // Now and then one is held up, so that others who came later are there before it.
        if position.is_multiple_of(HELD_UP) {
            std::thread::sleep(HOLD_UP);
        }
        Head { position, ..head }
    }

    pub(crate) fn is_lockless() -> bool {
        planted().fault == Some(Fault::CursorWithoutLock)
    }
}
