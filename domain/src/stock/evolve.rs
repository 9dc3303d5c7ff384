//! The fold: what each fact does to the state of its stream.
//!
//! Total over every sequence of events, also one that no decision makes: a fact that does not fit the state changes nothing,
//! and counters stop at their ends.

use super::item::StockItem;
use super::reservation::{Reservation, ReservationStatus};
use super::{StockEvent, StockState};
use crate::Reference;

/// Folds one event into the state.
pub(super) fn evolve(state: StockState, event: &StockEvent) -> StockState {
    match event {
        StockEvent::StockReceived { product_id, warehouse, quantity, .. } => {
            on_item(state, product_id, warehouse, |item| {
                item.on_hand = item.on_hand.saturating_add(*quantity);
            })
        }
        StockEvent::StockAdjusted { product_id, warehouse, delta, .. } => {
            on_item(state, product_id, warehouse, |item| {
                item.on_hand = item.on_hand.saturating_add_signed(*delta);
            })
        }
        StockEvent::StockReturned { product_id, warehouse, quantity, restocked, .. } => {
            let quantity = if *restocked { *quantity } else { 0 };
            on_item(state, product_id, warehouse, |item| {
                item.on_hand = item.on_hand.saturating_add(quantity);
            })
        }
        StockEvent::StockReserved { product_id, warehouse, quantity, .. } => {
            on_item(state, product_id, warehouse, |item| {
                item.reserved = item.reserved.saturating_add(*quantity);
            })
        }
        StockEvent::StockReleased { product_id, warehouse, quantity, .. } => {
            on_item(state, product_id, warehouse, |item| {
                item.reserved = item.reserved.saturating_sub(*quantity);
            })
        }
        StockEvent::StockCommitted { product_id, warehouse, quantity, .. } => {
            on_item(state, product_id, warehouse, |item| {
                item.on_hand = item.on_hand.saturating_sub(*quantity);
                item.reserved = item.reserved.saturating_sub(*quantity);
                item.committed_total = item.committed_total.saturating_add(*quantity);
            })
        }
        StockEvent::StockShortfallFound { product_id, warehouse, .. } => {
            on_item(state, product_id, warehouse, |_| {})
        }
        StockEvent::MovementRecorded(movement) => match state {
            StockState::Absent => StockState::Movement(movement.clone()),
            known => known,
        },
        StockEvent::ReservationMade { .. }
        | StockEvent::ReservationRefused { .. }
        | StockEvent::ReservationFirmed
        | StockEvent::ReservationReleased { .. }
        | StockEvent::ReservationExpired { .. }
        | StockEvent::ReservationCommitted { .. } => on_reservation(state, event),
    }
}

fn on_item(
    state: StockState,
    product_id: &Reference,
    warehouse: &Reference,
    change: impl FnOnce(&mut StockItem),
) -> StockState {
    let mut item = match state {
        StockState::Absent => StockItem::empty(product_id, warehouse),
        StockState::Item(item) => item,
        other => return other,
    };
    change(&mut item);
    StockState::Item(item)
}

fn on_reservation(state: StockState, event: &StockEvent) -> StockState {
    match state {
        StockState::Absent => begun(event).map_or(StockState::Absent, StockState::Reservation),
        StockState::Reservation(mut reservation) => {
            if let Some(status) = status_after(reservation.status, event) {
                reservation.status = status;
            }
            StockState::Reservation(reservation)
        }
        other => other,
    }
}

/// The reservation that an event begins. No decision begins one with another event.
fn begun(event: &StockEvent) -> Option<Reservation> {
    let nothing = Reservation {
        status: ReservationStatus::Released,
        reservation_id: None,
        order_id: None,
        wanted: Vec::new(),
        lines: Vec::new(),
        short: Vec::new(),
        expires_at: None,
    };
    match event {
        StockEvent::ReservationMade { reservation_id, order_id, lines, wanted, expires_at } => {
            Some(Reservation {
                status: ReservationStatus::Soft,
                reservation_id: Some(*reservation_id),
                order_id: *order_id,
                wanted: wanted.clone(),
                lines: lines.clone(),
                expires_at: *expires_at,
                ..nothing
            })
        }
        StockEvent::ReservationRefused { reservation_id, order_id, wanted, short } => {
            Some(Reservation {
                status: ReservationStatus::Refused,
                reservation_id: Some(*reservation_id),
                order_id: *order_id,
                wanted: wanted.clone(),
                short: short.clone(),
                ..nothing
            })
        }
        StockEvent::ReservationReleased { .. } => Some(nothing),
        _ => None,
    }
}

/// The status that an event leads to. A final status stays.
fn status_after(status: ReservationStatus, event: &StockEvent) -> Option<ReservationStatus> {
    let open = status.is_open();
    match event {
        StockEvent::ReservationFirmed if open => Some(ReservationStatus::Firm),
        StockEvent::ReservationReleased { .. } if open => Some(ReservationStatus::Released),
        StockEvent::ReservationExpired { .. } if open => Some(ReservationStatus::Expired),
        StockEvent::ReservationCommitted { .. } if open => Some(ReservationStatus::Committed),
        _ => None,
    }
}
