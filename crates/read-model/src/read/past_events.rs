//! The input of replay: the events of one stream, each with only what the fold needs.
//!
//! Most streams are short and their events small; SQLite returns those in one text (see [`super::packed_rows`]). Large
//! events, long streams and all streams on PostgreSQL come row by row, as pages bounded by bytes.

use super::events::StoredEvent;
use super::{Seen, packed_rows};
use crate::db::{ReadModel, ReadModelError, Sql, loaded, stored};
use uuid::Uuid;

/// The most events that are packed.
const PACKED_EVENTS: usize = 64;

/// An event as the fold needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the columns, as the migration describes them
pub struct PastEvent {
    pub position: u64,
    pub version: u64,
    pub event_type: String,
    pub schema_version: u16,
    pub occurred_at: i64,
    pub recorded_at: i64,
    pub data: String,
}

/// Events of a stream, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PastPage {
    /// The events, in order.
    pub events: Vec<PastEvent>,
    /// Whether there may be more.
    pub more: bool,
}

impl From<StoredEvent> for PastEvent {
    fn from(event: StoredEvent) -> Self {
        Self {
            position: event.position,
            version: event.version,
            event_type: event.event_type,
            schema_version: event.schema_version,
            occurred_at: event.occurred_at,
            recorded_at: event.recorded_at,
            data: event.data,
        }
    }
}

/// A stream's first events, and their number. An event of more than 8 KiB is counted but left out; it and the events
/// after it are read row by row.
const PACKED: &str = "SELECT COALESCE((SELECT position FROM projections WHERE name = 'history'), 0), COUNT(*), string_agg(\
     h.version || ' ' || h.position || ' ' || h.occurred_at || ' ' || h.recorded_at || ' ' || \
     h.schema_version || ' ' || h.event_type || ' ' || \
     CASE WHEN octet_length(h.data) <= 8192 THEN h.data END, char(30) ORDER BY h.version) \
     FROM (SELECT * FROM history h WHERE h.stream_id = $1 AND h.stream_type = $2 AND h.version <= $3 \
     ORDER BY h.version LIMIT $4) AS h";

/// An event from a packed page.
fn unpacked(text: &str) -> Option<PastEvent> {
    let mut parts = text.splitn(7, ' ');
    Some(PastEvent {
        version: parts.next()?.parse().ok()?,
        position: parts.next()?.parse().ok()?,
        occurred_at: parts.next()?.parse().ok()?,
        recorded_at: parts.next()?.parse().ok()?,
        schema_version: parts.next()?.parse().ok()?,
        event_type: parts.next()?.to_owned(),
        data: parts.next()?.to_owned(),
    })
}

impl ReadModel {
    /// A page of one stream's events after a version, up to a last one, for folding; at most `limit` of them.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn past_events(
        &self,
        stream: (&str, Uuid),
        after: u64,
        last: u64,
        limit: usize,
    ) -> Result<Seen<PastPage>, ReadModelError> {
        if matches!(self, Self::Sqlite(_)) && after == 0 {
            let seen = self.packed_events(stream, last, limit.min(PACKED_EVENTS)).await?;
            // If the first event is large, nothing has been read yet.
            if !(seen.found.events.is_empty() && seen.found.more) {
                return Ok(seen);
            }
        }
        let seen = self.stream_events(stream, after, last, limit).await?;
        let events = seen.found.events.into_iter().map(PastEvent::from).collect();
        Ok(Seen { position: seen.position, found: PastPage { events, more: seen.found.more } })
    }

    /// The start of a stream, up to its first large event.
    async fn packed_events(
        &self,
        (stream_type, stream_id): (&str, Uuid),
        last: u64,
        limit: usize,
    ) -> Result<Seen<PastPage>, ReadModelError> {
        let sql = Sql::new(PACKED).bind(stream_id).bind(stream_type).bind(stored(last));
        let sql = sql.bind(stored(limit as u64 + 1));
        let row: Option<(i64, i64, Option<String>)> = self.first(sql).await?;
        let (applied, rows, texts) = row.unwrap_or_default();
        let mut events = packed_rows::unpack(texts.as_deref(), unpacked)?;
        let whole = events.iter().zip(1..).take_while(|(event, at)| event.version == *at).count();
        events.truncate(whole.min(limit));
        let more = loaded(rows)? > events.len() as u64;
        Ok(Seen { position: loaded(applied)?, found: PastPage { events, more } })
    }
}
