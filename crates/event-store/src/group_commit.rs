//! Group commit: appends that wait for the writer share its next transaction.
//!
//! A caller that finds no leader leads: it takes the writer, commits its own append together with all that wait by then,
//! up to two bounds, and gives each its own answer. Later appends wait; the first of them leads next. So any number of
//! pipelines cost one commit at a time, and within the bounds an append waits for one other transaction at most. A
//! single caller needs neither a channel nor a task.
//!
//! Appends are independent: each is answered as if it had its own transaction, in the order of arrival (`plan`). If the
//! storage refuses a transaction of several, nothing of it is stored, and each gets its own. If an outcome cannot be
//! settled, it is unknown for all of them.
//!
//! No caller waits for ever: a leader that is dropped or panics hands the lead on. The callers whose appends it had
//! taken get "outcome unknown", because it may have committed.

use crate::{Append, AppendError, Appended, StoreError};
use std::collections::VecDeque;
use std::slice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// The most entries in a transaction of several appends.
const MAX_SHARED_ENTRIES: usize = 4_096;
/// The most bytes in a transaction of several appends.
const MAX_SHARED_BYTES: usize = 16 * 1024 * 1024;
/// The most appends that may wait.
const MAX_WAITING: usize = 4_096;

/// A writer that commits several appends in one transaction; each backend has one.
pub(crate) trait Transact: Send {
    /// Commits these appends in one transaction, in order: all or nothing. Returns one answer for each.
    fn append(
        &mut self,
        group: &[Append],
    ) -> impl Future<Output = Result<Vec<Appended>, AppendError>> + Send;
}

/// A writer, and the appends that wait for it.
#[derive(Debug)]
pub(crate) struct GroupCommit<W> {
    writer: Arc<tokio::sync::Mutex<W>>,
    queue: Arc<Queue>,
}

impl<W: Transact> GroupCommit<W> {
    pub fn new(writer: W) -> Self {
        Self { writer: Arc::new(tokio::sync::Mutex::new(writer)), queue: Arc::default() }
    }

    /// The writer itself, for other work than appends; it waits its turn among them.
    pub fn writer(&self) -> &Arc<tokio::sync::Mutex<W>> {
        &self.writer
    }

    /// Commits an append, alone or together with others.
    pub async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        let (lead, append) = match self.queue.enter(append)? {
            Entered::Leading(lead, append) => (lead, append),
            Entered::Waiting(turn) => match turn.await {
                Ok(Turn::Lead(lead, append)) => (lead, append),
                Ok(Turn::Made(answer)) => return answer,
                Err(_) => {
                    let ended = "the append that shared its transaction ended half-way";
                    return Err(AppendError::Unknown(ended.to_owned()));
                }
            },
        };
        let mut writer = self.writer.lock().await;
        let followers = lead.take(&append);
        if followers.is_empty() {
            return alone(&mut *writer, &append).await;
        }
        let mut group = Vec::with_capacity(followers.len() + 1);
        let mut turns = Vec::with_capacity(followers.len());
        group.push(append);
        for Waiting { append, turn, .. } in followers {
            group.push(append);
            turns.push(turn);
        }
        let (own, others) = together(&mut *writer, &group).await;
        // The next transaction begins before the callers of this one wake.
        drop(writer);
        drop(lead);
        for (turn, answer) in turns.into_iter().zip(others) {
            // A caller that is gone receives nothing.
            turn.send(Turn::Made(answer)).ok();
        }
        own
    }
}

type Answer = Result<Appended, AppendError>;

async fn alone(writer: &mut impl Transact, append: &Append) -> Answer {
    let mut appended = writer.append(slice::from_ref(append)).await?;
    Ok(appended.pop().expect("a writer gives an answer for each append"))
}

/// Commits a group. Returns the first append's answer, and those of the others.
async fn together(writer: &mut impl Transact, group: &[Append]) -> (Answer, Vec<Answer>) {
    let mut answers = match writer.append(group).await {
        Ok(appended) => {
            assert_eq!(appended.len(), group.len(), "a writer gives an answer for each append");
            appended.into_iter().map(Ok).collect()
        }
        Err(AppendError::Unknown(why)) => {
            group.iter().map(|_| Err(AppendError::Unknown(why.clone()))).collect()
        }
        Err(AppendError::Failed(error)) => {
            tracing::debug!(%error, appends = group.len(), "a shared transaction failed; each append is made by itself");
            let mut answers = VecDeque::with_capacity(group.len());
            for append in group {
                answers.push_back(alone(writer, append).await);
            }
            answers
        }
    };
    let own = answers.pop_front().expect("a group has a first append");
    (own, answers.into())
}

#[derive(Debug, Default)]
struct Queue(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Whether a caller leads, or the lead is on its way to one.
    led: bool,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    append: Append,
    size: Size,
    turn: oneshot::Sender<Turn>,
}

/// The message to a caller that waits.
#[derive(Debug)]
enum Turn {
    /// It leads; this is its own append.
    Lead(Lead, Append),
    /// Its append was made.
    Made(Answer),
}

enum Entered {
    Leading(Lead, Append),
    Waiting(oneshot::Receiver<Turn>),
}

impl Queue {
    fn enter(self: &Arc<Self>, append: Append) -> Result<Entered, StoreError> {
        let mut state = self.lock();
        if !state.led {
            state.led = true;
            return Ok(Entered::Leading(Lead(Some(Arc::clone(self))), append));
        }
        if state.waiting.len() >= MAX_WAITING {
            let full = format!("{MAX_WAITING} appends wait for the writer");
            return Err(StoreError::Unavailable(full));
        }
        let (turn, hears) = oneshot::channel();
        let size = Size::of(&append);
        state.waiting.push_back(Waiting { append, size, turn });
        Ok(Entered::Waiting(hears))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to use the writer for appends: one caller has it at a time. Dropped, it goes to the first that waits.
#[derive(Debug)]
struct Lead(Option<Arc<Queue>>);

impl Lead {
    /// The waiting appends that fit into the leader's transaction, in the order of arrival.
    fn take(&self, own: &Append) -> Vec<Waiting> {
        let Some(queue) = &self.0 else { return Vec::new() };
        let mut state = queue.lock();
        let mut taken = Vec::new();
        if state.waiting.is_empty() {
            return taken;
        }
        let mut size = Size::of(own);
        while let Some(next) = state.waiting.front() {
            size = size.with(next.size);
            if size.entries > MAX_SHARED_ENTRIES || size.bytes > MAX_SHARED_BYTES {
                break;
            }
            taken.extend(state.waiting.pop_front());
        }
        taken
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        let Some(queue) = self.0.take() else { return };
        loop {
            let next = {
                let mut state = queue.lock();
                let next = state.waiting.pop_front();
                state.led = next.is_some();
                next
            };
            let Some(Waiting { append, turn, .. }) = next else { return };
            match turn.send(Turn::Lead(Self(Some(Arc::clone(&queue))), append)) {
                // A caller that is gone cannot lead; the lead comes back.
                Err(Turn::Lead(mut lead, _)) => drop(lead.0.take()),
                Ok(()) | Err(Turn::Made(_)) => return,
            }
        }
    }
}

/// An append's share of the bounds of a transaction.
#[derive(Debug, Clone, Copy)]
struct Size {
    entries: usize,
    bytes: usize,
}

impl Size {
    fn of(append: &Append) -> Self {
        Self { entries: append.entries.len(), bytes: append.bytes() }
    }

    fn with(self, other: Self) -> Self {
        Self { entries: self.entries + other.entries, bytes: self.bytes + other.bytes }
    }
}

#[cfg(test)]
#[path = "group_commit_tests.rs"]
mod tests;
