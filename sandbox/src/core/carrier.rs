//! The carrier: bookings by the caller's own reference, so booking twice is booking once.
//!
//! | request | answer |
//! |---|---|
//! | `PUT /carrier/v1/bookings/{reference}` `{"country":"DE","parcels":1,"deliver_to":"…"}` | the booking; 422 `country-not-served`; 409 `reference-in-use` for other content |
//! | `GET /carrier/v1/bookings/{reference}` | the booking; 404 `booking-unknown` |
//! | `POST /carrier/v1/bookings/{reference}/cancel` | the booking, cancelled; 409 `parcel-on-its-way` |
//!
//! A booking is `{"carrier_id","reference","state","tracking"}`. Its states are `booked`, `in_transit`, `arrived`,
//! `delivery_failed`, `cancelled`. An error is `{"error":{"code","message"}}`.

use crate::core::reply::Reply;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The country that the carrier does not serve, for tests of refusals.
pub const NOT_SERVED: &str = "XX";
/// The most bookings.
const MAX_BOOKINGS: usize = 1_000_000;

/// Where a parcel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParcelState {
    /// The carrier will fetch it.
    Booked,
    /// The carrier has it.
    InTransit,
    /// Delivered.
    Arrived,
    /// It could not be delivered.
    DeliveryFailed,
    /// It will not be fetched.
    Cancelled,
}

#[derive(Debug, Clone)]
struct Booking {
    carrier_id: String,
    asked: Value,
    state: ParcelState,
}

/// All bookings.
#[derive(Debug, Clone, Default)]
pub struct Carrier {
    bookings: BTreeMap<String, Booking>,
}

impl Carrier {
    /// Books a parcel.
    pub fn book(&mut self, reference: &str, asked: &Value, prefix: u64) -> Reply {
        if let Some(booking) = self.bookings.get(reference) {
            if booking.asked != *asked {
                return refused(409, "reference-in-use", "The reference has other content.");
            }
            return shown(reference, booking);
        }
        let country = asked.get("country").and_then(Value::as_str).unwrap_or_default();
        let parcels = asked.get("parcels").and_then(Value::as_u64).unwrap_or_default();
        if country.len() != 2 || parcels == 0 {
            return refused(400, "invalid", "A booking names a country and parcels.");
        }
        if country == NOT_SERVED {
            return refused(422, "country-not-served", "No parcel goes there.");
        }
        if self.bookings.len() >= MAX_BOOKINGS {
            return refused(500, "full", "The sandbox holds no more bookings.");
        }
        let carrier_id = format!("cb_{prefix:011x}{:08x}", self.bookings.len() + 1);
        let booking = Booking { carrier_id, asked: asked.clone(), state: ParcelState::Booked };
        let reply = shown(reference, &booking);
        self.bookings.insert(reference.to_owned(), booking);
        reply
    }

    /// A booking as it is.
    pub fn read(&self, reference: &str) -> Reply {
        self.bookings.get(reference).map_or_else(unknown, |booking| shown(reference, booking))
    }

    /// Cancels a booking, if the parcel has not left.
    pub fn cancel(&mut self, reference: &str) -> Reply {
        let Some(booking) = self.bookings.get_mut(reference) else { return unknown() };
        match booking.state {
            ParcelState::Booked | ParcelState::Cancelled => {
                booking.state = ParcelState::Cancelled;
                shown(reference, booking)
            }
            _ => refused(409, "parcel-on-its-way", "The parcel has left already."),
        }
    }

    /// Moves a parcel, as the carrier's people do. False if there is no such booking.
    pub fn move_to(&mut self, reference: &str, state: ParcelState) -> bool {
        let booking = self.bookings.get_mut(reference);
        booking.map(|booking| booking.state = state).is_some()
    }
}

fn shown(reference: &str, booking: &Booking) -> Reply {
    Reply::ok(json!({
        "carrier_id": booking.carrier_id,
        "reference": reference,
        "state": booking.state,
        "tracking": format!("T{}", booking.carrier_id.trim_start_matches("cb_")),
    }))
}

fn unknown() -> Reply {
    refused(404, "booking-unknown", "There is no booking of this reference.")
}

fn refused(status: u16, code: &str, message: &str) -> Reply {
    let body = json!({ "error": { "code": code, "message": message } });
    Reply { status, body, retry_after_s: None, replayed: false }
}
