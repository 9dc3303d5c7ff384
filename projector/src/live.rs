//! Following the log: fold a page, flush it, repeat; without new events, wait for a hint or the next poll.
//!
//! A single event is flushed at once; under load pages fill while the one before is flushed. Projections that are behind
//! (new or restarted ones) catch up a page at a time and then join the others. Of two writers of one read model, the
//! checkpoint's compare-and-set lets one write a batch; the other reloads.

use crate::ProjectorError;
use crate::figures;
use crate::flush::{Advance, flush};
use crate::group::{Group, Member};
use crate::log_identity::check_log_identity;
use crate::outdated::Outdated;
use crate::points;
use crate::projection::Pace;
use crate::refused::write_without;
use crate::source::Source;
use read_model::write::Tables;
use read_model::write::catalog::{CatalogEntry, Checkpoint, SourceHead};
use read_model::{ReadModel, ReadModelError};
use server::{Backoff, Readiness, clock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Events in one page.
const PAGE: usize = 1_000;
/// How often the log is polled when no hint comes (another process writes it).
const POLL: Duration = Duration::from_millis(25);
/// How often the catalog is read for projections that were stopped, restarted or added.
const LOOK: Duration = Duration::from_secs(1);
/// How often the log's end is stored under load.
const NOTE_HEAD: Duration = Duration::from_millis(100);
/// The pause after another writer was faster.
const STAND_BY: Duration = Duration::from_millis(200);
/// The first pause after a failure; doubled up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause after failures.
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// Why a follower cannot follow, for `/readyz`; `Ok` while it can.
pub type Condition = Result<(), String>;

/// Follows the log until `shutdown`. A failure is reported to `condition` and logged; after a pause it tries again.
///
/// # Errors
/// None at present but those that no waiting can cure.
pub async fn run(
    source: Source,
    model: ReadModel,
    condition: watch::Sender<Condition>,
    shutdown: CancellationToken,
) -> Result<(), ProjectorError> {
    figures::describe();
    let mut backoff = Backoff::new(FIRST_PAUSE, LAST_PAUSE);
    let mut outdated = Outdated::new(source.clone(), model.clone(), shutdown.clone());
    loop {
        let since = Instant::now();
        let stop = match Engine::start(&source, &model, &mut outdated).await {
            Ok(mut engine) => match engine.follow(&condition, &shutdown).await {
                Ok(()) => return Ok(()),
                Err(stop) => stop,
            },
            Err(error) => Stop::Failed(error),
        };
        backoff.reset_after(since.elapsed());
        let rest = match stop {
            Stop::Reload => Duration::ZERO,
            Stop::Lost => STAND_BY,
            Stop::Failed(error) => {
                tracing::error!(%error, "projecting failed; it will be tried again");
                figures::failed();
                figures::missing(error.missing_position());
                let _ = condition.send_replace(Err(error.to_string()));
                backoff.pause()
            }
        };
        if wait(rest, &shutdown).await {
            return Ok(());
        }
    }
}

/// Shows a follower's condition on `/readyz`, until the follower ends.
pub async fn watch_condition(mut condition: watch::Receiver<Condition>, readiness: Readiness) {
    loop {
        readiness.set("projector", condition.borrow_and_update().clone());
        if condition.changed().await.is_err() {
            readiness.set("projector", Err("the projector has ended".into()));
            return;
        }
    }
}

/// Waits for `pause`; `true` when `shutdown` comes first.
async fn wait(pause: Duration, shutdown: &CancellationToken) -> bool {
    let _resting = points::resting();
    tokio::select! {
        () = shutdown.cancelled() => true,
        () = tokio::time::sleep(pause) => false,
    }
}

/// Why the engine no longer follows.
enum Stop {
    /// The catalog has changed.
    Reload,
    /// Another writer was faster.
    Lost,
    /// The log or the read model failed.
    Failed(ProjectorError),
}

impl<E: Into<ProjectorError>> From<E> for Stop {
    fn from(error: E) -> Self {
        let error = error.into();
        if error.is_moved() { Self::Lost } else { Self::Failed(error) }
    }
}

/// The live projections, loaded from the catalog; they follow until a [`Stop`].
struct Engine {
    source: Source,
    model: ReadModel,
    catalog: Vec<CatalogEntry>,
    groups: Vec<Group>,
    looked: Instant,
    noted: Instant,
    head: SourceHead,
    noted_head: u64,
}

impl Engine {
    async fn start(
        source: &Source,
        model: &ReadModel,
        outdated: &mut Outdated,
    ) -> Result<Self, ProjectorError> {
        check_log_identity(source, model).await?;
        let now = clock::now().timestamp_micros();
        let mut catalog = model.catalog().await?;
        for projection in source.registry().projections() {
            if !catalog.iter().any(|entry| entry.name == projection.name) {
                model.register(projection.name, projection.version, now).await?;
                catalog = model.catalog().await?;
            }
        }
        outdated.look(&catalog);
        let mut members = Vec::new();
        for entry in &catalog {
            let Some(projection) = source.registry().named(&entry.name) else { continue };
            if !entry.stopped && entry.version == projection.version {
                let (generation, tables) = (entry.generation, Tables::Live);
                let member =
                    Member::load(projection, generation, tables, Pace::Following, model).await?;
                members.push((entry.position, member));
            }
        }
        leave_topic(model, &members, now).await?;
        Ok(Self {
            groups: Group::sort(members, source),
            source: source.clone(),
            model: model.clone(),
            catalog,
            looked: Instant::now(),
            noted: Instant::now() - NOTE_HEAD,
            head: source.head().await?,
            noted_head: 0,
        })
    }

    /// Follows until `shutdown`.
    async fn follow(
        &mut self,
        condition: &watch::Sender<Condition>,
        shutdown: &CancellationToken,
    ) -> Result<(), Stop> {
        let mut follower = self.source.follow(POLL, shutdown);
        while follower.next().await {
            let turn = self.turn().await;
            if turn.is_err() {
                // While the log can be read, the lag of the views is known.
                self.head = self.source.head().await.unwrap_or(self.head);
            }
            self.figures();
            let moved = turn?;
            if self.looked.elapsed() >= LOOK {
                self.look().await?;
            }
            match moved {
                true => follower.found(),
                false => self.note_head().await?,
            }
            if condition.send_if_modified(|last| std::mem::replace(last, Ok(())).is_err()) {
                figures::missing(None);
            }
        }
        Ok(())
    }

    /// Applies one page for each group, the furthest first. Returns whether any moved.
    async fn turn(&mut self) -> Result<bool, Stop> {
        let mut moved = false;
        for index in 0..self.groups.len() {
            // A group that is behind stops at the position of the group ahead, to be merged with it.
            let bound = index.checked_sub(1).map(|ahead| self.groups[ahead].position);
            moved |= self.step(index, bound).await?;
        }
        Group::merge(&mut self.groups);
        Ok(moved)
    }

    async fn step(&mut self, index: usize, bound: Option<u64>) -> Result<bool, Stop> {
        let group = &mut self.groups[index];
        let limit = page_limit(group.position, bound);
        if limit == 0 {
            return Ok(false);
        }
        let page = group.reader.page(group.position, limit).await?;
        if page.events.is_empty() {
            // The log's end was read before the page: an event that is missing now never comes.
            return match self.head.position > group.position {
                true => Err(missing(group.position, self.head.position).into()),
                false => Ok(false),
            };
        }
        if page.events.len() == PAGE {
            let to = page.to();
            group.reader.prefetch(to, page_limit(to, bound).max(1));
        }
        let started = Instant::now();
        let events = page.events.len();
        let now = clock::now().timestamp_micros();
        let batch = group.fold(page, &self.model, now).await?;
        if batch.to > self.head.position {
            self.head = SourceHead {
                position: batch.to,
                recorded_at: batch.recorded_at,
                seen_at: now,
                hash: batch.hash,
            };
        }
        let note = (self.noted.elapsed() >= NOTE_HEAD).then_some(self.head);
        let (from, to) = (batch.from, batch.to);
        match flush(self.model.clone(), batch, Advance::Live(note), now).await {
            Ok(()) => {}
            Err(ReadModelError::Refused(rule)) => {
                tracing::warn!(rule, from, to, "a batch is refused for some of its rows");
                return Err(self.write_without(index, from, to).await);
            }
            Err(error) => {
                self.groups[index].position = from;
                return Err(error.into());
            }
        }
        if note.is_some() {
            (self.noted, self.noted_head) = (Instant::now(), self.head.position);
        }
        self.groups[index].committed(0);
        figures::flushed(events, started.elapsed());
        Ok(true)
    }

    /// Writes a refused batch without the streams at fault. After that everything is reloaded.
    async fn write_without(&mut self, index: usize, from: u64, to: u64) -> Stop {
        figures::failed();
        let group = &mut self.groups[index];
        group.position = from;
        let page = match group.reader.page(from, page_limit(from, Some(to))).await {
            Ok(page) => page,
            Err(error) => return error.into(),
        };
        let now = clock::now().timestamp_micros();
        let written = write_without(&self.model, &group.members, page, Advance::Live(None), now);
        written.await.map_or_else(Stop::from, |()| Stop::Reload)
    }

    /// Stores the log's end when there is nothing else to write.
    async fn note_head(&mut self) -> Result<(), Stop> {
        if self.head.position == self.noted_head {
            return Ok(());
        }
        let mut tx = self.model.begin_write().await?;
        tx.set_source_head(self.head).await?;
        tx.commit(self.head.position).await?;
        (self.noted, self.noted_head) = (Instant::now(), self.head.position);
        Ok(())
    }

    /// Checks whether projections were stopped, restarted or swapped, and how far the log reaches.
    async fn look(&mut self) -> Result<(), Stop> {
        self.looked = Instant::now();
        let head = self.source.head().await?;
        if head.position < self.head.position {
            // It was longer a moment ago: the check at the next start reports this in full.
            return Err(Stop::Reload);
        }
        self.head = head;
        let shape = |entry: &CatalogEntry| {
            (entry.name.clone(), entry.generation, entry.version, entry.stopped)
        };
        let catalog = self.model.catalog().await?;
        if catalog.iter().map(shape).ne(self.catalog.iter().map(shape)) {
            return Err(Stop::Reload);
        }
        Ok(())
    }

    fn figures(&self) {
        for group in &self.groups {
            for member in &group.members {
                figures::projection(member.projection, group.position, self.head, member.parked());
            }
        }
    }
}

/// Moves projections that a topic has fed over to the log; refused unless all their partitions are at one position.
async fn leave_topic(
    model: &ReadModel,
    members: &[(u64, Member)],
    now: i64,
) -> Result<(), ProjectorError> {
    if model.partitions().await?.is_empty() {
        return Ok(());
    }
    let mut tx = model.begin_write().await?;
    for (_, member) in members {
        let name = member.projection.name;
        let checkpoint = Checkpoint { name, generation: member.generation };
        tx.lock_projections(&[checkpoint], now).await?;
        let position = tx.catalog().await?.iter().find(|e| e.name == name).map(|e| e.position);
        let entries = tx.partitions().await?;
        let mut its = entries.iter().filter(|entry| entry.projection == name);
        if its.any(|entry| Some(entry.mark.position) != position) {
            return Err(ProjectorError::Refused(format!(
                "{name} was fed from a topic whose partitions it has read unevenly; \
                 follow the topic (--source kafka://…), or rebuild it from the log (--rebuild={name})"
            )));
        }
        tx.leave_partitions(checkpoint).await?;
    }
    Ok(tx.commit(0).await?)
}

/// The error for a log whose next position is missing although its head is further.
fn missing(position: u64, head: u64) -> ProjectorError {
    ProjectorError::Gap { expected: position + 1, found: head }
}

/// How many events a page may hold.
fn page_limit(position: u64, bound: Option<u64>) -> usize {
    let room = bound.map_or(u64::MAX, |bound| bound.saturating_sub(position));
    usize::try_from(room).unwrap_or(usize::MAX).min(PAGE)
}
