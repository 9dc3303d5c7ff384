//! Stock as an aggregate with commands over HTTP.

use super::{answer, problems, rejection};
use crate::http::{CommandApi, Done};
use crate::pipeline::{Accepted, Commanded, Preview, Settles};
use domain::stock::{ReservationStatus, StockAggregate, StockRejection, StockState};
use event_store::EventStore;
use serde_json::Value;
use serde_json::value::RawValue;
use server::{Problem, ProblemCode};
use uuid::Uuid;

/// The bytes of an item or a movement in memory, or of a reservation without its lines: its ids and numbers.
const FIXED: usize = 400;
/// The bytes of a line.
const LINE: usize = 160;

impl Commanded for StockAggregate {
    fn status(state: &StockState) -> &'static str {
        state.status()
    }

    /// However many events an item has had, it stays small.
    fn weight(state: &StockState) -> Option<usize> {
        let lines = match state {
            StockState::Reservation(reservation) => {
                reservation.lines.len() + reservation.wanted.len() + reservation.short.len()
            }
            StockState::Absent | StockState::Item(_) | StockState::Movement(_) => 0,
        };
        Some(FIXED + lines * LINE)
    }

    fn keep(rejection: &StockRejection) -> Value {
        rejection::rejected(rejection).to_value()
    }

    fn settles(rejection: &StockRejection) -> Settles {
        match rejection {
            // A corrected body, or a retry once there is a reservation, is still the request that the client meant.
            StockRejection::Invalid(_)
            | StockRejection::ReservationUnknown
            | StockRejection::WrongStreams => Settles::Nothing,
            StockRejection::ReservationConflict
            | StockRejection::ReservationNotFirm
            | StockRejection::ReservationLost
            | StockRejection::ReservationCommitted
            | StockRejection::MovementConflict
            | StockRejection::AdjustmentExceedsStock { .. }
            | StockRejection::StockLimit => Settles::Key,
        }
    }
}

impl CommandApi for StockAggregate {
    const NOUN: &'static str = "stock";
    const REJECTIONS: &'static [ProblemCode] = &problems::REJECTIONS;

    /// Only reservations are begun by a command that names them.
    fn location(id: Uuid) -> String {
        format!("/v1/stock/reservations/{id}")
    }

    fn rejected(rejection: &StockRejection) -> Problem {
        rejection::rejected(rejection)
    }

    /// A refused reservation is a fact with an id of its own, but its client has nothing.
    fn unmet(accepted: &Accepted<Self>) -> Option<Problem> {
        let refused = accepted.status == ReservationStatus::Refused.as_str();
        refused.then(|| {
            Problem::new(problems::OUT_OF_STOCK)
                .detail(
                    "Nothing is held. The reservation says of which products there was too little.",
                )
                .with("reservation_id", accepted.id.to_string())
                .with("version", accepted.version)
        })
    }

    fn answer(done: Done<'_, Self>) -> Vec<u8> {
        answer::write(done)
    }

    async fn preview(
        accepted: &Accepted<Self>,
        preview: Box<Preview<Self>>,
        _: &EventStore,
    ) -> Result<Option<Box<RawValue>>, Problem> {
        Ok(answer::state(&preview.state, accepted.version, preview.at))
    }
}
