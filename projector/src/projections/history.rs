//! Projection `history`: every event as it stands in the log, also those that no other projection can read.

use super::{Pace, Poison, unknown};
use crate::cache::Cache;
use crate::source::{Decoded, Fact};
use event_store::RecordedEvent;
use read_model::write::Tables;
use read_model::write::history::HistoryRow;
use read_model::{ReadModel, ReadModelError};
use std::collections::HashSet;
use uuid::Uuid;

/// Streams whose last version is remembered.
const STREAMS: usize = 65_536;

/// The fold.
#[derive(Debug)]
pub(crate) struct HistoryFold {
    pace: Pace,
    versions: Cache<u64>,
    refused: HashSet<(Uuid, u64)>,
    batch: u64,
}

impl HistoryFold {
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, versions: Cache::new(STREAMS), refused: HashSet::new(), batch: 1 }
    }

    pub(crate) async fn prepare(
        &mut self,
        events: &[&Decoded],
        model: &ReadModel,
        tables: Tables,
    ) -> Result<(), ReadModelError> {
        let unknown = unknown(events, self.pace, |stream| self.versions.contains(stream));
        for (stream, version) in model.history_versions(tables, &unknown).await? {
            self.versions.put(stream, self.batch, version);
            self.versions.weigh(stream, 1);
        }
        Ok(())
    }

    pub(crate) fn apply(&mut self, event: &Decoded) -> Result<(), Poison> {
        check(event)?;
        self.follow(&event.recorded)
    }

    pub(crate) fn refuse(&mut self, recorded: &RecordedEvent) {
        self.refused.insert((recorded.stream.id, recorded.position));
    }

    fn follow(&mut self, recorded: &RecordedEvent) -> Result<(), Poison> {
        let stream = recorded.stream.id;
        let known = self.versions.entry(stream, self.batch, || 0);
        if recorded.version != *known + 1 {
            return Err(Poison(format!("version {} follows {known}", recorded.version)));
        }
        *known = recorded.version;
        self.versions.weigh(stream, 1);
        Ok(())
    }

    pub(crate) fn take(&mut self, events: Vec<Decoded>) -> Vec<HistoryRow> {
        self.batch += 1;
        let refused = std::mem::take(&mut self.refused);
        let is_refused =
            |event: &RecordedEvent| refused.contains(&(event.stream.id, event.position));
        let kept =
            events.into_iter().filter(|event| refused.is_empty() || !is_refused(&event.recorded));
        kept.map(|event| row(event.recorded)).collect()
    }

    pub(crate) fn committed(&mut self, in_flight: u64) {
        self.versions.trim((self.batch - 1).saturating_sub(in_flight));
    }
}

/// What is no JSON text cannot be shown. The parser looks at no text that it passes over, so that is looked at first.
fn check(event: &Decoded) -> Result<(), Poison> {
    let not_json = || Poison("the payload is not JSON".into());
    let text = std::str::from_utf8(&event.recorded.payload).map_err(|_| not_json())?;
    if matches!(event.fact, Fact::Order(_)) {
        return Ok(());
    }
    serde_json::from_str::<serde::de::IgnoredAny>(text).map(|_| ()).map_err(|_| not_json())
}

fn row(event: RecordedEvent) -> HistoryRow {
    // Only what is JSON comes here, so the lossy way out is never taken.
    let data = String::from_utf8(event.payload)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    HistoryRow {
        position: event.position,
        stream_type: event.stream.stream_type,
        stream_id: event.stream.id,
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
