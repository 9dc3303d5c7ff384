//! Coalescing: requests that arrive while a read runs are answered together by the next one.
//!
//! A request that finds no read running begins one; no timer delays it. A request that arrives while the same read is
//! running joins the next one, so every answer is at least as fresh as its request.
//!
//! One mechanism, two uses. A [`BatchLoader`] reads many items of one kind by one statement, because the round trip is what
//! a small read costs, not its rows. A [`SingleFlight`] reads one item once for all requests for it.

use futures::FutureExt;
use std::collections::HashMap;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// One read at a time for each key, its answer for every request with that key.
pub(crate) type SingleFlight<A> = Coalescer<String, (), A>;
/// One read for several requests of one kind, with an answer for each.
pub(crate) type BatchLoader<Q, A> = Coalescer<(), Q, A>;

/// The read that was to answer has panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Panicked;

/// The reads that run, and the requests that wait for the next ones.
#[derive(Debug)]
pub(crate) struct Coalescer<K, Q, A>(Arc<Mutex<State<K, Q, A>>>);

#[derive(Debug)]
struct State<K, Q, A> {
    most: usize,
    readers: usize,
    /// The keys that are being read.
    lanes: HashMap<K, Lane<Q, A>>,
    /// The empty list of a lane that has ended, for the next one.
    spare: Vec<Waiting<Q, A>>,
}

#[derive(Debug)]
struct Lane<Q, A> {
    waiting: Vec<Waiting<Q, A>>,
    readers: usize,
}

type Waiting<Q, A> = (Q, oneshot::Sender<A>);

impl<K, Q, A> Coalescer<K, Q, A>
where
    K: Clone + Eq + Hash + Send + 'static,
    Q: Send + 'static,
    A: Send + 'static,
{
    /// At most `most` requests in one read, and at most `readers` reads of one key at a time. A further read begins only
    /// when the waiting requests fill it.
    pub(crate) fn new(most: usize, readers: usize) -> Self {
        let state = State { most, readers, lanes: HashMap::new(), spare: Vec::new() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// The requests to be read next, without those that were abandoned. If there are none, a reader has ended.
    fn next(&self, key: &K) -> Vec<Waiting<Q, A>> {
        let mut state = self.lock();
        let State { most, lanes, spare, .. } = &mut *state;
        let Some(lane) = lanes.get_mut(key) else { return Vec::new() };
        while !lane.waiting.is_empty() {
            let mut batch = lane.take(*most);
            batch.retain(|(_, tell)| !tell.is_closed());
            if !batch.is_empty() {
                return batch;
            }
        }
        lane.readers -= 1;
        if lane.readers == 0
            && let Some(lane) = lanes.remove(key)
        {
            *spare = lane.waiting;
        }
        Vec::new()
    }

    /// Reads a batch and all that follow it, until no request waits.
    async fn read_on<R: Future<Output = Vec<A>>>(
        self,
        key: K,
        mut batch: Vec<Waiting<Q, A>>,
        read: impl Fn(Vec<Q>) -> R,
    ) {
        while !batch.is_empty() {
            let (requests, waiting): (Vec<Q>, Vec<_>) = batch.into_iter().unzip();
            let answers = AssertUnwindSafe(async { read(requests).await }).catch_unwind().await;
            for (answer, tell) in answers.unwrap_or_default().into_iter().zip(waiting) {
                // The request may have been abandoned.
                tell.send(answer).ok();
            }
            batch = self.next(&key);
        }
    }

    fn same(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    fn lock(&self) -> MutexGuard<'_, State<K, Q, A>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash, Q, A> State<K, Q, A> {
    /// Whether no read of this key ran. From now on one does.
    fn begin(&mut self, key: &K) -> bool {
        if self.lanes.contains_key(key) {
            return false;
        }
        let waiting = std::mem::take(&mut self.spare);
        self.lanes.insert(key.clone(), Lane { waiting, readers: 1 });
        true
    }

    /// Queues a request for a key that is being read. Returns the channel of its answer, and the batch to be read at once
    /// if the request has filled it.
    fn wait(&mut self, key: &K, request: Q) -> (oneshot::Receiver<A>, Vec<Waiting<Q, A>>) {
        let lane = self.lanes.get_mut(key).expect("a key that is being read has a lane");
        let (tell, answer) = oneshot::channel();
        lane.waiting.push((request, tell));
        if lane.waiting.len() < self.most || lane.readers >= self.readers {
            return (answer, Vec::new());
        }
        lane.readers += 1;
        (answer, lane.take(self.most))
    }
}

impl<Q, A> Lane<Q, A> {
    fn take(&mut self, most: usize) -> Vec<Waiting<Q, A>> {
        let taken = self.waiting.len().min(most);
        self.waiting.drain(..taken).collect()
    }
}

impl<Q: Send + 'static, A: Send + 'static> BatchLoader<Q, A> {
    /// The answer to a request. If no read runs, `alone` answers it in the caller's own task. Otherwise a `batch` answers
    /// it, which answers each of its requests, in their order.
    ///
    /// # Errors
    /// [`Panicked`], from a batch.
    pub(crate) async fn load<S, R>(
        &self,
        request: Q,
        alone: impl Future<Output = A>,
        source: &S,
        batch: fn(S, Vec<Q>) -> R,
    ) -> Result<A, Panicked>
    where
        S: Clone + Send + Sync + 'static,
        R: Future<Output = Vec<A>> + Send + 'static,
    {
        let read_in_task = |requests: Vec<_>| {
            if !requests.is_empty()
                && let Ok(runtime) = Handle::try_current()
            {
                let source = source.clone();
                let read = move |requests| batch(source.clone(), requests);
                runtime.spawn(self.same().read_on((), requests, read));
            }
        };
        let waiting = {
            let mut state = self.lock();
            if state.begin(&()) { None } else { Some(state.wait(&(), request)) }
        };
        let Some((answer, full)) = waiting else {
            // Also when the caller is gone before its answer comes, or panics.
            let _next = OnDrop(|| read_in_task(self.next(&())));
            return Ok(alone.await);
        };
        read_in_task(full);
        answer.await.map_err(|_| Panicked)
    }
}

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

impl<A: Send + 'static> Default for SingleFlight<A> {
    fn default() -> Self {
        Self::new(usize::MAX, 1)
    }
}

impl<A: Clone + Send + 'static> SingleFlight<A> {
    /// What `read` returns: the same for every request with this `key`. The read runs in a task of its own, which
    /// outlives the request and also answers requests that come before it begins.
    ///
    /// # Errors
    /// [`Panicked`].
    pub(crate) async fn get<F, R>(&self, key: String, read: F) -> Result<A, Panicked>
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = A> + Send,
    {
        let (first, answer) = {
            let mut state = self.lock();
            let first = state.begin(&key);
            (first, state.wait(&key, ()).0)
        };
        if first {
            let this = self.same();
            tokio::spawn(async move {
                let waiting = this.next(&key);
                let read = |requests: Vec<()>| {
                    let answer = read();
                    async move { vec![answer.await; requests.len()] }
                };
                this.read_on(key, waiting, read).await;
            });
        }
        answer.await.map_err(|_| Panicked)
    }
}

#[cfg(test)]
mod tests;
