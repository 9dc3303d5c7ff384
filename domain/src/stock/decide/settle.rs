//! Decisions about a reservation that is known: it is made firm, or it ends.
//!
//! The functions here are the lifecycle's table, one for each command.

use super::{Decision, Plan};
use crate::stock::{
    ReleaseCause, Reservation, ReservationStatus, ReservedLine, StockCommand, StockEvent,
    StockItem, StockRejection,
};
use crate::{JointDecision, Reference, Timestamp};
use uuid::Uuid;

type Planned<'a> = Result<Plan<'a>, StockRejection>;

/// The end of an open reservation.
pub(super) struct Settlement<'a> {
    reservation: &'a Reservation,
    own: StockEvent,
    end: End,
}

/// What becomes of the reserved units.
#[derive(Clone, Copy)]
enum End {
    /// They can be reserved again.
    Back(ReleaseCause),
    /// They have left.
    Gone,
}

/// `reservation` is `None` if nothing is known of it. Commands that do not concern a known reservation are not for here.
pub(super) fn plan<'a>(
    reservation: Option<&'a Reservation>,
    command: &StockCommand,
) -> Planned<'a> {
    match command {
        StockCommand::Firm => firm(reservation),
        StockCommand::Release { why } => {
            let released = |lines| StockEvent::ReservationReleased { why: why.clone(), lines };
            release(reservation, released)
        }
        StockCommand::Commit { shipment } => commit(reservation, shipment.as_ref()),
        StockCommand::Expire { now } => Ok(expire(reservation, *now)),
        StockCommand::Receive { .. }
        | StockCommand::Adjust { .. }
        | StockCommand::Return { .. }
        | StockCommand::Reserve { .. } => Err(StockRejection::WrongStreams),
    }
}

fn firm(reservation: Option<&Reservation>) -> Planned<'_> {
    let reservation = reservation.ok_or(StockRejection::ReservationUnknown)?;
    match reservation.status {
        ReservationStatus::Soft => Ok(Plan::Alone(vec![StockEvent::ReservationFirmed])),
        ReservationStatus::Firm | ReservationStatus::Committed => Ok(nothing()),
        ReservationStatus::Refused | ReservationStatus::Released | ReservationStatus::Expired => {
            Err(StockRejection::ReservationLost)
        }
    }
}

fn release<'a>(
    reservation: Option<&'a Reservation>,
    released: impl FnOnce(Vec<ReservedLine>) -> StockEvent,
) -> Planned<'a> {
    let Some(reservation) = reservation else {
        return Ok(Plan::Alone(vec![released(Vec::new())]));
    };
    match reservation.status {
        ReservationStatus::Soft | ReservationStatus::Firm => {
            let own = released(reservation.lines.clone());
            let end = End::Back(ReleaseCause::Released);
            Ok(Plan::Settle(Settlement { reservation, own, end }))
        }
        ReservationStatus::Refused | ReservationStatus::Released | ReservationStatus::Expired => {
            Ok(nothing())
        }
        ReservationStatus::Committed => Err(StockRejection::ReservationCommitted),
    }
}

fn commit<'a>(reservation: Option<&'a Reservation>, shipment: Option<&Reference>) -> Planned<'a> {
    let reservation = reservation.ok_or(StockRejection::ReservationUnknown)?;
    match reservation.status {
        ReservationStatus::Soft => Err(StockRejection::ReservationNotFirm),
        ReservationStatus::Firm => {
            let (shipment, lines) = (shipment.cloned(), reservation.lines.clone());
            let own = StockEvent::ReservationCommitted { shipment, lines };
            Ok(Plan::Settle(Settlement { reservation, own, end: End::Gone }))
        }
        ReservationStatus::Refused | ReservationStatus::Released | ReservationStatus::Expired => {
            Err(StockRejection::ReservationLost)
        }
        ReservationStatus::Committed => Ok(nothing()),
    }
}

fn expire(reservation: Option<&Reservation>, now: Timestamp) -> Plan<'_> {
    let due = |known: &&Reservation| {
        known.status == ReservationStatus::Soft && known.expires_at.is_some_and(|at| at <= now)
    };
    let Some(reservation) = reservation.filter(due) else {
        return nothing();
    };
    let own = StockEvent::ReservationExpired { lines: reservation.lines.clone() };
    Plan::Settle(Settlement { reservation, own, end: End::Back(ReleaseCause::Expired) })
}

fn nothing<'a>() -> Plan<'a> {
    Plan::Alone(Vec::new())
}

impl Settlement<'_> {
    /// Product and warehouse of each partner.
    pub fn items(&self) -> impl Iterator<Item = (&Reference, &Reference)> {
        self.tracked().map(|line| (&line.product_id, &line.warehouse))
    }

    fn tracked(&self) -> impl Iterator<Item = &ReservedLine> {
        self.reservation.lines.iter().filter(|line| line.tracked)
    }

    /// Decides on the items, in the order of [`Self::items`].
    pub fn decide(&self, items: &[Option<&StockItem>]) -> Decision {
        let reservation_id = self.reservation.reservation_id.unwrap_or_default();
        let partners = self.tracked().zip(items).map(|(line, item)| {
            // On a log that no decision wrote, an item may have less reserved than its reservations hold.
            let reserved = item.map_or(0, |item| item.reserved);
            let units = line.quantity.min(reserved);
            if units == 0 { Vec::new() } else { vec![self.end.of(line, reservation_id, units)] }
        });
        Ok(JointDecision { own: vec![self.own.clone()], partners: partners.collect() })
    }
}

impl End {
    /// The fact about the item of a line.
    fn of(self, line: &ReservedLine, reservation_id: Uuid, quantity: u64) -> StockEvent {
        let (product_id, warehouse) = (line.product_id.clone(), line.warehouse.clone());
        match self {
            Self::Back(why) => {
                StockEvent::StockReleased { product_id, warehouse, reservation_id, quantity, why }
            }
            Self::Gone => {
                StockEvent::StockCommitted { product_id, warehouse, reservation_id, quantity }
            }
        }
    }
}
