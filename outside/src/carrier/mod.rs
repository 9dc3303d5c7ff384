//! The port to the carrier: book, cancel, read.
//!
//! A booking has our own reference, and booking the same reference again is the same booking. So a silent answer is
//! settled by reading, or by booking once more, without harm. Where a parcel goes is told to the carrier alone: it stands
//! in no `Debug` and no log.
//!
//! | call | HTTP |
//! |---|---|
//! | book | `PUT /carrier/v1/bookings/{reference}` `{"country","parcels","deliver_to"}` |
//! | read | `GET /carrier/v1/bookings/{reference}` |
//! | cancel | `POST /carrier/v1/bookings/{reference}/cancel` |
//!
//! Each answers `{"carrier_id","reference","state","tracking"}` or `{"error":{"code","message"}}`. States: `booked`,
//! `in_transit`, `arrived`, `delivery_failed`, `cancelled`. Codes: `country-not-served`, `reference-in-use`,
//! `booking-unknown`, `parcel-on-its-way`.

use crate::failure::{Cause, Failure, code};
use crate::secret::Secret;
use crate::wire::{Answer, Ask, Content, Http, Method, Wire};
use serde_json::{Value, json};
use uuid::Uuid;

/// A parcel to carry.
#[derive(Debug, Clone)]
pub struct Booking {
    /// Our id of the shipment: the booking's reference.
    pub reference: Uuid,
    /// The country it goes to, as two letters.
    pub country: String,
    /// How many parcels.
    pub parcels: u32,
    /// Name and address.
    pub deliver_to: Secret,
}

/// Where a parcel is, in our words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// The carrier's whole state of a booking at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParcelSnapshot {
    /// The carrier's id.
    pub carrier_id: String,
    /// Our reference.
    pub reference: Uuid,
    /// Where it is.
    pub state: ParcelState,
    /// The number that the customer follows it with.
    pub tracking: Option<String>,
}

/// The carrier.
#[derive(Debug, Clone)]
pub struct Carrier {
    wire: Wire,
}

impl Carrier {
    /// A carrier over HTTP.
    pub fn over_http(http: Http) -> Self {
        Self { wire: Wire::Http(http) }
    }

    /// The carrier of a sandbox in this process.
    pub fn sandbox(shared: sandbox::Shared) -> Self {
        Self { wire: Wire::InProcess(shared) }
    }

    /// Books a parcel.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn book(&self, booking: &Booking) -> Result<ParcelSnapshot, Failure> {
        let body = json!({
            "country": booking.country,
            "parcels": booking.parcels,
            "deliver_to": booking.deliver_to.expose(),
        });
        let content = Content::Json(Secret::new(body.to_string()));
        self.ask(Method::Put, booking.reference, "", content).await
    }

    /// Cancels a booking. A second time changes nothing.
    ///
    /// # Errors
    /// Any [`Failure`]; refused for good if the parcel has left.
    pub async fn cancel(&self, reference: Uuid) -> Result<ParcelSnapshot, Failure> {
        match self.ask(Method::Post, reference, "/cancel", Content::Form(Vec::new())).await {
            // 409 means elsewhere that a later try may pass; a parcel that has left does not come back.
            Err(Failure::Refused { code, .. }) if code == "parcel-on-its-way" => {
                Err(Failure::Refused { code, is_final: true })
            }
            result => result,
        }
    }

    /// A booking as it is. Changes nothing.
    ///
    /// # Errors
    /// Any [`Failure`]; refused with `booking-unknown` if there is none.
    pub async fn read(&self, reference: Uuid) -> Result<ParcelSnapshot, Failure> {
        self.ask(Method::Get, reference, "", Content::Form(Vec::new())).await
    }

    async fn ask(
        &self,
        method: Method,
        reference: Uuid,
        verb: &str,
        content: Content,
    ) -> Result<ParcelSnapshot, Failure> {
        let path = format!("/carrier/v1/bookings/{reference}{verb}");
        let ask = Ask { method, path, content, key: None };
        translated(self.wire.send(&ask).await?, reference)
    }
}

fn translated(answer: Answer, reference: Uuid) -> Result<ParcelSnapshot, Failure> {
    let body = answer.success(|body| code(body.pointer("/error/code")?.as_str()?))?;
    let about_it = text(&body, "reference").is_some_and(|it| it == reference.to_string());
    let snapshot = about_it.then(|| snapshot(&body, reference)).flatten();
    snapshot.ok_or(Failure::Silence { cause: Cause::BrokenBody })
}

fn snapshot(body: &Value, reference: Uuid) -> Option<ParcelSnapshot> {
    let state = match text(body, "state")? {
        "booked" => ParcelState::Booked,
        "in_transit" => ParcelState::InTransit,
        "arrived" => ParcelState::Arrived,
        "delivery_failed" => ParcelState::DeliveryFailed,
        "cancelled" => ParcelState::Cancelled,
        _ => return None,
    };
    let carrier_id = text(body, "carrier_id")?.to_owned();
    let tracking = text(body, "tracking").map(ToOwned::to_owned);
    Some(ParcelSnapshot { carrier_id, reference, state, tracking })
}

fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str)
}
