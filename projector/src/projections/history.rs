//! Projection `history`: every event as the log has it, also events that no other projection can read.

use super::unknown;
use crate::cache::Cache;
use crate::decoded::{Decoded, Fact, Poison};
use crate::projection::{Changes, Fold, Pace, Projection, Streams};
use event_store::{RecordedEvent, StreamId};
use futures::future::{BoxFuture, FutureExt};
use read_model::write::history::{self, HistoryRow};
use read_model::write::{Tables, WriteTx};
use read_model::{ReadModel, ReadModelError};
use std::collections::HashSet;
use uuid::Uuid;

/// The projection.
pub static HISTORY: Projection = Projection {
    name: "history",
    version: 1,
    tables: history::TABLES,
    streams: Streams::All,
    keeps_events: true,
    fold: |pace| Box::new(HistoryFold::new(pace)),
};

/// Streams whose last version is remembered.
const STREAMS: usize = 65_536;

/// The fold.
#[derive(Debug)]
pub(super) struct HistoryFold {
    pace: Pace,
    versions: Cache<StreamId, u64>,
    /// Events of this batch that leave no row. Keyed by both, because a foreign record may claim an event's position.
    refused: HashSet<(StreamId, u64)>,
    batch: u64,
}

impl Fold for HistoryFold {
    fn prepare<'a>(
        &'a mut self,
        events: &'a [&'a Decoded],
        model: &'a ReadModel,
        tables: Tables,
    ) -> BoxFuture<'a, Result<(), ReadModelError>> {
        async move {
            let unknown = unknown(events, self.pace, |stream| self.versions.contains(stream));
            let asked: Vec<(&str, Uuid)> =
                unknown.iter().map(|stream| (stream.stream_type.as_str(), stream.id)).collect();
            let found = model.history_versions(tables, &asked).await?;
            for (stream, version) in unknown.into_iter().zip(found) {
                if let Some(version) = version {
                    self.versions.put(stream, self.batch, version);
                    self.versions.weigh(stream, 1);
                }
            }
            Ok(())
        }
        .boxed()
    }

    fn apply(&mut self, event: &Decoded) -> Result<(), Poison> {
        check(event)?;
        self.follow(&event.recorded)
    }

    fn refuse(&mut self, recorded: &RecordedEvent) {
        self.refused.insert((recorded.stream, recorded.position));
    }

    fn take(&mut self, events: Vec<Decoded>) -> Box<dyn Changes> {
        Box::new(Rows(self.rows(events)))
    }

    fn committed(&mut self, in_flight: u64) {
        self.versions.trim((self.batch - 1).saturating_sub(in_flight));
    }
}

/// New rows.
#[derive(Debug)]
struct Rows(Vec<HistoryRow>);

impl Changes for Rows {
    fn write<'a>(
        self: Box<Self>,
        tx: &'a mut WriteTx,
        tables: Tables,
    ) -> BoxFuture<'a, Result<(), ReadModelError>> {
        tx.write_history(tables, self.0).boxed()
    }
}

impl HistoryFold {
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace, versions: Cache::new(STREAMS), refused: HashSet::new(), batch: 1 }
    }

    fn follow(&mut self, recorded: &RecordedEvent) -> Result<(), Poison> {
        let stream = recorded.stream;
        let known = self.versions.entry(stream, self.batch, || 0);
        if recorded.version != *known + 1 {
            return Err(Poison(format!("version {} follows {known}", recorded.version)));
        }
        *known = recorded.version;
        self.versions.weigh(stream, 1);
        Ok(())
    }

    pub(super) fn rows(&mut self, events: Vec<Decoded>) -> Vec<HistoryRow> {
        self.batch += 1;
        let refused = std::mem::take(&mut self.refused);
        let stays = |event: &RecordedEvent| {
            refused.is_empty() || !refused.contains(&(event.stream, event.position))
        };
        let mut rows = Vec::with_capacity(events.len());
        rows.extend(events.into_iter().map(|event| event.recorded).filter(stays).map(row));
        rows
    }
}

/// Refuses a payload that is not JSON text, which no view could show. The parser does not check the UTF-8 of texts that it
/// skips, so that is checked first.
fn check(event: &Decoded) -> Result<(), Poison> {
    let not_json = || Poison("the payload is not JSON".into());
    let text = std::str::from_utf8(&event.recorded.payload).map_err(|_| not_json())?;
    if matches!(event.fact, Fact::Known(_)) {
        return Ok(());
    }
    serde_json::from_str::<serde::de::IgnoredAny>(text).map(|_| ()).map_err(|_| not_json())
}

fn row(event: RecordedEvent) -> HistoryRow {
    let partition_key = event.foreign_partition_key();
    // Only JSON comes here, so the lossy fallback is never used.
    let data = String::from_utf8(event.payload)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    HistoryRow {
        position: event.position,
        stream_type: event.stream.stream_type.as_str().to_owned(),
        stream_id: event.stream.id,
        partition_key,
        version: event.version,
        event_id: event.event_id,
        event_type: event.event_type,
        schema_version: event.schema_version,
        occurred_at: event.occurred_at.timestamp_micros(),
        recorded_at: event.recorded_at.timestamp_micros(),
        actor: event.metadata.actor,
        correlation_id: event.metadata.correlation_id,
        causation_id: event.metadata.causation_id,
        traceparent: event.metadata.traceparent,
        data,
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
