//! One batch: load, decide, append, answer.
//!
//! All commands that waited share one read, one transaction and one flush to disk. Batches of other aggregates' pipelines
//! may share the transaction too, because the store appends what waits together. Commands are decided in turn, each on the
//! state that the one before left in memory, so two commands on one order need no second commit. A refused command affects
//! no other command. A command on several streams has an entry for each, and all of them are joint. Decisions without
//! events go into the append too: it checks them against the stream's true version, so no answer rests on a stale cache. If
//! no answer is kept under a request's key, the key is looked up once more before the answer. A command that lost to another
//! process is loaded and decided again, a bounded number of times. States go back into the cache only after the commit.

use super::cache::Cache;
use super::deciding::{Decided, Decisions, decide};
use super::figures::Figures;
use super::kept;
use super::key::Key;
use super::outcome::{answer, refuse, stored_events};
use super::personal::Personal;
use super::queue::{Job, QueueReceiver};
use super::request::{Accepted, Commanded, Judged, Refusal, Reply};
use super::seats::{Fresh, Loading, stream_of};
use super::snapshots::Snapshots;
use super::stream::{OVERHEAD, Stream};
use domain::Aggregate;
use event_store::{
    AppendError, Appended, EntryOutcome, EventStore, Position, StoredAnswer, Version,
};
use faults::{Fault, planted};
use std::collections::HashSet;
use std::time::Instant;

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
            let Self { cache, store, personal, .. } = &mut *self;
            let loaded = Loading { cache, store, personal }.load(waiting, fresh).await;
            let Some((seated, mut seats)) = loaded else { return };
            let now = (self.clock)();
            let Decisions { decided, append, later } =
                decide(seated, &mut seats, now, &self.personal);
            self.queue.carry(later);
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
                    let Settled { losers, unproven } =
                        self.settle(decided, seats.streams, &appended);
                    self.prove(unproven).await;
                    losers
                }
                Err(error) => {
                    if planted(Fault::CacheKeptAfterFailure) {
                        seats.streams.into_iter().for_each(|stream| self.cache.put(stream));
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
            let stream = stream_of::<A>(&job.request);
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

    /// After the commit: answers, keeps the states, gives back the jobs that lost to another writer.
    fn settle(
        &mut self,
        decided: Vec<Decided<A>>,
        mut streams: Vec<Stream<A>>,
        appended: &Appended,
    ) -> Settled<A> {
        let mut stale = vec![false; streams.len()];
        let (mut losers, mut unanswered) = (Vec::new(), Vec::new());
        let mut outcomes = appended.outcomes.as_slice();
        for Decided { job, stream, partners, found, mut result, unproven } in decided {
            let (of_partners, rest) = outcomes.split_at(partners.len());
            let (outcome, rest) = rest.split_first().expect("the store answers for each entry");
            outcomes = rest;
            if !matches!(outcome, EntryOutcome::Written { .. }) {
                partners.iter().for_each(|partner| stale[partner.stream] = true);
            }
            match outcome {
                EntryOutcome::Written { first_position } => {
                    for (partner, outcome) in partners.iter().zip(of_partners) {
                        partner.stored(outcome, &mut streams);
                    }
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
                EntryOutcome::WrongExpectedVersion { .. } | EntryOutcome::LeftOut => {
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
            if let Some(weight) = stream.state.as_ref().and_then(A::weight) {
                stream.weight = OVERHEAD + weight;
            }
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
