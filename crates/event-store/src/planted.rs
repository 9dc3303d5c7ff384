//! Planted faults that take more than a condition where they strike. Without `faults/on` each hook returns its argument.

use crate::plan::{Found, plan};
use crate::stream::StreamEnd;
use crate::{Append, Entry, Head, Position, RecordedEvent};
use faults::{Fault, planted};
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// [`Fault::CursorWithoutLock`] delays one append in this many positions.
const HELD_UP: u64 = 16;
/// How long it delays the append.
const HOLD_UP: Duration = Duration::from_millis(5);

thread_local! {
    /// What this thread's readers are given of an append that has not committed.
    static UNCOMMITTED: RefCell<Vec<RecordedEvent>> = const { RefCell::new(Vec::new()) };
}

/// The next value of the sequence that the fault uses.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Shows readers on this thread what is about to be appended to a log with this head ([`Fault::PositionReused`]).
pub(crate) fn show(append: &Append, head: Head) {
    let mut found = Found::default();
    for entry in &append.entries {
        let (version, partition_key) = (entry.expected_version, None);
        found.streams.entry(&entry.stream).or_insert(StreamEnd { version, partition_key });
    }
    let shown = plan(std::slice::from_ref(append), found, head);
    UNCOMMITTED.set(shown.recorded().collect());
}

/// A page of the feed.
pub(crate) fn with_uncommitted(
    after: Position,
    mut page: Vec<RecordedEvent>,
) -> Vec<RecordedEvent> {
    if planted(Fault::PositionReused) {
        let end = page.last().map_or(after, |event| event.position);
        let shown = UNCOMMITTED.with_borrow(Clone::clone);
        page.extend(shown.into_iter().filter(|event| event.position > end));
    }
    page
}

/// An append, and the answers that are to be kept after its commit.
pub(crate) fn answers_apart(mut append: Append) -> (Append, Option<Append>) {
    if !planted(Fault::AnswerApart) {
        return (append, None);
    }
    let mut answers = Vec::new();
    for entry in append.entries.iter_mut().filter(|entry| !entry.events.is_empty()) {
        let Some(answer) = entry.answer.take() else { continue };
        answers.push(Entry {
            stream: entry.stream,
            expected_version: entry.expected_version + entry.events.len() as u64,
            partition_key: None,
            events: Vec::new(),
            answer: Some(answer),
            joint: None,
            metadata: entry.metadata.clone(),
        });
    }
    let recorded_at = append.recorded_at;
    let answers = (!answers.is_empty()).then_some(Append { entries: answers, recorded_at });
    (append, answers)
}

/// The statement that locks the head.
pub(crate) fn unlocked(sql: &'static str) -> &'static str {
    if planted(Fault::CursorWithoutLock) { sql.trim_end_matches(" FOR UPDATE") } else { sql }
}

/// The head that these appends follow. With [`Fault::CursorWithoutLock`], the log was empty when the process began.
pub(crate) fn cursor(head: Head, group: &[Append]) -> Head {
    if !planted(Fault::CursorWithoutLock) {
        return head;
    }
    let events: u64 = group.iter().map(|append| append.events() as u64).sum();
    let position = NEXT.fetch_add(events, Ordering::SeqCst);
    // Now and then one is held up, so that others who came later are there before it.
    if position.is_multiple_of(HELD_UP) {
        std::thread::sleep(HOLD_UP);
    }
    Head { position, ..head }
}
