//! The payloads of facts about reservations, as JSON members. Writing borrows from the event.

use crate::order::document::micros::Wire;
use crate::stock::{ReservedLine, Shortage, StockEvent, Wanted};
use crate::{Reason, Reference, Timestamp};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use uuid::Uuid;

/// `ReservationFirmed`: no members.
#[derive(Serialize, Deserialize)]
pub(super) struct Firmed {}

/// `ReservationMade`.
#[derive(Serialize, Deserialize)]
pub(super) struct Made<'a> {
    reservation_id: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order_id: Option<Uuid>,
    lines: Cow<'a, [ReservedLine]>,
    wanted: Cow<'a, [Wanted]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Wire>,
}

impl<'a> Made<'a> {
    pub fn of(
        reservation_id: Uuid,
        order_id: Option<Uuid>,
        lines: &'a [ReservedLine],
        wanted: &'a [Wanted],
        expires_at: Option<Timestamp>,
    ) -> Self {
        Self {
            reservation_id,
            order_id,
            lines: Cow::Borrowed(lines),
            wanted: Cow::Borrowed(wanted),
            expires_at: expires_at.map(Wire),
        }
    }

    pub fn into_event(self) -> StockEvent {
        StockEvent::ReservationMade {
            reservation_id: self.reservation_id,
            order_id: self.order_id,
            lines: self.lines.into_owned(),
            wanted: self.wanted.into_owned(),
            expires_at: self.expires_at.map(|Wire(time)| time),
        }
    }
}

/// `ReservationRefused`.
#[derive(Serialize, Deserialize)]
pub(super) struct Refused<'a> {
    reservation_id: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order_id: Option<Uuid>,
    wanted: Cow<'a, [Wanted]>,
    short: Cow<'a, [Shortage]>,
}

impl<'a> Refused<'a> {
    pub fn of(
        reservation_id: Uuid,
        order_id: Option<Uuid>,
        wanted: &'a [Wanted],
        short: &'a [Shortage],
    ) -> Self {
        Self {
            reservation_id,
            order_id,
            wanted: Cow::Borrowed(wanted),
            short: Cow::Borrowed(short),
        }
    }

    pub fn into_event(self) -> StockEvent {
        StockEvent::ReservationRefused {
            reservation_id: self.reservation_id,
            order_id: self.order_id,
            wanted: self.wanted.into_owned(),
            short: self.short.into_owned(),
        }
    }
}

/// `ReservationReleased`.
#[derive(Serialize, Deserialize)]
pub(super) struct Released<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<Cow<'a, Reason>>,
    lines: Cow<'a, [ReservedLine]>,
}

impl<'a> Released<'a> {
    pub fn of(why: Option<&'a Reason>, lines: &'a [ReservedLine]) -> Self {
        Self { why: why.map(Cow::Borrowed), lines: Cow::Borrowed(lines) }
    }

    pub fn into_event(self) -> StockEvent {
        StockEvent::ReservationReleased {
            why: self.why.map(Cow::into_owned),
            lines: self.lines.into_owned(),
        }
    }
}

/// `ReservationExpired`.
#[derive(Serialize, Deserialize)]
pub(super) struct Expired<'a> {
    pub lines: Cow<'a, [ReservedLine]>,
}

/// `ReservationCommitted`.
#[derive(Serialize, Deserialize)]
pub(super) struct Committed<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shipment: Option<Cow<'a, Reference>>,
    lines: Cow<'a, [ReservedLine]>,
}

impl<'a> Committed<'a> {
    pub fn of(shipment: Option<&'a Reference>, lines: &'a [ReservedLine]) -> Self {
        Self { shipment: shipment.map(Cow::Borrowed), lines: Cow::Borrowed(lines) }
    }

    pub fn into_event(self) -> StockEvent {
        StockEvent::ReservationCommitted {
            shipment: self.shipment.map(Cow::into_owned),
            lines: self.lines.into_owned(),
        }
    }
}
