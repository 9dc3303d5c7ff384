//! The events committed last, kept in memory for whoever follows the log in the same process.
//!
//! Most of what a follower asks for was written a moment ago by the very process it runs in; answering from here spares
//! the storage a read for each batch. Only what is committed comes in, in the order of the log and without a hole: when
//! another process has appended in between, what is kept is let go. The log stays the truth; whatever is not here is
//! read there.

use crate::plan::Plan;
use crate::{Capacities, MAX_PAGE_BYTES, Position, RecordedEvent};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The last events of the log, if anybody follows it.
#[derive(Debug)]
pub(crate) struct Recent {
    /// The most events kept.
    max_events: usize,
    /// The most bytes of payload kept.
    max_bytes: usize,
    followed: AtomicBool,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<Arc<RecordedEvent>>,
    bytes: usize,
}

impl Recent {
    /// Nobody follows yet.
    pub fn new(capacities: &Capacities) -> Self {
        Self {
            max_events: capacities.recent_events,
            max_bytes: capacities.recent_bytes,
            followed: AtomicBool::new(false),
            kept: Mutex::default(),
        }
    }

    /// Somebody follows from now on.
    pub fn follow(&self) {
        self.followed.store(true, Ordering::Relaxed);
    }

    /// Nothing is kept or given out any more.
    pub fn close(&self) {
        self.followed.store(false, Ordering::Relaxed);
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Kept::default();
    }

    /// Keeps what was committed just now.
    pub fn committed(&self, plan: &Plan<'_>) {
        if !self.followed.load(Ordering::Relaxed) || plan.events.is_empty() {
            return;
        }
        let events: Vec<_> = plan.recorded().map(Arc::new).collect();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let follows = |last: &Arc<RecordedEvent>| last.position + 1 == events[0].position;
        if !kept.events.back().is_some_and(follows) {
            *kept = Kept::default();
        }
        for event in events {
            kept.bytes += event.payload.len();
            kept.events.push_back(event);
        }
        while kept.events.len() > self.max_events || kept.bytes > self.max_bytes {
            let Some(gone) = kept.events.pop_front() else { return };
            kept.bytes -= gone.payload.len();
        }
    }

    /// The page after a position, if its first event is kept.
    pub fn page(&self, after: Position, limit: usize) -> Option<Vec<RecordedEvent>> {
        let page: Vec<Arc<RecordedEvent>> = {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let first = kept.events.front()?.position;
            let skipped = usize::try_from(after.checked_add(1)?.checked_sub(first)?).ok()?;
            let mut bytes = 0;
            let fits = |event: &&Arc<RecordedEvent>| {
                let room = bytes < MAX_PAGE_BYTES;
                bytes += event.payload.len();
                room
            };
            kept.events.iter().skip(skipped).take(limit).take_while(fits).cloned().collect()
        };
        let page: Vec<_> = page.into_iter().map(Arc::unwrap_or_clone).collect();
        (!page.is_empty()).then_some(page)
    }
}
