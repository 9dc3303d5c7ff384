//! The bounded queue in front of the pipeline.
//!
//! Bounded by commands and by bytes. A full queue refuses a command at once ([`Refusal::Overloaded`]); only imports
//! wait. A batch is everything that waits, up to its limits, so a lone command does not wait for others. After
//! [`CancellationToken::cancel`] no new command is accepted, and all accepted ones are still handed out.

use super::key::{Key, Retention};
use super::request::{Judged, Refusal, Reply, Request};
use domain::Aggregate;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The least weight of a command, so that the byte limit also bounds small ones.
const MIN_WEIGHT: usize = 256;

/// Bounds of the queue and of one batch.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// Commands that may wait.
    pub commands: usize,
    /// Bytes that commands may hold from acceptance to answer.
    pub bytes: usize,
    /// Commands in one batch.
    pub batch_commands: usize,
    /// Bytes in one batch; exceeded by at most one command.
    pub batch_bytes: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { commands: 8_192, bytes: 64 << 20, batch_commands: 1_024, batch_bytes: 4 << 20 }
    }
}

/// A request and the channel of its answer. It goes on if the caller drops its end.
pub struct Job<A: Aggregate> {
    pub request: Request<A::Command>,
    reply: oneshot::Sender<Reply<A>>,
    running: Option<Running>,
    _room: OwnedSemaphorePermit,
}

impl<A: Aggregate> Job<A> {
    /// Answers the caller, if it still waits. The key is free before the caller can see the answer.
    pub fn answer(mut self, reply: Reply<A>) {
        drop(self.running.take());
        if self.reply.send(reply).is_err() {
            tracing::debug!("the caller of a finished command is gone");
        }
    }
}

/// The sending end.
pub struct QueueSender<A: Aggregate> {
    jobs: mpsc::Sender<Job<A>>,
    room: Arc<Semaphore>,
    largest: usize,
    running: Arc<RunningKeys>,
}

impl<A: Aggregate> Clone for QueueSender<A> {
    fn clone(&self) -> Self {
        Self {
            jobs: self.jobs.clone(),
            room: Arc::clone(&self.room),
            largest: self.largest,
            running: Arc::clone(&self.running),
        }
    }
}

impl<A: Aggregate> QueueSender<A> {
    /// Takes a place at once, or says why there is none.
    ///
    /// # Errors
    /// `InProgress`, `Overloaded` or `Unavailable` (closing).
    pub fn try_push(&self, request: Request<A::Command>) -> Judged<A, oneshot::Receiver<Reply<A>>> {
        let running = self.claim(request.key.as_ref())?;
        let weight = self.weight(&request);
        let room = Arc::clone(&self.room).try_acquire_many_owned(weight);
        let room = room.map_err(|_| Refusal::Overloaded)?;
        let (reply, answer) = oneshot::channel();
        let job = Job { request, reply, running, _room: room };
        self.jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refusal::Overloaded,
            mpsc::error::TrySendError::Closed(_) => Refusal::Unavailable,
        })?;
        Ok(answer)
    }

    /// Waits for a place. Requests that one caller pushes one after another keep their order.
    ///
    /// # Errors
    /// `InProgress` or `Unavailable` (closing).
    pub async fn push(
        &self,
        request: Request<A::Command>,
    ) -> Judged<A, oneshot::Receiver<Reply<A>>> {
        let running = self.claim(request.key.as_ref())?;
        let weight = self.weight(&request);
        let room = Arc::clone(&self.room).acquire_many_owned(weight).await;
        let room = room.map_err(|_| Refusal::Unavailable)?;
        let (reply, answer) = oneshot::channel();
        let job = Job { request, reply, running, _room: room };
        self.jobs.send(job).await.map_err(|_| Refusal::Unavailable)?;
        Ok(answer)
    }

    /// The number of commands that wait.
    pub fn depth(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }

    fn claim(&self, key: Option<&Key>) -> Judged<A, Option<Running>> {
        match key {
            Some(key) if key.retention() == Retention::Retries => {
                self.running.claim(key.text()).map(Some).ok_or(Refusal::InProgress)
            }
            _ => Ok(None),
        }
    }

    fn weight(&self, request: &Request<A::Command>) -> u32 {
        let weight = request.weight.max(MIN_WEIGHT).min(self.largest);
        u32::try_from(weight).unwrap_or(u32::MAX)
    }
}

/// The receiving end.
pub struct QueueReceiver<A: Aggregate> {
    jobs: mpsc::Receiver<Job<A>>,
    carried: Vec<Job<A>>,
    limits: QueueLimits,
    closing: CancellationToken,
    /// Cancels `closing` when it is dropped with the receiver.
    _close: DropGuard,
}

impl<A: Aggregate> QueueReceiver<A> {
    /// All requests that wait, up to the limits; `None` when closed and empty.
    pub async fn next_batch(&mut self) -> Option<Vec<Job<A>>> {
        let mut batch = std::mem::take(&mut self.carried);
        if batch.is_empty() {
            batch.push(self.first().await?);
        }
        let mut bytes: usize = batch.iter().map(|job| job.request.weight).sum();
        while batch.len() < self.limits.batch_commands && bytes < self.limits.batch_bytes {
            let Ok(job) = self.jobs.try_recv() else { break };
            bytes += job.request.weight;
            batch.push(job);
        }
        Some(batch)
    }

    /// Puts jobs at the front of the next batch.
    pub fn carry(&mut self, jobs: Vec<Job<A>>) {
        self.carried.splice(..0, jobs);
    }

    async fn first(&mut self) -> Option<Job<A>> {
        tokio::select! {
            job = self.jobs.recv() => return job,
            () = self.closing.cancelled() => self.jobs.close(),
        }
        self.jobs.recv().await
    }
}

/// Makes a queue with these limits.
pub fn bounded<A: Aggregate>(
    limits: QueueLimits,
    closing: CancellationToken,
) -> (QueueSender<A>, QueueReceiver<A>) {
    let (sender, receiver) = mpsc::channel(limits.commands);
    let largest = limits.bytes.min(u32::MAX as usize);
    let room = Arc::new(Semaphore::new(largest));
    let running = Arc::new(RunningKeys::default());
    let close = closing.clone().drop_guard();
    (
        QueueSender { jobs: sender, room, largest, running },
        QueueReceiver { jobs: receiver, carried: Vec::new(), limits, closing, _close: close },
    )
}

/// The keys of requests that are accepted but not answered.
#[derive(Debug, Default)]
struct RunningKeys(Mutex<HashSet<String>>);

impl RunningKeys {
    fn claim(self: &Arc<Self>, key: &str) -> Option<Running> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let claimed = keys.insert(key.to_owned());
        claimed.then(|| Running { keys: Arc::clone(self), key: key.to_owned() })
    }
}

/// One claimed key; free again when dropped.
#[derive(Debug)]
struct Running {
    keys: Arc<RunningKeys>,
    key: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.keys.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
