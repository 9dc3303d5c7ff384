//! Tables of the projection `reservations`: the present row of each reservation, and the items that soft ones hold.

use crate::db::{
    Binds, BulkStatement, MAX_KEYS, ReadModel, ReadModelError, Row, Sql, Tables, WriteTx, loaded,
    padded, stored,
};
use uuid::Uuid;

/// The tables of this projection.
pub const TABLES: &[&str] = &["reservations", "reservation_holds"];

/// What a batch changes in these tables.
#[derive(Debug, Default)]
pub struct ReservationsChanges {
    /// One for each reservation.
    pub reservations: Vec<ReservationRow>,
    /// Items that a soft reservation no longer holds, or not softly.
    pub holds_gone: Vec<HoldRow>,
    /// Items that a soft reservation holds from now on.
    pub holds: Vec<HoldRow>,
}

/// A reservation at present.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the columns, as the migration describes them
pub struct ReservationRow {
    pub reservation_id: Uuid,
    pub order_id: Option<Uuid>,
    pub status: &'static str,
    pub lines: String,
    pub wanted: String,
    pub short: String,
    pub expires_at: Option<i64>,
    pub version: u64,
    pub position: u64,
    pub begun_position: u64,
    pub made_at: i64,
    pub updated_at: i64,
}

/// An item that a soft reservation holds units of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct HoldRow {
    pub item_id: Uuid,
    pub begun_position: u64,
    pub reservation_id: Uuid,
}

/// A reservation as later folding needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct StoredReservation {
    pub reservation_id: Uuid,
    pub order_id: Option<Uuid>,
    pub status: String,
    pub lines: String,
    pub wanted: String,
    pub short: String,
    pub expires_at: Option<i64>,
    pub version: u64,
    pub begun_position: u64,
    pub made_at: i64,
}

/// What a reservation holds, and for whom, never changes.
const RESERVATIONS: BulkStatement = BulkStatement {
    id: "reservations",
    head: "INSERT INTO {table} (reservation_id, order_id, status, lines, wanted, short, expires_at, version, position, \
        begun_position, made_at, updated_at)",
    table: "reservations",
    columns: 12,
    tail: "ON CONFLICT (reservation_id) DO UPDATE SET status = excluded.status, version = excluded.version, \
        position = excluded.position, updated_at = excluded.updated_at",
};

const HOLDS_GONE: BulkStatement = BulkStatement {
    id: "reservation_holds-gone",
    head: "DELETE FROM {table} WHERE (item_id, begun_position, reservation_id) IN (",
    table: "reservation_holds",
    columns: 3,
    tail: ")",
};

const HOLDS: BulkStatement = BulkStatement {
    id: "reservation_holds",
    head: "INSERT INTO {table} (item_id, begun_position, reservation_id)",
    table: "reservation_holds",
    columns: 3,
    tail: "ON CONFLICT DO NOTHING",
};

impl Row for ReservationRow {
    fn bind(self, binds: &mut Binds) {
        binds
            .uuid(self.reservation_id)
            .maybe_uuid(self.order_id)
            .text(self.status)
            .text(self.lines)
            .text(self.wanted)
            .text(self.short)
            .maybe_int(self.expires_at)
            .int(stored(self.version))
            .int(stored(self.position))
            .int(stored(self.begun_position))
            .int(self.made_at)
            .int(self.updated_at);
    }
}

impl Row for HoldRow {
    fn bind(self, binds: &mut Binds) {
        binds.uuid(self.item_id).int(stored(self.begun_position)).uuid(self.reservation_id);
    }
}

impl WriteTx {
    /// Writes a batch's changes.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn write_reservations(
        &mut self,
        tables: Tables,
        changes: ReservationsChanges,
    ) -> Result<(), ReadModelError> {
        // Writes to one table are kept apart from each other, because those to different tables travel together.
        self.bulk(&HOLDS_GONE, tables, changes.holds_gone).await?;
        self.bulk(&RESERVATIONS, tables, changes.reservations).await?;
        self.bulk(&HOLDS, tables, changes.holds).await
    }
}

impl ReadModel {
    /// The present state of these reservations; missing ones are left out.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn load_reservations(
        &self,
        tables: Tables,
        reservations: &[Uuid],
    ) -> Result<Vec<StoredReservation>, ReadModelError> {
        let table = tables.name("reservations");
        let mut found = Vec::with_capacity(reservations.len());
        for keys in reservations.chunks(MAX_KEYS) {
            // Subqueries with one value for each key, as in `load_orders`.
            let mut sql = Sql::new(
                "SELECT asked.id, (SELECT r.version || ' ' || r.begun_position || ' ' || r.made_at || ' ' || \
                 COALESCE(CAST(r.expires_at AS TEXT), '') || ' ' || r.status || ' ' || octet_length(r.lines) || ' ' || \
                 octet_length(r.wanted) || ' ' || r.lines || r.wanted || r.short FROM ",
            );
            sql.push(&table)
                .push(" r WHERE r.reservation_id = asked.id), (SELECT r.order_id FROM ");
            sql.push(&table).push(" r WHERE r.reservation_id = asked.id) FROM ");
            sql.push_table(padded(keys));
            let rows: Vec<(Uuid, Option<String>, Option<Uuid>)> = self.rows(sql).await?;
            for (reservation_id, text, order_id) in rows {
                let Some(text) = text else { continue };
                found.push(unpacked(reservation_id, order_id, &text).ok_or_else(|| {
                    let what = format!("reservation {reservation_id} has no stored state");
                    ReadModelError::Corrupt(what)
                })?);
            }
        }
        Ok(found)
    }
}

fn unpacked(reservation_id: Uuid, order_id: Option<Uuid>, text: &str) -> Option<StoredReservation> {
    let mut parts = text.splitn(8, ' ');
    let version = loaded(parts.next()?.parse().ok()?).ok()?;
    let begun_position = loaded(parts.next()?.parse().ok()?).ok()?;
    let made_at = parts.next()?.parse().ok()?;
    let expires_at = match parts.next()? {
        "" => None,
        at => Some(at.parse().ok()?),
    };
    let status = parts.next()?.to_owned();
    let (lines_bytes, wanted_bytes) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let (lines, rest) = parts.next()?.split_at_checked(lines_bytes)?;
    let (wanted, short) = rest.split_at_checked(wanted_bytes)?;
    Some(StoredReservation {
        reservation_id,
        order_id,
        status,
        lines: lines.to_owned(),
        wanted: wanted.to_owned(),
        short: short.to_owned(),
        expires_at,
        version,
        begun_position,
        made_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_state_comes_back_in_its_parts() {
        let (lines, wanted) = (r#"[{"product_id":"größe 7"}]"#, r#"[{"a b":1}]"#);
        for (expires, expires_at) in [("", None), ("-7", Some(-7))] {
            let lengths = format!("{} {}", lines.len(), wanted.len());
            let text = format!("2 9 -5 {expires} soft {lengths} {lines}{wanted}[]");
            let expected = StoredReservation {
                reservation_id: Uuid::nil(),
                order_id: None,
                status: "soft".to_owned(),
                lines: lines.to_owned(),
                wanted: wanted.to_owned(),
                short: "[]".to_owned(),
                expires_at,
                version: 2,
                begun_position: 9,
                made_at: -5,
            };
            assert_eq!(unpacked(Uuid::nil(), None, &text), Some(expected));
        }
        for broken in ["", "1 2 3  soft 9 9 []", "x 2 3  soft 1 1 abc", "1 2 3 x soft 1 1 abc"] {
            assert_eq!(unpacked(Uuid::nil(), None, broken), None, "{broken}");
        }
    }
}
