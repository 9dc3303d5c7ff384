//! The decisions of a batch, and the append that stores them.

use super::joint::{Part, decide_jointly};
use super::kept;
use super::outcome::refuse;
use super::personal::Personal;
use super::queue::Job;
use super::request::{Accepted, Commanded, Judged, Refusal};
use super::seats::{Seated, Seats};
use super::stream::{Decision, Stream};
use domain::{Aggregate, Timestamp};
use event_store::{Append, Entry, EntryOutcome, Version};
use faults::{Fault, planted};
use std::collections::HashSet;

/// The most entries in one append, of which a command on several streams has many. The other commands of its batch wait
/// for the next.
const MOST_ENTRIES: usize = 16_384;

/// A decided job that waits for the commit.
pub struct Decided<A: Aggregate> {
    pub job: Job<A>,
    pub stream: usize,
    /// The other streams, whose entries are before the job's own.
    pub partners: Vec<Changed>,
    /// The stream's version that the decision found.
    pub found: Version,
    pub result: Judged<A, Accepted<A>>,
    /// It has a key, and nothing is kept under it: the append does not check whether another request has used it.
    pub unproven: bool,
}

/// A partner of a decided job.
#[derive(Debug, Clone, Copy)]
pub struct Changed {
    pub stream: usize,
    events: u64,
}

impl Changed {
    /// Its events have their positions.
    pub fn stored<A: Aggregate>(self, outcome: &EntryOutcome, streams: &mut [Stream<A>]) {
        if let EntryOutcome::Written { first_position } = outcome
            && self.events > 0
        {
            streams[self.stream].position = first_position + self.events - 1;
        }
    }
}

/// A decided batch.
pub struct Decisions<A: Aggregate> {
    /// In the order of their entries.
    pub decided: Vec<Decided<A>>,
    pub append: Append,
    /// Jobs for the next batch.
    pub later: Vec<Job<A>>,
}

/// Decides each job in turn and lays out the append: an entry for each job, after those of its partners.
pub fn decide<A: Commanded>(
    seated: Vec<Seated<A>>,
    seats: &mut Seats<A>,
    now: Timestamp,
    personal: &Personal,
) -> Decisions<A> {
    let mut decided = Vec::with_capacity(seated.len());
    let mut entries = Vec::with_capacity(seated.len());
    let (mut later, mut held) = (Vec::new(), HashSet::new());
    for Seated { job, stream } in seated {
        // A command of this batch has changed whose partner its stream is, or there are enough entries.
        let partners = seats.partners(stream, &job.request.command).filter(|partners| {
            !held.contains(&stream)
                && (entries.is_empty() || entries.len() + partners.len() < MOST_ENTRIES)
        });
        let Some(partners) = partners else {
            held.insert(stream);
            later.push(job);
            continue;
        };
        let streams = &mut seats.streams;
        let (decision, parts) = match &partners[..] {
            [] => (streams[stream].decide(&job.request, now, personal), Vec::new()),
            partners => decide_jointly(streams, stream, partners, &job.request, now, personal),
        };
        if let Err(undecided @ (Refusal::Internal | Refusal::Unavailable)) = decision.result {
            refuse(job, undecided);
            continue;
        }
        let joint = u32::try_from(decided.len()).ok().filter(|_| !parts.is_empty());
        let metadata = &job.request.metadata;
        let mut changed = Vec::with_capacity(parts.len());
        for Part { stream, expected_version, partition_key, events } in parts {
            changed.push(Changed { stream, events: events.len() as u64 });
            entries.push(Entry {
                stream: streams[stream].id,
                expected_version,
                partition_key,
                events,
                answer: None,
                metadata: metadata.clone(),
                joint,
            });
        }
        let Decision { expected_version, seen_version: found, partition_key, result, events } =
            decision;
        let answer = kept::keep(&job.request, &result, found);
        let unproven =
            answer.is_none() && job.request.key.is_some() && !planted(Fault::KeyNotProven);
        entries.push(Entry {
            stream: streams[stream].id,
            expected_version,
            partition_key,
            events,
            answer,
            metadata: metadata.clone(),
            joint,
        });
        decided.push(Decided { job, stream, partners: changed, found, result, unproven });
    }
    Decisions { decided, append: Append { entries, recorded_at: now }, later }
}
