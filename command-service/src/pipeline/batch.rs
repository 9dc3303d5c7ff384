//! One batch: load, decide, append, answer.
//!
//! All commands that waited share one read, one transaction and one flush to disk. Batches of other aggregates' pipelines
//! may share the transaction too, because the store appends what waits together. Commands are decided in turn, each on the
//! state that the one before left in memory, so two commands on one order need no second commit. A refused command affects
//! no other command. Decisions without events go into the append too: it checks them against the stream's true version, so
//! no answer rests on a stale cache. If no answer is kept under a request's key, the key is looked up once more before the
//! answer. A command that lost to another process is loaded and decided again, a bounded number of times. States go back
//! into the cache only after the commit.

use super::cache::Cache;
use super::figures::Figures;
use super::kept;
use super::key::Key;
use super::outcome::{answer, stored_events};
use super::personal::{Opening, Personal};
use super::queue::{Job, QueueReceiver};
use super::request::{Accepted, Commanded, Judged, Refusal, Reply, Target};
use super::snapshots::Snapshots;
use super::stream::Stream;
use domain::{Aggregate, Timestamp};
use event_store::{
    Append, AppendError, Appended, Entry, EntryOutcome, EventStore, Position, StoreError,
    StoredAnswer, StreamId, StreamType, Version,
};
use faults::{Fault, planted};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Instant;
use uuid::Uuid;

/// How often a command is decided before other writers have won for good.
const MAX_DECISIONS: usize = 5;

/// The pipeline's one task.
pub struct Worker<A: Aggregate> {
    pub queue: QueueReceiver<A>,
    pub store: EventStore,
    pub cache: Cache<A>,
    pub personal: Personal,
    /// That of the states in the cache.
    pub generation: u64,
    pub snapshots: Snapshots<A>,
    pub clock: super::Clock,
    pub figures: Figures,
}

/// The state of a stream that a command will begin and that is not in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fresh {
    /// It does not exist; the append proves it.
    Absent,
    /// It may exist after all.
    Missing,
}

/// A job and the place of its stream in the batch.
struct Seated<A: Aggregate> {
    job: Job<A>,
    stream: usize,
}

/// A decided job that waits for the commit.
struct Decided<A: Aggregate> {
    job: Job<A>,
    stream: usize,
    /// The stream's version that the decision found.
    found: Version,
    result: Judged<A, Accepted<A>>,
    /// It has a key, and nothing is kept under it: the append does not check whether another request has used it.
    unproven: bool,
}

/// A job whose decision stands, to be answered if its key is free.
struct Unproven<A: Aggregate> {
    job: Job<A>,
    found: Version,
    result: Judged<A, Accepted<A>>,
    position: Position,
}

/// The work that is left after an append.
struct Settled<A: Aggregate> {
    losers: Vec<Job<A>>,
    unproven: Vec<Unproven<A>>,
}

impl<A: Commanded> Worker<A> {
    /// Works until the queue is closed and empty.
    pub async fn run(mut self) {
        while let Some(jobs) = self.queue.next_batch().await {
            self.figures.batch_size.record(jobs.len() as f64);
            self.work(jobs).await;
            self.figures.cache_streams.set(self.cache.len() as f64);
            self.figures.cache_bytes.set(self.cache.weight() as f64);
        }
    }

    async fn work(&mut self, jobs: Vec<Job<A>>) {
        let mut waiting = self.answer_kept(jobs).await;
        for decision in 0..MAX_DECISIONS {
            if waiting.is_empty() {
                return;
            }
            let fresh = if decision == 0 { Fresh::Absent } else { Fresh::Missing };
            self.personal.ready(waiting.len()).await;
            self.forget_what_was_erased();
            let Some((seated, mut streams)) = self.load(waiting, fresh).await else { return };
            let now = (self.clock)();
            let (decided, append) = decide(seated, &mut streams, now, &self.personal);
            if decided.is_empty() {
                return;
            }
            if self.personal.generation() != self.generation {
                waiting = decided.into_iter().map(|decided| decided.job).collect();
                continue;
            }
            let started = Instant::now();
            let appended = self.store.append_staying(append).await;
            self.figures.commit_seconds.record(started.elapsed());
            waiting = match appended {
                Ok(appended) => {
                    let Settled { losers, unproven } = self.settle(decided, streams, &appended);
                    self.prove(unproven).await;
                    losers
                }
                Err(error) => {
                    if planted(Fault::CacheKeptAfterFailure) {
                        streams.into_iter().for_each(|stream| self.cache.put(stream));
                    }
                    return fail(decided, &error);
                }
            };
        }
        waiting.into_iter().for_each(|job| refuse(job, Refusal::ConcurrentUpdate));
    }

    /// Answers requests that were answered before. Later duplicates in flight wait for the next batch, and so do the
    /// commands after them for the same stream: a stream's commands are decided in the order of arrival.
    async fn answer_kept(&mut self, jobs: Vec<Job<A>>) -> Vec<Job<A>> {
        let mut texts = Vec::new();
        let (mut seen, mut held) = (HashSet::new(), HashSet::new());
        let (jobs, later) = jobs.into_iter().partition::<Vec<_>, _>(|job| {
            let key = job.request.key.as_ref();
            let stream = job.request.target.id();
            let first = key.is_none_or(|key| seen.insert(key.text().to_owned()));
            let now = first && !held.contains(&stream);
            if now {
                texts.extend(key.into_iter().flat_map(Key::texts).map(str::to_owned));
            } else {
                held.insert(stream);
            }
            now
        });
        self.queue.carry(later);
        if texts.is_empty() {
            return jobs;
        }
        let stored = match self.store.answers(&texts).await {
            Ok(stored) => stored,
            Err(error) => {
                tracing::warn!(%error, jobs = jobs.len(), "cannot look up kept answers");
                jobs.into_iter().for_each(|job| refuse(job, Refusal::Unavailable));
                return Vec::new();
            }
        };
        let mut stored = stored.into_iter();
        let mut open = Vec::with_capacity(jobs.len());
        for job in jobs {
            let kept = job.request.key.as_ref().and_then(|key| first_kept(key, &mut stored));
            match (&job.request.key, kept) {
                (Some(key), Some(kept)) => {
                    let reply = kept::replay(key, &kept);
                    job.answer(reply);
                }
                _ => open.push(job),
            }
        }
        open
    }

    /// Drops the states in memory if something was erased since they were loaded.
    fn forget_what_was_erased(&mut self) {
        let generation = self.personal.generation();
        if generation != self.generation {
            self.cache.clear();
            self.generation = generation;
        }
    }

    /// Seats every job at its stream: from the cache, or all missing ones with one read.
    async fn load(
        &mut self,
        jobs: Vec<Job<A>>,
        fresh: Fresh,
    ) -> Option<(Vec<Seated<A>>, Vec<Stream<A>>)> {
        let mut seats = HashMap::<Uuid, usize>::with_capacity(jobs.len());
        let mut streams = Vec::<Stream<A>>::with_capacity(jobs.len());
        let mut missing = BTreeSet::new();
        let mut seated = Vec::with_capacity(jobs.len());
        for job in jobs {
            let id = job.request.target.id();
            let stream = *seats.entry(id).or_insert_with(|| {
                streams.push(self.cache.take(&id).unwrap_or_else(|| Stream::absent(id)));
                streams.len() - 1
            });
            let absent = streams[stream].version == 0;
            let named = matches!(job.request.target, Target::Named(_));
            if absent && (named || fresh == Fresh::Missing) {
                missing.insert(stream);
            }
            seated.push(Seated { job, stream });
        }
        if missing.is_empty() {
            return Some((seated, streams));
        }
        let absent: Vec<_> = missing.iter().map(|&seat| streams[seat].id).collect();
        match self.read(&absent).await {
            Ok(read) => {
                for (&seat, stream) in missing.iter().zip(read) {
                    streams[seat] = stream;
                }
                Some((seated, streams))
            }
            Err(error) => {
                tracing::warn!(%error, jobs = seated.len(), "cannot load streams");
                seated.into_iter().for_each(|seated| refuse(seated.job, Refusal::Unavailable));
                None
            }
        }
    }

    /// Reads streams as the store has them, in the order asked.
    async fn read(&self, ids: &[Uuid]) -> Result<Vec<Stream<A>>, StoreError> {
        let stored: Vec<_> = ids.iter().map(|&id| stream_id::<A>(id)).collect();
        let loaded = self.store.load(&stored, A::SNAPSHOT_VERSION).await?;
        let mut streams = Vec::with_capacity(ids.len());
        for (&id, mut loaded) in ids.iter().zip(loaded) {
            let folded = match self.personal.open(&mut loaded).await {
                Ok(Opening::Whole) => Stream::fold(id, loaded),
                // Without its keys, it is folded as far as its owner can be seen.
                Ok(Opening::SnapshotErased) | Err(_) => None,
            };
            streams.push(match folded {
                Some(stream) => stream,
                None => Stream::refold(id, &self.store, &self.personal).await?,
            });
        }
        Ok(streams)
    }

    /// After the commit: answers, keeps the states, gives back the jobs that lost to another writer.
    fn settle(
        &mut self,
        decided: Vec<Decided<A>>,
        mut streams: Vec<Stream<A>>,
        appended: &Appended,
    ) -> Settled<A> {
        let mut stale = vec![false; streams.len()];
        let (mut losers, mut unanswered) = (Vec::new(), Vec::new());
        for (Decided { job, stream, found, mut result, unproven }, outcome) in
            decided.into_iter().zip(&appended.outcomes)
        {
            match outcome {
                EntryOutcome::Written { first_position } => {
                    let events = stored_events(&result);
                    if events > 0 {
                        streams[stream].position = first_position + events - 1;
                    }
                    if let Ok(Accepted { preview: Some(preview), .. }) = &mut result {
                        // Only the append gives positions to the batch's earlier events of the stream.
                        preview.current_position = streams[stream].position;
                    }
                    let position = *first_position;
                    match unproven {
                        true => unanswered.push(Unproven { job, found, result, position }),
                        false => answer(job, result, found, position),
                    }
                }
                EntryOutcome::WrongExpectedVersion { .. }
                    if planted(Fault::StaleDecisionAnswered) && stored_events(&result) == 0 =>
                {
                    answer(job, result, found, found);
                }
                EntryOutcome::WrongExpectedVersion { .. } => {
                    stale[stream] = true;
                    losers.push(job);
                }
                EntryOutcome::KeyTaken(stored) => {
                    stale[stream] = true;
                    let reply = job.request.key.as_ref().map(|key| kept::replay(key, stored));
                    job.answer(reply.unwrap_or_else(|| Reply::undecided(Refusal::Internal)));
                }
            }
        }
        for (mut stream, stale) in streams.into_iter().zip(stale) {
            if stale || stream.lacks_keys || stream.state.is_none() || stream.version == 0 {
                continue;
            }
            self.snapshots.offer(&mut stream, self.generation);
            self.cache.put(stream);
        }
        self.figures.conflicts.increment(losers.len() as u64);
        Settled { losers, unproven: unanswered }
    }

    /// Answers decisions without a kept answer. If an answer is kept under their key by now, it is given instead: another
    /// process may have decided the request that they repeat.
    async fn prove(&self, unproven: Vec<Unproven<A>>) {
        let key = |its: &Unproven<A>| its.job.request.key.clone();
        let (keys, keyed): (Vec<_>, Vec<_>) =
            unproven.into_iter().filter_map(|its| Some((key(&its)?, its))).unzip();
        if keys.is_empty() {
            return;
        }
        let texts: Vec<_> = keys.iter().flat_map(Key::texts).map(str::to_owned).collect();
        let stored = match self.store.answers(&texts).await {
            Ok(stored) => stored,
            Err(error) => {
                tracing::warn!(%error, jobs = keyed.len(), "cannot look up kept answers");
                keyed.into_iter().for_each(|its| refuse(its.job, Refusal::Unavailable));
                return;
            }
        };
        let mut stored = stored.into_iter();
        for (its, key) in keyed.into_iter().zip(&keys) {
            match first_kept(key, &mut stored) {
                Some(stored) => its.job.answer(kept::replay(key, &stored)),
                None => answer(its.job, its.result, its.found, its.position),
            }
        }
    }
}

/// The answer that is kept under a key, from those of all its texts.
fn first_kept(
    key: &Key,
    stored: &mut impl Iterator<Item = Option<StoredAnswer>>,
) -> Option<StoredAnswer> {
    // All of them are taken, so that the next key finds its own.
    stored.take(key.texts().count()).fold(None, Option::or)
}

/// Decides each job in turn and lays out the append, one entry a job.
fn decide<A: Commanded>(
    seated: Vec<Seated<A>>,
    streams: &mut [Stream<A>],
    now: Timestamp,
    personal: &Personal,
) -> (Vec<Decided<A>>, Append) {
    let mut decided = Vec::with_capacity(seated.len());
    let mut entries = Vec::with_capacity(seated.len());
    for Seated { job, stream } in seated {
        let decision = streams[stream].decide(&job.request, now, personal);
        if let Err(undecided @ (Refusal::Internal | Refusal::Unavailable)) = decision.result {
            refuse(job, undecided);
            continue;
        }
        let found = decision.seen_version;
        let answer = kept::keep(&job.request, &decision.result, found);
        let unproven =
            answer.is_none() && job.request.key.is_some() && !planted(Fault::KeyNotProven);
        entries.push(Entry {
            stream: stream_id::<A>(streams[stream].id),
            expected_version: decision.expected_version,
            partition_key: decision.partition_key,
            events: decision.events,
            answer,
            metadata: job.request.metadata.clone(),
        });
        decided.push(Decided { job, stream, found, result: decision.result, unproven });
    }
    (decided, Append { entries, recorded_at: now })
}

fn fail<A: Aggregate>(decided: Vec<Decided<A>>, error: &AppendError) {
    tracing::error!(%error, commands = decided.len(), "a batch was not stored");
    for Decided { job, .. } in decided {
        refuse(
            job,
            match error {
                AppendError::Failed(_) => Refusal::Unavailable,
                AppendError::Unknown(_) => Refusal::OutcomeUnknown,
            },
        );
    }
}

fn refuse<A: Aggregate>(job: Job<A>, why: Refusal<A::Rejection>) {
    job.answer(Reply::undecided(why));
}

fn stream_id<A: Aggregate>(id: Uuid) -> StreamId {
    StreamId { stream_type: const { StreamType::new(A::STREAM_TYPE) }, id }
}
