//! What a projection is: a name, a version of its code, its tables, the streams that it takes, and a fold.
//!
//! The engine knows no more of a projection. [`crate::registry`] lists the projections.

use crate::decoded::{Decoded, Poison};
use event_store::{RecordedEvent, StreamType};
use futures::future::{self, BoxFuture, FutureExt};
use read_model::write::{Tables, WriteTx};
use read_model::{ReadModel, ReadModelError};
use std::fmt;
use std::hash::{Hash, Hasher};

/// A named fold of the log into tables. The name identifies it.
pub struct Projection {
    /// The name in the catalog, on the command line and in `/v1/projections`.
    pub name: &'static str,
    /// The version of the code that makes its rows. Raise it when the code makes other rows: they are then rebuilt.
    pub version: u32,
    /// Its tables in the read model.
    pub tables: &'static [&'static str],
    /// The streams whose events it folds. It skips all others and never parks them.
    pub streams: Streams,
    /// Whether its rows are the events themselves: [`Fold::take`] then receives them.
    pub keeps_events: bool,
    /// Creates the fold for a delivery mode.
    pub fold: fn(Pace) -> Box<dyn Fold>,
}

/// Which streams a projection takes.
#[derive(Debug, Clone, Copy)]
pub enum Streams {
    /// Streams of every type, known to this build or not.
    All,
    /// Streams of these types.
    Of(&'static [StreamType]),
}

impl Projection {
    /// Whether it folds the events of this type of stream.
    pub fn takes(&self, stream_type: StreamType) -> bool {
        match self.streams {
            Streams::All => true,
            Streams::Of(types) => types.contains(&stream_type),
        }
    }
}

impl PartialEq for Projection {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Projection {}

impl Hash for Projection {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for Projection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name)
    }
}

/// The delivery mode: how events come, and so which rows of earlier batches must be looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Events may repeat: every unknown stream is looked up.
    Repeating,
    /// Each event comes once, as the log is followed: a stream's first event needs no lookup.
    Following,
    /// Each event comes once, many at a time, into tables that were empty.
    Bulk,
}

/// A fold under way: a pure function from events to rows, with whatever it remembers between batches.
///
/// A batch is `prepare`, one `apply` for each event, `take`. Folding may run ahead of writing; [`Fold::committed`] says how
/// far ahead.
pub trait Fold: fmt::Debug + Send + Sync {
    /// Reads the rows that these events need and that the fold has not in memory.
    fn prepare<'a>(
        &'a mut self,
        events: &'a [&'a Decoded],
        model: &'a ReadModel,
        tables: Tables,
    ) -> BoxFuture<'a, Result<(), ReadModelError>> {
        let _ = (events, model, tables);
        future::ready(Ok(())).boxed()
    }

    /// Folds one event.
    ///
    /// # Errors
    /// When this build cannot fold it. The event is then parked, with the later events of its stream.
    fn apply(&mut self, event: &Decoded) -> Result<(), Poison>;

    /// Drops the row of an event of this batch that was parked.
    fn refuse(&mut self, event: &RecordedEvent) {
        let _ = event;
    }

    /// Takes the changes since the last call. `events` are those of the batch if [`Projection::keeps_events`] is set, else
    /// none.
    fn take(&mut self, events: Vec<Decoded>) -> Box<dyn Changes>;

    /// Reports that the batches taken so far, except the last `in_flight`, have committed.
    fn committed(&mut self, in_flight: u64) {
        let _ = in_flight;
    }
}

/// What a batch changes in the tables of one projection.
pub trait Changes: fmt::Debug + Send {
    /// Writes the rows in a transaction.
    fn write<'a>(
        self: Box<Self>,
        tx: &'a mut WriteTx,
        tables: Tables,
    ) -> BoxFuture<'a, Result<(), ReadModelError>>;
}
