//! Events as the log has them: a stream's, for replay and history, and all, for the feed.
//!
//! A page ends at a number of events or of bytes, whichever comes first, so that memory stays bounded whatever the
//! payloads are.

use super::Seen;
use crate::db::{ReadModel, ReadModelError, Sql, from_row, loaded, stored};
use event_bytes::Fields;
use futures::{Stream, StreamExt};
use uuid::Uuid;

/// A page ends with the event that brings its payloads to this many bytes.
pub const MAX_PAGE_BYTES: usize = 4 << 20;

/// An event as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the columns, as the migration describes them
pub struct StoredEvent {
    pub position: u64,
    pub stream_type: String,
    pub stream_id: Uuid,
    pub partition_key: Option<Uuid>,
    pub version: u64,
    pub event_id: Uuid,
    pub event_type: String,
    pub schema_version: u16,
    pub occurred_at: i64,
    pub recorded_at: i64,
    pub actor: Option<String>,
    pub correlation_id: Option<String>,
    pub causation_id: Option<String>,
    pub traceparent: Option<String>,
    pub data: String,
}

impl StoredEvent {
    /// Everything that is stored of it but its hash, to be written as bytes.
    pub fn fields(&self) -> Fields<'_> {
        Fields {
            position: self.position,
            stream_type: &self.stream_type,
            stream_id: self.stream_id,
            partition_key: self.partition_key,
            version: self.version,
            event_id: self.event_id,
            event_type: &self.event_type,
            schema_version: self.schema_version,
            occurred_at: self.occurred_at,
            recorded_at: self.recorded_at,
            metadata: [
                self.correlation_id.as_deref(),
                self.causation_id.as_deref(),
                self.traceparent.as_deref(),
                self.actor.as_deref(),
            ],
            payload: self.data.as_bytes(),
        }
    }
}

/// Events up to the bounds of a page, and whether more follow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventPage {
    /// The events, in order.
    pub events: Vec<StoredEvent>,
    /// Whether there were more events when the page was read.
    pub more: bool,
}

from_row! {
    pub(super) struct EventRow {
        applied: i64,
        position: Option<i64>,
        stream_type: Option<String>,
        stream_id: Option<Uuid>,
        partition_key: Option<Uuid>,
        version: Option<i64>,
        event_id: Option<Uuid>,
        event_type: Option<String>,
        schema_version: Option<i64>,
        occurred_at: Option<i64>,
        recorded_at: Option<i64>,
        actor: Option<String>,
        correlation_id: Option<String>,
        causation_id: Option<String>,
        traceparent: Option<String>,
        data: Option<String>,
    }
}

impl EventRow {
    /// The event, or `None` for a row that only carries the position.
    fn event(self) -> Option<StoredEvent> {
        Some(StoredEvent {
            position: loaded(self.position?).ok()?,
            stream_type: self.stream_type?,
            stream_id: self.stream_id?,
            partition_key: self.partition_key,
            version: loaded(self.version?).ok()?,
            event_id: self.event_id?,
            event_type: self.event_type?,
            schema_version: u16::try_from(self.schema_version?).unwrap_or(u16::MAX),
            occurred_at: self.occurred_at?,
            recorded_at: self.recorded_at?,
            actor: self.actor,
            correlation_id: self.correlation_id,
            causation_id: self.causation_id,
            traceparent: self.traceparent,
            data: self.data?,
        })
    }
}

/// A page of `history` under a condition, in an order, with a limit; one row without an event if there is none. On
/// PostgreSQL the limit is inside, because otherwise it would sort the rest of the log for one page. On SQLite it is
/// outside, because otherwise SQLite would copy the page.
#[derive(Debug, Clone, Copy)]
struct Select {
    sqlite: &'static str,
    postgres: &'static str,
}

/// The position that the history has applied.
macro_rules! applied {
    () => {
        "COALESCE((SELECT position FROM projections WHERE name = 'history'), 0)"
    };
}

/// The position up to which both the history and the orders are there.
macro_rules! both_applied {
    () => {
        "COALESCE((SELECT MIN(position) FROM projections WHERE name IN ('history', 'orders')), 0)"
    };
}

macro_rules! columns {
    ($applied:ident) => {
        concat!("SELECT ", $applied!(), " AS applied, \
         h.position, h.stream_type, h.stream_id, h.partition_key, h.version, h.event_id, h.event_type, \
         h.schema_version, h.occurred_at, h.recorded_at, h.actor, h.correlation_id, h.causation_id, h.traceparent, h.data \
         FROM (SELECT 1 AS one) AS one LEFT JOIN ")
    };
}

macro_rules! select {
    ($applied:ident, $condition:literal, $order:literal, $limit:literal) => {
        Select {
            sqlite: concat!(
                columns!($applied),
                "history h ON ",
                $condition,
                " ORDER BY ",
                $order,
                $limit
            ),
            postgres: concat!(
                columns!($applied),
                "LATERAL (SELECT * FROM history h WHERE ",
                $condition,
                " ORDER BY ",
                $order,
                $limit,
                ") AS h ON TRUE ORDER BY ",
                $order
            ),
        }
    };
}

const BY_VERSION: Select = select!(
    applied,
    "h.stream_id = $1 AND h.stream_type = $2 AND h.version > $3 AND h.version <= $4",
    "h.version",
    " LIMIT $5"
);
/// Only up to the applied position: above it, a projection that several partitions feed may have gaps.
const FEED: Select = select!(
    applied,
    "h.position > $1 AND h.position <= COALESCE((SELECT position FROM projections WHERE name = 'history'), 0)",
    "h.position",
    " LIMIT $2"
);

/// The same for the orders of one customer. The customer's orders are few, so their events are read and sorted.
const FEED_OF_CUSTOMER: Select = select!(
    both_applied,
    "h.stream_type = 'order' AND h.stream_id IN (SELECT order_id FROM orders WHERE customer_id = $3) \
     AND h.position > $1 AND h.position <= \
     COALESCE((SELECT MIN(position) FROM projections WHERE name IN ('history', 'orders')), 0)",
    "h.position",
    " LIMIT $2"
);

impl Select {
    fn on(self, model: &ReadModel) -> Sql {
        Sql::new(match model {
            ReadModel::Sqlite(_) => self.sqlite,
            ReadModel::Postgres(_) => self.postgres,
        })
    }
}

/// Takes rows up to the page's bounds.
pub(super) async fn page(
    mut rows: impl Stream<Item = Result<EventRow, sqlx::Error>> + Unpin,
    limit: usize,
    most_bytes: usize,
) -> Result<Seen<EventPage>, ReadModelError> {
    let mut seen = Seen { position: 0, found: EventPage::default() };
    let mut bytes = 0;
    while let Some(row) = rows.next().await.transpose()? {
        seen.position = loaded(row.applied)?;
        let Some(event) = row.event() else { break };
        if seen.found.events.len() == limit || bytes >= most_bytes {
            seen.found.more = true;
            break;
        }
        bytes += event.data.len();
        seen.found.events.push(event);
    }
    Ok(seen)
}

/// One row more than the page shows, to know whether there are more.
pub(super) fn and_one(limit: usize) -> i64 {
    stored(limit as u64).saturating_add(1)
}

impl ReadModel {
    /// A page of one stream's events after a version, up to a last one.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn stream_events(
        &self,
        (stream_type, stream_id): (&str, Uuid),
        after: u64,
        last: u64,
        limit: usize,
    ) -> Result<Seen<EventPage>, ReadModelError> {
        let sql = BY_VERSION
            .on(self)
            .bind(stream_id)
            .bind(stream_type)
            .bind(stored(after))
            .bind(stored(last))
            .bind(and_one(limit));
        page(self.stream(sql), limit, MAX_PAGE_BYTES).await
    }

    /// A page of the feed after a position, in position order. It ends with the event that brings its payloads to
    /// `most_bytes`, at most [`MAX_PAGE_BYTES`].
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn feed(
        &self,
        after: u64,
        limit: usize,
        most_bytes: usize,
    ) -> Result<Seen<EventPage>, ReadModelError> {
        let sql = FEED.on(self).bind(stored(after)).bind(and_one(limit));
        page(self.stream(sql), limit, most_bytes.min(MAX_PAGE_BYTES)).await
    }

    /// As [`ReadModel::feed`], with the events of one customer's orders only.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn feed_of_customer(
        &self,
        customer_id: &str,
        after: u64,
        limit: usize,
        most_bytes: usize,
    ) -> Result<Seen<EventPage>, ReadModelError> {
        let sql = FEED_OF_CUSTOMER.on(self).bind(stored(after)).bind(and_one(limit));
        page(self.stream(sql.bind(customer_id)), limit, most_bytes.min(MAX_PAGE_BYTES)).await
    }
}
