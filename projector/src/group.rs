//! Projections that stand at one position and move together: one page is folded by all of them and flushed once.

use crate::ProjectorError;
use crate::decoded::Decoded;
use crate::flush::Batch;
use crate::parking::{self, Faulty};
use crate::projection::{Changes, Fold, Pace, Projection, Streams};
use crate::source::{Page, Reader, Source};
use event_store::{StreamId, StreamType};
use faults::{Fault, planted};
use read_model::ReadModel;
use read_model::write::Tables;
use read_model::write::catalog::Checkpoint;
use read_model::write::parked::ParkedRow;
use std::collections::HashSet;

/// Folded events after which other tasks get their turn.
const YIELD_EVERY: usize = 256;

/// One projection under way.
#[derive(Debug)]
pub(crate) struct Member {
    pub projection: &'static Projection,
    pub generation: u64,
    pub tables: Tables,
    fold: Box<dyn Fold>,
    parked: HashSet<StreamId>,
    /// Streams whose rows the database refuses: they are parked at their next event.
    faulty: Faulty,
    /// A trial whose transaction is rolled back: parking is not reported.
    trying: bool,
}

impl Member {
    /// A projection that continues from the rows of a generation.
    pub(crate) async fn load(
        projection: &'static Projection,
        generation: u64,
        tables: Tables,
        pace: Pace,
        model: &ReadModel,
    ) -> Result<Self, ProjectorError> {
        let parked = model.parked_streams(projection.name, generation).await?;
        let mut member = Self::new(projection, generation, tables, pace);
        for (stream_type, id) in parked {
            let stream_type = StreamType::parse(&stream_type)
                .ok_or_else(|| ProjectorError::Parked("its stream has no type".into()))?;
            member.parked.insert(stream_type.stream(id));
        }
        Ok(member)
    }

    fn new(projection: &'static Projection, generation: u64, tables: Tables, pace: Pace) -> Self {
        let fold = (projection.fold)(pace);
        let (parked, faulty) = (HashSet::new(), Faulty::new());
        Self { projection, generation, tables, fold, parked, faulty, trying: false }
    }

    /// How many streams are parked.
    pub(crate) fn parked(&self) -> usize {
        self.parked.len()
    }

    /// A projection that folds parked events again, except those of `parked` streams.
    pub(crate) fn retrying(
        projection: &'static Projection,
        generation: u64,
        parked: HashSet<StreamId>,
    ) -> Self {
        Self { parked, ..Self::new(projection, generation, Tables::Live, Pace::Repeating) }
    }

    /// A projection for a trial: its rows are rolled back.
    pub(crate) fn trying(
        projection: &'static Projection,
        generation: u64,
        tables: Tables,
        parked: HashSet<StreamId>,
    ) -> Self {
        Self { parked, trying: true, ..Self::new(projection, generation, tables, Pace::Repeating) }
    }

    /// The streams that are parked so far.
    pub(crate) fn parked_streams(&self) -> &HashSet<StreamId> {
        &self.parked
    }

    /// The database refuses these streams' rows: they are parked at their next event.
    pub(crate) fn expect_refusal(&mut self, faulty: Faulty) {
        self.faulty = faulty;
    }

    /// The parked streams, when the member is no longer needed.
    pub(crate) fn into_parked(self) -> HashSet<StreamId> {
        self.parked
    }

    /// Folds events. An event that cannot be folded is parked, and so are the later events of its stream.
    pub(crate) async fn fold(
        &mut self,
        events: &[&Decoded],
        model: &ReadModel,
        now: i64,
    ) -> Result<Vec<ParkedRow>, ProjectorError> {
        let taken: Vec<&Decoded>;
        let events = match self.projection.streams {
            Streams::All => events,
            Streams::Of(_) => {
                let takes =
                    |event: &&Decoded| self.projection.takes(event.recorded.stream.stream_type);
                taken = events.iter().copied().filter(takes).collect();
                &taken
            }
        };
        self.fold.prepare(events, model, self.tables).await?;
        let mut parked = Vec::new();
        for (index, event) in events.iter().enumerate() {
            if index % YIELD_EVERY == YIELD_EVERY - 1 {
                tokio::task::yield_now().await;
            }
            if let Some(reason) = self.fold_one(event) {
                self.fold.refuse(&event.recorded);
                parked.push(parking::row(
                    self.projection,
                    self.generation,
                    &event.recorded,
                    reason,
                    now,
                ));
            }
        }
        Ok(parked)
    }

    fn fold_one(&mut self, event: &Decoded) -> Option<String> {
        let stream = event.recorded.stream;
        let goes_on = planted(Fault::ParkedOrderGoesOn);
        if !self.parked.is_empty() && self.parked.contains(&stream) && !goes_on {
            return Some("an earlier event of this stream is parked".into());
        }
        let refused = if self.faulty.is_empty() { None } else { self.faulty.remove(&stream) };
        let reason = match refused {
            Some(reason) => reason,
            None => self.fold.apply(event).err()?.0,
        };
        self.parked.insert(stream);
        if !self.trying {
            tracing::error!(
                projection = self.projection.name,
                stream.type = %stream.stream_type,
                stream.id = %stream.id,
                event.position = event.recorded.position,
                reason,
                "stream parked"
            );
        }
        Some(reason)
    }

    /// Takes the changes. `events` are those of the batch; only a projection that keeps events uses them.
    pub(crate) fn take(&mut self, mut events: Vec<Decoded>) -> Box<dyn Changes> {
        match (self.projection.keeps_events, self.projection.streams) {
            (false, _) => events.clear(),
            (true, Streams::All) => {}
            (true, Streams::Of(types)) => {
                events.retain(|event| types.contains(&event.recorded.stream.stream_type));
            }
        }
        self.fold.take(events)
    }

    /// The same from copies, because other members still need the events.
    pub(crate) fn take_copies(&mut self, events: &[&Decoded]) -> Box<dyn Changes> {
        match self.projection.keeps_events {
            true => self.take(events.iter().map(|event| (*event).clone()).collect()),
            false => self.take(Vec::new()),
        }
    }

    /// All batches but the last `in_flight` have committed.
    pub(crate) fn committed(&mut self, in_flight: u64) {
        self.fold.committed(in_flight);
    }
}

/// Projections at one position.
#[derive(Debug)]
pub(crate) struct Group {
    pub position: u64,
    pub members: Vec<Member>,
    pub reader: Reader,
}

impl Group {
    /// Groups projections by position, the furthest first.
    pub(crate) fn sort(members: Vec<(u64, Member)>, source: &Source) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for (position, member) in members {
            match groups.iter_mut().find(|group| group.position == position) {
                Some(group) => group.members.push(member),
                None => groups.push(Self {
                    position,
                    members: vec![member],
                    reader: Reader::new(source.clone()),
                }),
            }
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.position));
        groups
    }

    /// Merges groups that have reached the same position.
    pub(crate) fn merge(groups: &mut Vec<Self>) {
        let mut merged: Vec<Self> = Vec::with_capacity(groups.len());
        for group in groups.drain(..) {
            match merged.iter_mut().find(|other| other.position == group.position) {
                Some(other) => other.members.extend(group.members),
                None => merged.push(group),
            }
        }
        *groups = merged;
    }

    /// Folds a page with every member and moves the position, in memory only.
    pub(crate) async fn fold(
        &mut self,
        page: Page,
        model: &ReadModel,
        now: i64,
    ) -> Result<Batch, ProjectorError> {
        let batch = fold(&mut self.members, page, model, now).await?;
        self.position = batch.to;
        Ok(batch)
    }

    pub(crate) fn checkpoints(&self) -> Vec<Checkpoint> {
        checkpoints(&self.members)
    }

    /// All batches but the last `in_flight` have committed.
    pub(crate) fn committed(&mut self, in_flight: u64) {
        self.members.iter_mut().for_each(|member| member.committed(in_flight));
    }
}

/// Folds a page with each of these members.
pub(crate) async fn fold(
    members: &mut [Member],
    page: Page,
    model: &ReadModel,
    now: i64,
) -> Result<Batch, ProjectorError> {
    let (from, to) = (page.after, page.to());
    let events = page.events;
    let recorded_at =
        events.last().map_or(now, |event| event.recorded.recorded_at.timestamp_micros());
    let hash = events.last().map(|event| event.recorded.hash);
    let mut parked = Vec::new();
    let folded: Vec<&Decoded> = events.iter().collect();
    for member in &mut *members {
        parked.extend(member.fold(&folded, model, now).await?);
    }
    let checkpoints = checkpoints(members);
    let last_keeper = members.iter().rposition(|member| member.projection.keeps_events);
    let mut changes = Vec::with_capacity(members.len());
    for (index, member) in members.iter_mut().enumerate() {
        let its = (Some(index) != last_keeper).then(|| member.take_copies(&folded));
        changes.push((member.tables, its));
    }
    drop(folded);
    if let Some(last) = last_keeper {
        changes[last].1 = Some(members[last].take(events));
    }
    let changes = changes.into_iter().filter_map(|(tables, its)| Some((tables, its?))).collect();
    Ok(Batch { from, to, checkpoints, changes, parked, recorded_at, hash })
}

fn checkpoints(members: &[Member]) -> Vec<Checkpoint> {
    let checkpoint = |member: &Member| Checkpoint {
        name: member.projection.name,
        generation: member.generation,
    };
    members.iter().map(checkpoint).collect()
}
