//! The streams of a batch, in memory while it is decided.
//!
//! Each stream has one place, whatever number of commands concern it. What is not in the cache is read with one
//! statement; with a second one, if the partners of a command are known only from its own stream.

use super::cache::Cache;
use super::outcome::refuse;
use super::personal::{Opening, Personal};
use super::queue::Job;
use super::request::{Commanded, Refusal, Request, Target};
use super::stream::Stream;
use domain::{Aggregate, Partner};
use event_store::{EventStore, StoreError, StreamId, StreamType};
use std::collections::HashMap;

/// The state of a stream that a command will begin and that is not in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fresh {
    /// It does not exist; the append proves it.
    Absent,
    /// It may exist after all.
    Missing,
}

/// A job and the place of its stream in the batch.
pub struct Seated<A: Aggregate> {
    pub job: Job<A>,
    pub stream: usize,
}

/// The streams of a batch.
pub struct Seats<A: Aggregate> {
    places: HashMap<StreamId, usize>,
    pub streams: Vec<Stream<A>>,
    /// Which of them came from the cache or from the store. Another one counts as absent.
    loaded: Vec<bool>,
}

impl<A: Aggregate> Seats<A> {
    fn for_jobs(jobs: usize) -> Self {
        let (streams, loaded) = (Vec::with_capacity(jobs), Vec::with_capacity(jobs));
        Self { places: HashMap::with_capacity(jobs), streams, loaded }
    }

    /// The place of a stream, from the cache if it is there.
    fn seat(&mut self, id: StreamId, cache: &mut Cache<A>) -> usize {
        *self.places.entry(id).or_insert_with(|| {
            let cached = cache.take(&id);
            self.loaded.push(cached.is_some());
            self.streams.push(cached.unwrap_or_else(|| Stream::absent(id)));
            self.streams.len() - 1
        })
    }

    /// The places of the streams that a command is decided on besides its own; `None` if one of them is not loaded.
    pub fn partners(&self, stream: usize, command: &A::Command) -> Option<Vec<usize>> {
        let state =
            if A::JOINT_TYPES.is_empty() { None } else { self.streams[stream].state.as_ref() };
        let Some(state) = state else { return Some(Vec::new()) };
        let place = |partner: Partner| {
            let place = *self.places.get(&stream_id(partner))?;
            self.loaded[place].then_some(place)
        };
        A::partners(state, command).into_iter().map(place).collect()
    }
}

/// Where streams are loaded from.
pub struct Loading<'a, A: Aggregate> {
    pub cache: &'a mut Cache<A>,
    pub store: &'a EventStore,
    pub personal: &'a Personal,
}

impl<A: Commanded> Loading<'_, A> {
    /// Seats every job at its stream, and the partners of each. `None` after all jobs are refused, because the streams
    /// cannot be read.
    pub async fn load(
        mut self,
        jobs: Vec<Job<A>>,
        fresh: Fresh,
    ) -> Option<(Vec<Seated<A>>, Seats<A>)> {
        let mut seats = Seats::for_jobs(jobs.len());
        let mut seated = Vec::with_capacity(jobs.len());
        let mut missing = Vec::new();
        for job in jobs {
            let stream = seats.seat(stream_of::<A>(&job.request), self.cache);
            let named = matches!(job.request.target, Target::Named(_));
            if named || fresh == Fresh::Missing {
                missing.push(stream);
            }
            seated.push(Seated { job, stream });
        }
        let read = self.read_missing(&mut seated, &mut seats, missing).await;
        if let Err(error) = read {
            tracing::warn!(%error, jobs = seated.len(), "cannot load streams");
            seated.into_iter().for_each(|seated| refuse(seated.job, Refusal::Unavailable));
            return None;
        }
        Some((seated, seats))
    }

    async fn read_missing(
        &mut self,
        seated: &mut [Seated<A>],
        seats: &mut Seats<A>,
        mut missing: Vec<usize>,
    ) -> Result<(), StoreError> {
        self.seat_partners(seated, seats, &mut missing);
        let leads_are_missing = missing.iter().any(|&place| !seats.loaded[place]);
        self.read_into(seats, missing).await?;
        if leads_are_missing && !A::JOINT_TYPES.is_empty() {
            let mut missing = Vec::new();
            self.seat_partners(seated, seats, &mut missing);
            self.read_into(seats, missing).await?;
        }
        Ok(())
    }

    /// Gives the partners of each job a place, as far as they are known by now.
    fn seat_partners(
        &mut self,
        seated: &[Seated<A>],
        seats: &mut Seats<A>,
        missing: &mut Vec<usize>,
    ) {
        if A::JOINT_TYPES.is_empty() {
            return;
        }
        for Seated { job, stream } in seated {
            let Some(state) = &seats.streams[*stream].state else { continue };
            for partner in A::partners(state, &job.request.command) {
                missing.push(seats.seat(stream_id(partner), self.cache));
            }
        }
    }

    /// Reads the streams at these places, unless they are loaded.
    async fn read_into(
        &self,
        seats: &mut Seats<A>,
        mut places: Vec<usize>,
    ) -> Result<(), StoreError> {
        places.retain(|&place| !seats.loaded[place]);
        if places.is_empty() {
            return Ok(());
        }
        places.sort_unstable();
        places.dedup();
        let ids: Vec<_> = places.iter().map(|&place| seats.streams[place].id).collect();
        for (place, stream) in places.into_iter().zip(self.read(&ids).await?) {
            seats.streams[place] = stream;
            seats.loaded[place] = true;
        }
        Ok(())
    }

    /// Reads streams as the store has them, in the order asked.
    async fn read(&self, ids: &[StreamId]) -> Result<Vec<Stream<A>>, StoreError> {
        let loaded = self.store.load(ids, A::SNAPSHOT_VERSION).await?;
        let mut streams = Vec::with_capacity(ids.len());
        for (&id, mut loaded) in ids.iter().zip(loaded) {
            let folded = match self.personal.open(&mut loaded).await {
                Ok(Opening::Whole) => Stream::fold(id, loaded),
                // Without its keys, it is folded as far as its owner can be seen.
                Ok(Opening::SnapshotErased) | Err(_) => None,
            };
            streams.push(match folded {
                Some(stream) => stream,
                None => Stream::refold(id, self.store, self.personal).await?,
            });
        }
        Ok(streams)
    }
}

/// The stream that decides a request.
pub fn stream_of<A: Aggregate>(request: &Request<A::Command>) -> StreamId {
    let id = request.target.id();
    if A::JOINT_TYPES.is_empty() {
        return StreamId { stream_type: const { StreamType::new(A::STREAM_TYPE) }, id };
    }
    stream_id(Partner { stream_type: A::stream_type(&request.command), id })
}

fn stream_id(Partner { stream_type, id }: Partner) -> StreamId {
    StreamType::new(stream_type).stream(id)
}
