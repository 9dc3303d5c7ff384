//! The payloads of facts about items and of movements, as JSON members. Writing borrows from the event.
//!
//! Each names its product and warehouse, so that an event can be read by itself.

use crate::stock::{MovementChange, ReleaseCause, StockEvent, movement};
use crate::{Reason, Reference};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use uuid::Uuid;

/// `StockReceived`.
#[derive(Serialize, Deserialize)]
pub(super) struct Received<'a> {
    product_id: Cow<'a, Reference>,
    warehouse: Cow<'a, Reference>,
    movement_id: Uuid,
    quantity: u64,
}

impl<'a> Received<'a> {
    pub fn of(
        product_id: &'a Reference,
        warehouse: &'a Reference,
        movement_id: Uuid,
        quantity: u64,
    ) -> Self {
        Self {
            product_id: Cow::Borrowed(product_id),
            warehouse: Cow::Borrowed(warehouse),
            movement_id,
            quantity,
        }
    }

    pub fn into_event(self) -> StockEvent {
        StockEvent::StockReceived {
            product_id: self.product_id.into_owned(),
            warehouse: self.warehouse.into_owned(),
            movement_id: self.movement_id,
            quantity: self.quantity,
        }
    }
}

/// `StockAdjusted`.
#[derive(Serialize, Deserialize)]
pub(super) struct Adjusted<'a> {
    product_id: Cow<'a, Reference>,
    warehouse: Cow<'a, Reference>,
    movement_id: Uuid,
    delta: i64,
    reason: Cow<'a, Reason>,
}

impl<'a> Adjusted<'a> {
    pub fn of(
        product_id: &'a Reference,
        warehouse: &'a Reference,
        movement_id: Uuid,
        delta: i64,
        reason: &'a Reason,
    ) -> Self {
        Self {
            product_id: Cow::Borrowed(product_id),
            warehouse: Cow::Borrowed(warehouse),
            movement_id,
            delta,
            reason: Cow::Borrowed(reason),
        }
    }

    pub fn into_event(self) -> StockEvent {
        StockEvent::StockAdjusted {
            product_id: self.product_id.into_owned(),
            warehouse: self.warehouse.into_owned(),
            movement_id: self.movement_id,
            delta: self.delta,
            reason: self.reason.into_owned(),
        }
    }
}

/// `StockReturned`.
#[derive(Serialize, Deserialize)]
pub(super) struct Returned<'a> {
    product_id: Cow<'a, Reference>,
    warehouse: Cow<'a, Reference>,
    movement_id: Uuid,
    quantity: u64,
    restocked: bool,
}

impl<'a> Returned<'a> {
    pub fn of(
        product_id: &'a Reference,
        warehouse: &'a Reference,
        movement_id: Uuid,
        quantity: u64,
        restocked: bool,
    ) -> Self {
        Self {
            product_id: Cow::Borrowed(product_id),
            warehouse: Cow::Borrowed(warehouse),
            movement_id,
            quantity,
            restocked,
        }
    }

    pub fn into_event(self) -> StockEvent {
        StockEvent::StockReturned {
            product_id: self.product_id.into_owned(),
            warehouse: self.warehouse.into_owned(),
            movement_id: self.movement_id,
            quantity: self.quantity,
            restocked: self.restocked,
        }
    }
}

/// `StockReserved` and `StockCommitted`.
#[derive(Serialize, Deserialize)]
pub(super) struct Held<'a> {
    product_id: Cow<'a, Reference>,
    warehouse: Cow<'a, Reference>,
    reservation_id: Uuid,
    quantity: u64,
}

impl<'a> Held<'a> {
    pub fn of(
        product_id: &'a Reference,
        warehouse: &'a Reference,
        reservation_id: Uuid,
        quantity: u64,
    ) -> Self {
        Self {
            product_id: Cow::Borrowed(product_id),
            warehouse: Cow::Borrowed(warehouse),
            reservation_id,
            quantity,
        }
    }

    pub fn into_reserved(self) -> StockEvent {
        StockEvent::StockReserved {
            product_id: self.product_id.into_owned(),
            warehouse: self.warehouse.into_owned(),
            reservation_id: self.reservation_id,
            quantity: self.quantity,
        }
    }

    pub fn into_committed(self) -> StockEvent {
        StockEvent::StockCommitted {
            product_id: self.product_id.into_owned(),
            warehouse: self.warehouse.into_owned(),
            reservation_id: self.reservation_id,
            quantity: self.quantity,
        }
    }
}

/// `StockReleased`.
#[derive(Serialize, Deserialize)]
pub(super) struct Given<'a> {
    product_id: Cow<'a, Reference>,
    warehouse: Cow<'a, Reference>,
    reservation_id: Uuid,
    quantity: u64,
    why: ReleaseCause,
}

impl<'a> Given<'a> {
    pub fn of(
        product_id: &'a Reference,
        warehouse: &'a Reference,
        reservation_id: Uuid,
        quantity: u64,
        why: ReleaseCause,
    ) -> Self {
        Self {
            product_id: Cow::Borrowed(product_id),
            warehouse: Cow::Borrowed(warehouse),
            reservation_id,
            quantity,
            why,
        }
    }

    pub fn into_event(self) -> StockEvent {
        StockEvent::StockReleased {
            product_id: self.product_id.into_owned(),
            warehouse: self.warehouse.into_owned(),
            reservation_id: self.reservation_id,
            quantity: self.quantity,
            why: self.why,
        }
    }
}

/// `StockShortfallFound`.
#[derive(Serialize, Deserialize)]
pub(super) struct Shortfall<'a> {
    product_id: Cow<'a, Reference>,
    warehouse: Cow<'a, Reference>,
    available: i64,
}

impl<'a> Shortfall<'a> {
    pub fn of(product_id: &'a Reference, warehouse: &'a Reference, available: i64) -> Self {
        Self {
            product_id: Cow::Borrowed(product_id),
            warehouse: Cow::Borrowed(warehouse),
            available,
        }
    }

    pub fn into_event(self) -> StockEvent {
        StockEvent::StockShortfallFound {
            product_id: self.product_id.into_owned(),
            warehouse: self.warehouse.into_owned(),
            available: self.available,
        }
    }
}

/// `MovementRecorded`: `kind` says which of the other members there are.
#[derive(Serialize, Deserialize)]
pub(super) struct Moved<'a> {
    product_id: Cow<'a, Reference>,
    warehouse: Cow<'a, Reference>,
    #[serde(flatten)]
    change: Cow<'a, MovementChange>,
}

impl<'a> Moved<'a> {
    pub fn of(movement: &'a movement::Movement) -> Self {
        Self {
            product_id: Cow::Borrowed(&movement.product_id),
            warehouse: Cow::Borrowed(&movement.warehouse),
            change: Cow::Borrowed(&movement.change),
        }
    }

    pub fn into_event(self) -> StockEvent {
        StockEvent::MovementRecorded(movement::Movement {
            product_id: self.product_id.into_owned(),
            warehouse: self.warehouse.into_owned(),
            change: self.change.into_owned(),
        })
    }
}
