//! Reads pages of the log and decodes them once for all projections.
//!
//! Reading and decoding run in a task of their own, one page ahead of folding. Positions are checked here: they must
//! follow each other without a hole, so no projection can move past an event that it has not seen.

use crate::ProjectorError;
use crate::decoded::Decoded;
use crate::registry::Registry;
use event_store::subscription::Follower;
use event_store::{EventStore, RecordedEvent, StoreError};
use read_model::write::catalog::SourceHead;
use server::clock;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// Decoded events after which a page lets other tasks run.
const YIELD_EVERY: usize = 256;

/// The log, with the registry that decodes its events. (A topic is many sequences; `run_topic` follows it.)
#[derive(Debug, Clone)]
pub struct Source {
    log: EventStore,
    registry: Registry,
}

/// Consecutive events.
#[derive(Debug)]
pub(crate) struct Page {
    /// The position before the first event.
    pub after: u64,
    /// Empty only at the end of the log. Ends before a missing or damaged event.
    pub events: Vec<Decoded>,
}

impl Page {
    /// The position of the last event.
    pub(crate) fn to(&self) -> u64 {
        self.after + self.events.len() as u64
    }
}

impl Source {
    /// A log and the registry that decodes its events.
    pub fn new(log: EventStore, registry: Registry) -> Self {
        Self { log, registry }
    }

    /// The registry that decodes the events.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The end of the log, as of now.
    pub(crate) async fn head(&self) -> Result<SourceHead, ProjectorError> {
        let head = self.log.head().await?;
        Ok(SourceHead {
            position: head.position,
            recorded_at: head.recorded_at.timestamp_micros(),
            seen_at: clock::now().timestamp_micros(),
            hash: Some(head.hash),
        })
    }

    /// The hash of the event at a position, if there is one.
    pub(crate) async fn hash_at(&self, position: u64) -> Result<Option<[u8; 32]>, ProjectorError> {
        let Some(before) = position.checked_sub(1) else { return Ok(None) };
        let found = self.log.read_feed(before, 1).await?;
        Ok(found.first().filter(|event| event.position == position).map(|event| event.hash))
    }

    /// Says when to read the next page: on a hint of the log, or after `poll`.
    pub(crate) fn follow(&self, poll: Duration, shutdown: &CancellationToken) -> Follower {
        Follower::new(&self.log, poll, shutdown)
    }

    /// Events up to the first missing or damaged one. It is an error only if that is the very next one.
    pub(crate) async fn feed(
        &self,
        after: u64,
        mut limit: usize,
    ) -> Result<Vec<RecordedEvent>, ProjectorError> {
        loop {
            match self.log.read_feed(after, limit).await {
                Ok(feed) => return Ok(feed),
                Err(StoreError::Corrupt(_)) if limit > 1 => limit /= 2,
                Err(error @ StoreError::Corrupt(_)) => {
                    return Err(ProjectorError::Damaged { after, error });
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn page(&self, after: u64, limit: usize) -> Result<Page, ProjectorError> {
        let feed = self.feed(after, limit).await?;
        let mut events = Vec::with_capacity(feed.len());
        for (index, recorded) in feed.into_iter().enumerate() {
            let expected = after + 1 + index as u64;
            if recorded.position != expected {
                return Err(ProjectorError::Gap { expected, found: recorded.position });
            }
            events.push(self.registry.decode(recorded));
            if index % YIELD_EVERY == YIELD_EVERY - 1 {
                tokio::task::yield_now().await;
            }
        }
        Ok(Page { after, events })
    }
}

/// Reads pages, and one page ahead after [`Reader::prefetch`].
#[derive(Debug)]
pub(crate) struct Reader {
    source: Source,
    ahead: Option<Ahead>,
}

#[derive(Debug)]
struct Ahead {
    after: u64,
    limit: usize,
    page: AbortOnDropHandle<Result<Page, ProjectorError>>,
}

impl Reader {
    pub(crate) fn new(source: Source) -> Self {
        Self { source, ahead: None }
    }

    /// Begins to read the page after `after`.
    pub(crate) fn prefetch(&mut self, after: u64, limit: usize) {
        let source = self.source.clone();
        let page = tokio::spawn(async move { source.page(after, limit).await });
        self.ahead = Some(Ahead { after, limit, page: AbortOnDropHandle::new(page) });
    }

    /// The page after `after`: the prefetched page if it begins there and is not longer than `limit`.
    pub(crate) async fn page(&mut self, after: u64, limit: usize) -> Result<Page, ProjectorError> {
        if let Some(ahead) = self.ahead.take()
            && ahead.after == after
            && ahead.limit <= limit
        {
            let page = ahead.page.await.map_err(ProjectorError::from_panic)??;
            if !page.events.is_empty() {
                return Ok(page);
            }
        }
        self.source.page(after, limit).await
    }
}
