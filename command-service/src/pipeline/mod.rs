//! The batch pipeline: the only way from commands to events, generic over the aggregate.
//!
//! Callers put requests on a bounded queue. One task takes all that wait, loads, decides, appends in one transaction
//! and answers each ([`batch`]). A hot stream costs no lock waits, throughput grows with load, and a lone command does
//! not wait for others. An accepted command is finished, even if its caller leaves.
//!
//! Each aggregate type has a pipeline of its own, all over one store. They decide in parallel, and one commit appends
//! what waits.

#[cfg(test)]
mod bank;
mod batch;
mod cache;
#[cfg(test)]
pub(crate) mod counter;
mod deciding;
pub mod figures;
mod joint;
mod kept;
mod key;
mod outcome;
mod personal;
#[cfg(test)]
mod personal_key_tests;
#[cfg(test)]
mod personal_outage_tests;
#[cfg(test)]
mod personal_race_tests;
#[cfg(test)]
mod personal_tests;
mod queue;
pub mod request;
mod retention;
mod seats;
mod snapshots;
mod stream;
#[cfg(test)]
mod tests;

pub use cache::CacheLimits;
pub use key::{Key, Retention};
pub use personal::{Personal, SealingError};
pub use queue::QueueLimits;
pub use request::{
    Accepted, Commanded, Effect, EventRef, Judged, Precondition, Preview, Refusal, Replayed, Reply,
    Request, Settles, Target,
};
pub use retention::forget_old_answers;

use batch::Worker;
use domain::{Aggregate, Timestamp};
use event_store::{EventStore, Version};
use figures::Figures;
use queue::QueueSender;
use std::sync::Arc;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The present time; passed in so that tests can move it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Bounds of a pipeline.
#[derive(Debug, Clone, Copy)]
pub struct PipelineLimits {
    /// Bounds of the queue and the batches.
    pub queue: QueueLimits,
    /// Bounds of the states in memory.
    pub cache: CacheLimits,
    /// Events of a stream between two of its snapshots.
    pub snapshot_every: Version,
}

impl Default for PipelineLimits {
    fn default() -> Self {
        let (queue, cache) = (QueueLimits::default(), CacheLimits::default());
        Self { queue, cache, snapshot_every: snapshots::SNAPSHOT_EVERY }
    }
}

/// A handle on a running pipeline; clones share it.
pub struct Pipeline<A: Aggregate> {
    queue: QueueSender<A>,
    personal: Personal,
    closing: CancellationToken,
    tasks: TaskTracker,
    figures: Figures,
}

impl<A: Aggregate> Clone for Pipeline<A> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
            personal: self.personal.clone(),
            closing: self.closing.clone(),
            tasks: self.tasks.clone(),
            figures: self.figures.clone(),
        }
    }
}

/// An accepted request whose answer is still to come.
pub struct Pending<A: Aggregate>(oneshot::Receiver<Reply<A>>);

impl<A: Aggregate> Pending<A> {
    /// Waits for the answer. The command is finished even if the caller does not wait.
    pub async fn reply(self) -> Reply<A> {
        self.0.await.unwrap_or_else(|_| {
            tracing::error!("the pipeline ended without an answer");
            Reply::undecided(Refusal::OutcomeUnknown)
        })
    }
}

impl<A: Commanded> Pipeline<A> {
    /// Starts the pipeline's tasks on the current runtime; if that has several threads, one task gets its own thread.
    /// All end with [`Pipeline::close`] or the last handle.
    pub fn spawn(store: EventStore, clock: Clock, limits: PipelineLimits) -> Self {
        Self::spawn_sealing(store, clock, limits, Personal::default())
    }

    /// The same, with a keyring by which texts about people are sealed.
    pub fn spawn_sealing(
        store: EventStore,
        clock: Clock,
        limits: PipelineLimits,
        personal: Personal,
    ) -> Self {
        let figures = Figures::of(A::STREAM_TYPE);
        let closing = CancellationToken::new();
        let tasks = TaskTracker::new();
        let (queue, receiver) = queue::bounded(limits.queue, closing.clone());
        let (snapshots, save) =
            snapshots::saver(store.clone(), limits.snapshot_every, personal.clone());
        tasks.spawn(save);
        let cache = cache::Cache::new(limits.cache);
        let worker = Worker {
            queue: receiver,
            store,
            cache,
            generation: personal.generation(),
            personal: personal.clone(),
            snapshots,
            clock,
            figures: figures.clone(),
        };
        run(worker, &tasks);
        tasks.close();
        Self { queue, personal, closing, tasks, figures }
    }

    /// Puts a request on the queue, or refuses it at once.
    ///
    /// # Errors
    /// `Overloaded`, `InProgress`, or `Unavailable` when closing.
    pub fn submit(&self, request: Request<A::Command>) -> Judged<A, Pending<A>> {
        let pending = self.queue.try_push(self.sealed(request)).map(Pending);
        self.figures.queue_depth.set(self.queue.depth() as f64);
        pending
    }

    /// Puts a request on the queue, waiting for room. Requests of one caller are decided in their order.
    ///
    /// # Errors
    /// `InProgress`, or `Unavailable` when closing.
    pub async fn enqueue(&self, request: Request<A::Command>) -> Judged<A, Pending<A>> {
        self.queue.push(self.sealed(request)).await.map(Pending)
    }

    fn sealed(&self, request: Request<A::Command>) -> Request<A::Command> {
        let key = request.key.map(|key| self.personal.sealed_key(key));
        Request { key, ..request }
    }

    /// Accepts no new requests, finishes the accepted ones, and returns when all tasks have ended.
    pub async fn close(&self) {
        self.closing.cancel();
        self.tasks.wait().await;
    }
}

/// Runs the pipeline's one task until it ends.
///
/// With a multi-threaded runtime it runs on its own thread. A batch is a chain of waits, and a thread that does nothing
/// else resumes each sooner than the threads that serve HTTP.
fn run<A: Commanded>(worker: Worker<A>, tasks: &TaskTracker) {
    let runtime = Handle::current();
    if runtime.runtime_flavor() == RuntimeFlavor::CurrentThread {
        tasks.spawn(worker.run());
        return;
    }
    let running = tasks.token();
    std::thread::spawn(move || {
        runtime.block_on(worker.run());
        drop(running);
    });
}
