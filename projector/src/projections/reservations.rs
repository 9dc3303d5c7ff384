//! Projection `reservations`: what each reservation holds, or why it holds nothing; and the items that soft ones hold. It
//! keeps the states of recently touched reservations, and reads back evicted ones.

use super::unknown;
use crate::cache::Cache;
use crate::decoded::{Decoded, Poison};
use crate::projection::{Changes, Fold, Pace, Projection, Streams};
use domain::stock::{
    RESERVATION, Reservation, ReservationStatus, StockAggregate, StockEvent, StockState, item_id,
};
use domain::{Aggregate, Timestamp};
use event_store::{RecordedEvent, StreamType};
use futures::future::{BoxFuture, FutureExt};
use read_model::write::Tables;
use read_model::write::reservations::{
    self, HoldRow, ReservationRow, ReservationsChanges, StoredReservation,
};
use read_model::{ReadModel, ReadModelError};
use serde::Serialize;
use uuid::Uuid;

/// The projection.
pub static RESERVATIONS: Projection = Projection {
    name: "reservations",
    version: 1,
    tables: reservations::TABLES,
    streams: Streams::Of(&[StreamType::new(RESERVATION)]),
    keeps_events: false,
    fold: |pace| Box::new(ReservationsFold::new(pace)),
};

written_by!(ReservationsChanges, write_reservations);

/// Bytes of reservations kept while following the log, roughly.
const LIVE_MEMORY: usize = 16 << 20;
/// Bytes of reservations kept while filling empty tables, roughly.
const BULK_MEMORY: usize = 64 << 20;

/// The fold.
#[derive(Debug)]
struct ReservationsFold {
    pace: Pace,
    states: Cache<Uuid, State>,
    touched: Vec<Uuid>,
    batch: u64,
}

/// What the fold keeps of one reservation between its events.
#[derive(Debug, Default)]
struct State {
    /// `None` before its first event.
    reservation: Option<Reservation>,
    version: u64,
    position: u64,
    begun_position: u64,
    made_at: i64,
    updated_at: i64,
    /// Whether its items are among the holds that are written.
    holds: bool,
    touched_in: u64,
    /// Why its row cannot be continued from.
    broken: Option<String>,
}

impl Fold for ReservationsFold {
    fn prepare<'a>(
        &'a mut self,
        events: &'a [&'a Decoded],
        model: &'a ReadModel,
        tables: Tables,
    ) -> BoxFuture<'a, Result<(), ReadModelError>> {
        async move {
            let unknown = unknown(events, self.pace, |stream| self.states.contains(&stream.id));
            let unknown: Vec<Uuid> = unknown.iter().map(|stream| stream.id).collect();
            for stored in model.load_reservations(tables, &unknown).await? {
                let (id, state) = (stored.reservation_id, State::restored(stored));
                let weight = state.weight();
                self.states.put(id, self.batch, state);
                self.states.weigh(id, weight);
            }
            Ok(())
        }
        .boxed()
    }

    fn apply(&mut self, event: &Decoded) -> Result<(), Poison> {
        let Some(fact) = event.read::<StockAggregate>()? else { return Ok(()) };
        self.fold(fact, &event.recorded)
    }

    fn take(&mut self, _: Vec<Decoded>) -> Box<dyn Changes> {
        Box::new(self.changes())
    }

    fn committed(&mut self, in_flight: u64) {
        self.states.trim((self.batch - 1).saturating_sub(in_flight));
    }
}

impl ReservationsFold {
    fn new(pace: Pace) -> Self {
        let memory = match pace {
            Pace::Repeating | Pace::Following => LIVE_MEMORY,
            Pace::Bulk => BULK_MEMORY,
        };
        Self { pace, states: Cache::new(memory), touched: Vec::new(), batch: 1 }
    }

    fn fold(&mut self, fact: &StockEvent, recorded: &RecordedEvent) -> Result<(), Poison> {
        let id = recorded.stream.id;
        let state = self.states.entry(id, self.batch, State::default);
        state.accepts(recorded.version)?;
        let before = state.reservation.clone().map_or(StockState::Absent, StockState::Reservation);
        let after = StockAggregate::evolve(before, fact, recorded.occurred_at);
        let StockState::Reservation(reservation) = after else {
            return Err(Poison("the first event does not begin a reservation".into()));
        };
        let at = recorded.occurred_at.timestamp_micros();
        if state.version == 0 {
            (state.begun_position, state.made_at) = (recorded.position, at);
        }
        state.reservation = Some(reservation);
        (state.version, state.position, state.updated_at) =
            (recorded.version, recorded.position, at);
        if state.touched_in != self.batch {
            state.touched_in = self.batch;
            self.touched.push(id);
        }
        Ok(())
    }

    fn changes(&mut self) -> ReservationsChanges {
        let mut changes = ReservationsChanges::default();
        for id in std::mem::take(&mut self.touched) {
            let Some(state) = self.states.peek_mut(id) else { continue };
            state.finish(id, &mut changes);
            let weight = state.weight();
            self.states.weigh(id, weight);
        }
        self.batch += 1;
        changes
    }
}

impl State {
    /// A row that cannot be read back parks its reservation at its next event; the others go on.
    fn restored(stored: StoredReservation) -> Self {
        let (version, begun_position) = (stored.version, stored.begun_position);
        let made_at = stored.made_at;
        match reservation(stored) {
            Some(reservation) => {
                let holds = reservation.status == ReservationStatus::Soft;
                let reservation = Some(reservation);
                Self { reservation, version, begun_position, made_at, holds, ..Self::default() }
            }
            None => Self { broken: Some("its row cannot be read back".into()), ..Self::default() },
        }
    }

    /// Checks that an event of this version can follow, before anything is changed.
    fn accepts(&self, version: u64) -> Result<(), Poison> {
        match &self.broken {
            Some(why) => Err(Poison(why.clone())),
            None if version != self.version + 1 => {
                Err(Poison(format!("version {version} follows {}", self.version)))
            }
            None => Ok(()),
        }
    }

    /// Adds the row of a reservation that a batch has touched, and what changes in its holds.
    fn finish(&mut self, reservation_id: Uuid, changes: &mut ReservationsChanges) {
        let Some(reservation) = &self.reservation else { return };
        changes.reservations.push(ReservationRow {
            reservation_id,
            order_id: reservation.order_id,
            status: reservation.status.as_str(),
            lines: json(&reservation.lines),
            wanted: json(&reservation.wanted),
            short: json(&reservation.short),
            expires_at: reservation.expires_at.map(|at| at.timestamp_micros()),
            version: self.version,
            position: self.position,
            begun_position: self.begun_position,
            made_at: self.made_at,
            updated_at: self.updated_at,
        });
        let holds = reservation.status == ReservationStatus::Soft;
        if holds == self.holds {
            return;
        }
        let begun_position = self.begun_position;
        let counted = reservation.lines.iter().filter(|line| line.tracked);
        let rows = counted.map(|line| HoldRow {
            item_id: item_id(&line.warehouse, &line.product_id),
            begun_position,
            reservation_id,
        });
        if holds {
            changes.holds.extend(rows);
        } else {
            changes.holds_gone.extend(rows);
        }
        self.holds = holds;
    }

    /// The approximate size in bytes.
    fn weight(&self) -> usize {
        let Some(reservation) = &self.reservation else { return 128 };
        let lists = reservation.lines.len() + reservation.wanted.len() + reservation.short.len();
        256 + 96 * lists
    }
}

/// A reservation from its row, if its lists can be read.
fn reservation(stored: StoredReservation) -> Option<Reservation> {
    let status = ReservationStatus::ALL.into_iter().find(|its| its.as_str() == stored.status)?;
    let wanted: Vec<_> = serde_json::from_str(&stored.wanted).ok()?;
    let known = Reservation {
        status,
        reservation_id: Some(stored.reservation_id),
        order_id: stored.order_id,
        wanted,
        lines: serde_json::from_str(&stored.lines).ok()?,
        short: serde_json::from_str(&stored.short).ok()?,
        expires_at: match stored.expires_at {
            Some(at) => Some(Timestamp::from_timestamp_micros(at)?),
            None => None,
        },
    };
    Some(match known.is_tombstone() {
        true => Reservation { reservation_id: None, ..known },
        false => known,
    })
}

fn json(list: &impl Serialize) -> String {
    serde_json::to_string(list).expect("texts, numbers and flags always serialise")
}
