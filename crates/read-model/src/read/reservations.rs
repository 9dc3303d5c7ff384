//! Reservations: one at present, those that an item that is short should release, and those whose time has run out.

use super::Seen;
use crate::db::{ReadModel, ReadModelError, Sql, from_row, loaded};
use std::collections::HashMap;
use uuid::Uuid;

/// The most reservations that are named for one item that is short.
pub const MAX_TO_RELEASE: usize = 20;
/// Items that one statement asks for.
const ITEMS_AT_ONCE: usize = 32;

/// A reservation at present. Its lists are JSON, as they were stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the columns, as the migration describes them
pub struct ReservationFigures {
    pub reservation_id: Uuid,
    pub order_id: Option<Uuid>,
    pub status: String,
    pub lines: String,
    pub wanted: String,
    pub short: String,
    pub expires_at: Option<i64>,
    pub version: u64,
    pub made_at: i64,
    pub updated_at: i64,
}

/// A soft reservation that may expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueReservation {
    /// Its id.
    pub reservation_id: Uuid,
    /// Since when it may expire, in microseconds.
    pub expires_at: i64,
}

from_row! {
    struct ReservationRow {
        applied: i64,
        reservation_id: Option<Uuid>,
        order_id: Option<Uuid>,
        status: Option<String>,
        lines: Option<String>,
        wanted: Option<String>,
        short: Option<String>,
        expires_at: Option<i64>,
        version: Option<i64>,
        made_at: Option<i64>,
        updated_at: Option<i64>,
    }
}

const APPLIED: &str =
    "SELECT COALESCE((SELECT position FROM projections WHERE name = 'reservations'), 0) AS applied";

const ONE: &str = "SELECT COALESCE((SELECT position FROM projections WHERE name = 'reservations'), 0) AS applied, \
     r.reservation_id, r.order_id, r.status, r.lines, r.wanted, r.short, r.expires_at, r.version, r.made_at, r.updated_at \
     FROM (SELECT 1 AS one) AS one LEFT JOIN reservations r ON r.reservation_id = $1";

/// Only soft ones, by the index of those.
const DUE: &str = "SELECT COALESCE((SELECT position FROM projections WHERE name = 'reservations'), 0), \
     r.reservation_id, r.expires_at FROM (SELECT 1 AS one) AS one LEFT JOIN (SELECT d.reservation_id, d.expires_at \
     FROM reservations d WHERE d.status = 'soft' AND d.expires_at <= $1 ORDER BY d.expires_at, d.reservation_id LIMIT $2) \
     AS r ON TRUE ORDER BY r.expires_at, r.reservation_id";

impl ReservationRow {
    fn figures(self) -> Option<ReservationFigures> {
        Some(ReservationFigures {
            reservation_id: self.reservation_id?,
            order_id: self.order_id,
            status: self.status?,
            lines: self.lines?,
            wanted: self.wanted?,
            short: self.short?,
            expires_at: self.expires_at,
            version: loaded(self.version?).ok()?,
            made_at: self.made_at?,
            updated_at: self.updated_at?,
        })
    }
}

/// The newest soft reservations of each item, the newest first.
fn newest(items: &[Uuid]) -> Sql {
    let mut sql = Sql::new(format!(
        "SELECT p.applied, n.item_id, n.reservation_id FROM ({APPLIED}) AS p LEFT JOIN ("
    ));
    for (index, item_id) in items.iter().enumerate() {
        sql.push(if index == 0 { "" } else { " UNION ALL " });
        sql.push("SELECT * FROM (SELECT h.item_id, h.begun_position, h.reservation_id FROM reservation_holds h WHERE h.item_id = ");
        sql.push_bind(*item_id).push(format_args!(
            " ORDER BY h.begun_position DESC, h.reservation_id DESC LIMIT {MAX_TO_RELEASE}) AS h{index}"
        ));
    }
    sql.push(") AS n ON TRUE ORDER BY n.begun_position DESC, n.reservation_id DESC");
    sql
}

impl ReadModel {
    /// A reservation at present.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn reservation(
        &self,
        reservation_id: Uuid,
    ) -> Result<Seen<Option<ReservationFigures>>, ReadModelError> {
        let row: Option<ReservationRow> = self.first(Sql::new(ONE).bind(reservation_id)).await?;
        let position = loaded(row.as_ref().map_or(0, |row| row.applied))?;
        Ok(Seen { position, found: row.and_then(ReservationRow::figures) })
    }

    /// The newest soft reservations that hold units of each of these items, the newest first; at most
    /// [`MAX_TO_RELEASE`] of each.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn newest_soft_reservations(
        &self,
        items: &[Uuid],
    ) -> Result<Seen<HashMap<Uuid, Vec<Uuid>>>, ReadModelError> {
        let mut seen = Seen { position: u64::MAX, found: HashMap::<Uuid, Vec<Uuid>>::new() };
        for items in items.chunks(ITEMS_AT_ONCE) {
            let rows: Vec<(i64, Option<Uuid>, Option<Uuid>)> =
                self.rows(newest(items).once()).await?;
            for (applied, item_id, reservation_id) in rows {
                seen.position = seen.position.min(loaded(applied)?);
                if let (Some(item_id), Some(reservation_id)) = (item_id, reservation_id) {
                    seen.found.entry(item_id).or_default().push(reservation_id);
                }
            }
        }
        Ok(seen)
    }

    /// Soft reservations that may have expired by `now` (microseconds), those first that have waited longest. The view
    /// may be behind: whether one expires is decided on its stream.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn due_reservations(
        &self,
        now: i64,
        limit: u32,
    ) -> Result<Seen<Vec<DueReservation>>, ReadModelError> {
        let sql = Sql::new(DUE).bind(now).bind(i64::from(limit));
        let rows: Vec<(i64, Option<Uuid>, Option<i64>)> = self.rows(sql).await?;
        let position = loaded(rows.first().map_or(0, |row| row.0))?;
        let due = rows.into_iter().filter_map(|(_, reservation_id, expires_at)| {
            let (reservation_id, expires_at) = reservation_id.zip(expires_at)?;
            Some(DueReservation { reservation_id, expires_at })
        });
        Ok(Seen { position, found: due.collect() })
    }
}
