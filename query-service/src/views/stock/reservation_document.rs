//! How a reservation is shown: the same for the present row and for a state of the past.

use crate::replay::Composed;
use crate::wire::{Moment, json};
use domain::Timestamp;
use domain::stock::{ReservedLine, Shortage, StockAggregate, StockEvent, StockState, Wanted};
use read_model::read::reservations::ReservationFigures;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What is held for one checkout, or why nothing is.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Reservation, example = json!({
    "reservation_id": "0198c1c2-7b1e-7d4a-9a55-0d6c2b3f4e5b", "version": 1, "status": "soft",
    "order_id": "0198c1c2-7b1e-7d4a-9a55-0d6c2b3f4e5c",
    "lines": [{"product_id": "tea-1", "warehouse": "north", "quantity": 2, "tracked": true}],
    "wanted": [{"product_id": "tea-1", "quantity": 2}], "short": [],
    "expires_at": "2026-03-03T00:30:00.000000Z", "created_at": "2026-03-03T00:00:00.000000Z",
    "updated_at": "2026-03-03T00:00:00.000000Z"}))]
pub(super) struct ReservationDocument<'a> {
    reservation_id: Uuid,
    version: u64,
    /// `soft` and `firm` hold units. Final are `refused`, `released`, `expired` and `committed`.
    status: &'a str,
    order_id: Option<Uuid>,
    /// What it holds, or held until it ended.
    lines: Vec<ReservationLine<'a>>,
    /// What was asked for, by product.
    wanted: Vec<ReservationWanted<'a>>,
    /// Of what there was too little; only if it was refused.
    short: Vec<ReservationShortage<'a>>,
    /// From when on a soft one may expire; null: never.
    #[schema(value_type = Option<DateTime<Utc>>)]
    expires_at: Option<Moment>,
    #[schema(value_type = DateTime<Utc>)]
    created_at: Moment,
    #[schema(value_type = DateTime<Utc>)]
    updated_at: Moment,
}

/// Units of a product in a warehouse.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReservationLine<'a> {
    product_id: &'a str,
    warehouse: &'a str,
    quantity: u64,
    /// False for a product that is sold without a count.
    tracked: bool,
}

/// Units of a product.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReservationWanted<'a> {
    product_id: &'a str,
    quantity: u64,
}

/// A product of which there was too little.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReservationShortage<'a> {
    product_id: &'a str,
    wanted: u64,
    /// Over all warehouses that were asked.
    available: u64,
}

impl<'a> ReservationLine<'a> {
    fn of(line: &'a ReservedLine) -> Self {
        let ReservedLine { product_id, warehouse, quantity, tracked } = line;
        let (product_id, warehouse) = (product_id.as_str(), warehouse.as_str());
        Self { product_id, warehouse, quantity: *quantity, tracked: *tracked }
    }
}

impl<'a> ReservationWanted<'a> {
    fn of(wanted: &'a Wanted) -> Self {
        Self { product_id: wanted.product_id.as_str(), quantity: wanted.quantity }
    }
}

impl<'a> ReservationShortage<'a> {
    fn of(short: &'a Shortage) -> Self {
        let Shortage { product_id, wanted, available } = short;
        Self { product_id: product_id.as_str(), wanted: *wanted, available: *available }
    }
}

/// The present row as JSON.
///
/// # Errors
/// When a list of the row cannot be read.
pub(super) fn present(row: &ReservationFigures) -> Result<Vec<u8>, serde_json::Error> {
    let lines: Vec<ReservedLine> = serde_json::from_str(&row.lines)?;
    let wanted: Vec<Wanted> = serde_json::from_str(&row.wanted)?;
    let short: Vec<Shortage> = serde_json::from_str(&row.short)?;
    Ok(json(&ReservationDocument {
        reservation_id: row.reservation_id,
        version: row.version,
        status: &row.status,
        order_id: row.order_id,
        lines: lines.iter().map(ReservationLine::of).collect(),
        wanted: wanted.iter().map(ReservationWanted::of).collect(),
        short: short.iter().map(ReservationShortage::of).collect(),
        expires_at: row.expires_at.map(Moment),
        created_at: Moment(row.made_at),
        updated_at: Moment(row.updated_at),
    }))
}

/// When the first and the last event of a stream happened, in microseconds.
#[derive(Default)]
pub struct Times {
    first: Option<i64>,
    last: i64,
}

/// Only states of reservations are replayed: those of items are rows.
impl Composed for StockAggregate {
    type Extra = Times;

    fn collect(times: &mut Times, _: &StockEvent, at: Timestamp) {
        times.last = at.timestamp_micros();
        times.first.get_or_insert(times.last);
    }

    fn compose(
        reservation_id: Uuid,
        version: u64,
        _: u64,
        state: &StockState,
        times: &Times,
    ) -> Option<Vec<u8>> {
        let StockState::Reservation(reservation) = state else { return None };
        Some(json(&ReservationDocument {
            reservation_id,
            version,
            status: reservation.status.as_str(),
            order_id: reservation.order_id,
            lines: reservation.lines.iter().map(ReservationLine::of).collect(),
            wanted: reservation.wanted.iter().map(ReservationWanted::of).collect(),
            short: reservation.short.iter().map(ReservationShortage::of).collect(),
            expires_at: reservation.expires_at.map(|at| Moment(at.timestamp_micros())),
            created_at: Moment(times.first.unwrap_or(times.last)),
            updated_at: Moment(times.last),
        }))
    }
}
