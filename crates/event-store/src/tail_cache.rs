//! The tail cache: the events committed last, kept in memory for readers that follow the log in the same process.
//!
//! A follower mostly reads events that its own process wrote a moment ago; a page from here saves a read of the storage
//! for each batch. The cache takes only committed events, in the order of the log and without a hole: when another process
//! has appended in between, it is emptied. The log stays the truth; events that are not here are read there.

use crate::plan::Plan;
use crate::{Capacities, MAX_PAGE_BYTES, Position, RecordedEvent};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The newest events of the log, kept once a reader follows it.
#[derive(Debug)]
pub(crate) struct TailCache {
    /// The most events kept.
    max_events: usize,
    /// The most bytes of payload kept.
    max_bytes: usize,
    followed: AtomicBool,
    tail: Mutex<Tail>,
}

#[derive(Debug, Default)]
struct Tail {
    events: VecDeque<Arc<RecordedEvent>>,
    bytes: usize,
}

impl TailCache {
    /// Empty; keeps nothing until [`TailCache::follow`].
    pub fn new(capacities: &Capacities) -> Self {
        Self {
            max_events: capacities.tail_events,
            max_bytes: capacities.tail_bytes,
            followed: AtomicBool::new(false),
            tail: Mutex::default(),
        }
    }

    /// From now on appended events are kept.
    pub fn follow(&self) {
        self.followed.store(true, Ordering::Relaxed);
    }

    /// Empties the cache and keeps nothing any more.
    pub fn close(&self) {
        self.followed.store(false, Ordering::Relaxed);
        *self.tail.lock().unwrap_or_else(PoisonError::into_inner) = Tail::default();
    }

    /// Keeps the events that were just committed.
    pub fn committed(&self, plan: &Plan<'_>) {
        if !self.followed.load(Ordering::Relaxed) || plan.events.is_empty() {
            return;
        }
        let events: Vec<_> = plan.recorded().map(Arc::new).collect();
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let follows = |last: &Arc<RecordedEvent>| last.position + 1 == events[0].position;
        if !tail.events.back().is_some_and(follows) {
            *tail = Tail::default();
        }
        for event in events {
            tail.bytes += event.payload.len();
            tail.events.push_back(event);
        }
        while tail.events.len() > self.max_events || tail.bytes > self.max_bytes {
            let Some(gone) = tail.events.pop_front() else { return };
            tail.bytes -= gone.payload.len();
        }
    }

    /// The page after a position, if its first event is kept.
    pub fn page(&self, after: Position, limit: usize) -> Option<Vec<RecordedEvent>> {
        let page: Vec<Arc<RecordedEvent>> = {
            let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
            let first = tail.events.front()?.position;
            let skipped = usize::try_from(after.checked_add(1)?.checked_sub(first)?).ok()?;
            let mut bytes = 0;
            let fits = |event: &&Arc<RecordedEvent>| {
                let room = bytes < MAX_PAGE_BYTES;
                bytes += event.payload.len();
                room
            };
            tail.events.iter().skip(skipped).take(limit).take_while(fits).cloned().collect()
        };
        let page: Vec<_> = page.into_iter().map(Arc::unwrap_or_clone).collect();
        (!page.is_empty()).then_some(page)
    }
}
