//! One call of the store with everything it is given, and what is seen of its answer.

use event_store::{
    Append, AppendError, Appended, EventStore, Head, Lease, LeaseState, LoadedStream, Position,
    RecordedEvent, Snapshot, StoreError, StoredAnswer, StreamId, Timestamp, VerifyReport, Version,
};
use futures::FutureExt;
use futures::future::{Fuse, join_all};
use std::task::Poll;

/// A call.
#[derive(Debug, Clone)]
pub enum Call {
    Append(Append),
    /// Each with whether its caller goes away.
    AppendTogether(Vec<(Append, bool)>),
    ReadFeed(Position, usize),
    ReadStream(StreamId, Version, usize),
    Load(Vec<StreamId>, u16),
    Answers(Vec<String>),
    SaveSnapshot(StreamId, u16, Snapshot),
    ForgetAnswers(Timestamp),
    Lease(String),
    TakeLease(String, &'static str, Option<LeaseState>),
    RenewLease(Lease),
    AdvanceCheckpoint(Lease, Position, String),
    ReleaseLease(Lease),
    Hint,
    Head,
    Verify,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Appended(Appended),
    /// `None` for those whose callers went away.
    AppendedTogether(Vec<Option<Answer>>),
    Events(Vec<RecordedEvent>),
    Loaded(Vec<LoadedStream>),
    Answers(Vec<Option<StoredAnswer>>),
    Done,
    Forgotten(u64),
    Lease(Option<LeaseState>),
    Taken(Option<Lease>),
    Held(bool),
    Hint(Position),
    Head(Head),
    Verified(VerifyReport),
    /// The kind of the error; its text is the backend's own.
    Refused(&'static str),
}

/// Calls the store.
pub async fn make(store: &EventStore, call: Call) -> Answer {
    attempt(store, call).await.unwrap_or_else(Answer::Refused)
}

async fn attempt(store: &EventStore, call: Call) -> Result<Answer, &'static str> {
    Ok(match call {
        Call::Append(append) => heard(store.append(append).await)?,
        Call::AppendTogether(appends) => {
            Answer::AppendedTogether(append_together(store, appends).await)
        }
        Call::ReadFeed(after, limit) => {
            Answer::Events(read_feed(store, after, limit).await.map_err(kind)?)
        }
        Call::ReadStream(stream, after, limit) => {
            Answer::Events(store.read_stream(&stream, after, limit).await.map_err(kind)?)
        }
        Call::Load(streams, version) => {
            Answer::Loaded(store.load(&streams, version).await.map_err(kind)?)
        }
        Call::Answers(keys) => Answer::Answers(store.answers(&keys).await.map_err(kind)?),
        Call::SaveSnapshot(stream, version, snapshot) => {
            store.save_snapshot(&stream, version, snapshot).await.map_err(kind)?;
            Answer::Done
        }
        Call::ForgetAnswers(before) => {
            Answer::Forgotten(store.forget_answers(before).await.map_err(kind)?)
        }
        Call::Lease(name) => Answer::Lease(store.lease(&name).await.map_err(kind)?),
        Call::TakeLease(name, holder, seen) => {
            Answer::Taken(store.take_lease(&name, holder, seen.as_ref()).await.map_err(kind)?)
        }
        Call::RenewLease(lease) => Answer::Held(store.renew_lease(&lease).await.map_err(kind)?),
        Call::AdvanceCheckpoint(lease, checkpoint, note) => {
            let held = store.advance_checkpoint(&lease, checkpoint, &note).await;
            Answer::Held(held.map_err(kind)?)
        }
        Call::ReleaseLease(lease) => Answer::Held(store.release_lease(&lease).await.map_err(kind)?),
        Call::Hint => Answer::Hint(*store.head_hint().borrow()),
        Call::Head => Answer::Head(store.head().await.map_err(kind)?),
        Call::Verify => Answer::Verified(store.verify(|_, _| {}).await.map_err(kind)?),
    })
}

fn heard(appended: Result<Appended, AppendError>) -> Result<Answer, &'static str> {
    match appended {
        Ok(appended) => Ok(Answer::Appended(appended)),
        Err(AppendError::Failed(error)) => Err(kind(error)),
        Err(AppendError::Unknown(_)) => Err("unknown"),
    }
}

/// Begins all of the appends in their order before any caller goes on or goes away.
async fn append_together(store: &EventStore, appends: Vec<(Append, bool)>) -> Vec<Option<Answer>> {
    let mut callers = Vec::with_capacity(appends.len());
    for (append, gone) in appends {
        let mut caller = Box::pin(store.append_staying(append)).fuse();
        let begun = futures::poll!(&mut caller);
        callers.push((caller, begun, gone));
    }
    callers.iter_mut().filter(|(.., gone)| *gone).for_each(|(caller, ..)| {
        *caller = Fuse::terminated();
    });
    let hear = |(caller, begun, gone)| async move {
        let appended = match begun {
            _ if gone => return None,
            Poll::Ready(appended) => appended,
            Poll::Pending => caller.await,
        };
        Some(heard(appended).unwrap_or_else(Answer::Refused))
    };
    let answers = join_all(callers.into_iter().map(hear)).await;
    // It comes after all that is still being made for those who went away.
    let empty = Append { entries: Vec::new(), recorded_at: Timestamp::UNIX_EPOCH };
    store.append(empty).await.ok();
    answers
}

/// A page may end early (only an empty one is the end), so it is read on to the limit.
async fn read_feed(
    store: &EventStore,
    after: Position,
    limit: usize,
) -> Result<Vec<RecordedEvent>, StoreError> {
    let mut events = store.read_feed(after, limit).await?;
    while events.len() < limit
        && let Some(last) = events.last()
    {
        let page = store.read_feed(last.position, limit - events.len()).await?;
        if page.is_empty() {
            break;
        }
        events.extend(page);
    }
    Ok(events)
}

fn kind(error: StoreError) -> &'static str {
    match error {
        StoreError::Unavailable(_) => "unavailable",
        StoreError::Corrupt(_) => "corrupt",
        StoreError::InvalidUrl(_) => "invalid URL",
    }
}
