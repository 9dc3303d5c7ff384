//! The stored form of order events: explicit names, schema versions, and the upcasters that lift old versions.
//!
//! A stored event is never rewritten. When an event's format changes, its version here rises by one, and [`upcast`]
//! learns to lift the version before. Decoding an old event lifts it step by step. Members that this build does not
//! know are ignored, so an event may gain one without a new version.

mod parts;
mod payload;
mod upcast;

use super::OrderEvent;
use crate::payloads::{json, parse as read};
use crate::{DecodeError, EncodedEvent};
use faults::{Fault, planted};
use payload::{
    Cancelled, Drafted, Empty, LineAdded, LineQuantityChanged, LineRemoved, NoteAdded, Paid,
    Placed, Refunded, ShipmentDelivered, Shipped,
};

/// Every stored name with its newest schema version.
pub const EVENT_TYPES: [(&str, u16); 14] = [
    ("OrderDrafted", 1),
    ("OrderPlaced", 1),
    ("LineAdded", 1),
    ("LineQuantityChanged", 1),
    ("LineRemoved", 1),
    ("DraftDiscarded", 1),
    ("OrderConfirmed", 1),
    ("PaymentRecorded", 1),
    ("RefundRecorded", 1),
    ("OrderShipped", 1),
    ("ShipmentDelivered", 1),
    ("OrderCompleted", 1),
    ("OrderCancelled", 1),
    ("NoteAdded", 2), // 2: the text moved from `note` to `text`
];

impl OrderEvent {
    /// The explicit stored name.
    pub const fn stored_name(&self) -> &'static str {
        match self {
            Self::OrderDrafted { .. } => "OrderDrafted",
            Self::OrderPlaced { .. } => "OrderPlaced",
            Self::LineAdded { .. } => "LineAdded",
            Self::LineQuantityChanged { .. } => "LineQuantityChanged",
            Self::LineRemoved { .. } => "LineRemoved",
            Self::DraftDiscarded => "DraftDiscarded",
            Self::OrderConfirmed => "OrderConfirmed",
            Self::PaymentRecorded { .. } => "PaymentRecorded",
            Self::RefundRecorded { .. } => "RefundRecorded",
            Self::OrderShipped { .. } => "OrderShipped",
            Self::ShipmentDelivered { .. } => "ShipmentDelivered",
            Self::OrderCompleted => "OrderCompleted",
            Self::OrderCancelled { .. } => "OrderCancelled",
            Self::NoteAdded { .. } => "NoteAdded",
        }
    }
}

fn newest_version(event_type: &str) -> Option<u16> {
    EVENT_TYPES.iter().find(|(name, _)| *name == event_type).map(|(_, version)| *version)
}

/// The stored form of an event, in its newest version.
pub(super) fn encode(event: &OrderEvent) -> EncodedEvent {
    let event_type = event.stored_name();
    let payload = match event {
        OrderEvent::OrderDrafted { customer, currency, lines, note } => {
            json(&Drafted::of(customer, *currency, lines, note.as_ref()))
        }
        OrderEvent::OrderPlaced { customer, currency, lines, total, note } => {
            json(&Placed::of(customer, *currency, lines, *total, note.as_ref()))
        }
        OrderEvent::LineAdded { line } => json(&LineAdded::of(line)),
        OrderEvent::LineQuantityChanged { line_id, quantity } => {
            json(&LineQuantityChanged { line_id: *line_id, quantity: *quantity })
        }
        OrderEvent::LineRemoved { line_id } => json(&LineRemoved { line_id: *line_id }),
        OrderEvent::DraftDiscarded | OrderEvent::OrderConfirmed | OrderEvent::OrderCompleted => {
            json(&Empty {})
        }
        OrderEvent::PaymentRecorded { payment_id, amount, method } => {
            json(&Paid::of(payment_id, *amount, method.as_ref()))
        }
        OrderEvent::RefundRecorded { refund_id, amount, reason } => {
            json(&Refunded::of(refund_id, *amount, reason.as_ref()))
        }
        OrderEvent::OrderShipped { shipment_id, carrier, tracking_number, lines } => {
            json(&Shipped::of(shipment_id, carrier.as_ref(), tracking_number.as_ref(), lines))
        }
        OrderEvent::ShipmentDelivered { shipment_id } => {
            json(&ShipmentDelivered { shipment_id: shipment_id.as_str().into() })
        }
        OrderEvent::OrderCancelled { reason, customer_id, placed_at, total, lines } => {
            json(&Cancelled::of(reason, customer_id, *placed_at, *total, lines))
        }
        OrderEvent::NoteAdded { text } => json(&NoteAdded { text: text.as_str().into() }),
    };
    let schema_version = newest_version(event_type).expect("every stored name is in EVENT_TYPES");
    EncodedEvent { event_type, schema_version, payload }
}

/// Reads a stored event of any version.
pub(super) fn decode(
    event_type: &str,
    schema_version: u16,
    payload: &[u8],
) -> Result<OrderEvent, DecodeError> {
    let newest = newest_version(event_type)
        .ok_or_else(|| DecodeError::UnknownType(event_type.to_owned()))?;
    if schema_version == newest || planted(Fault::UpcasterLeftOut) {
        return decode_newest(event_type, payload);
    }
    if !(1..newest).contains(&schema_version) {
        let event_type = event_type.to_owned();
        return Err(DecodeError::UnknownVersion { event_type, version: schema_version });
    }
    decode_newest(event_type, &upcast::lift(event_type, schema_version, newest, payload)?)
}

fn decode_newest(event_type: &str, payload: &[u8]) -> Result<OrderEvent, DecodeError> {
    let event = match event_type {
        "OrderDrafted" => read::<Drafted>(payload).and_then(Drafted::into_event),
        "OrderPlaced" => read::<Placed>(payload).and_then(Placed::into_event),
        "LineAdded" => read::<LineAdded>(payload).and_then(LineAdded::into_event),
        "LineQuantityChanged" => {
            read::<LineQuantityChanged>(payload).map(LineQuantityChanged::into_event)
        }
        "LineRemoved" => read::<LineRemoved>(payload)
            .map(|LineRemoved { line_id }| OrderEvent::LineRemoved { line_id }),
        "DraftDiscarded" => read::<Empty>(payload).map(|Empty {}| OrderEvent::DraftDiscarded),
        "OrderConfirmed" => read::<Empty>(payload).map(|Empty {}| OrderEvent::OrderConfirmed),
        "OrderCompleted" => read::<Empty>(payload).map(|Empty {}| OrderEvent::OrderCompleted),
        "PaymentRecorded" => read::<Paid>(payload).and_then(Paid::into_event),
        "RefundRecorded" => read::<Refunded>(payload).and_then(Refunded::into_event),
        "OrderShipped" => read::<Shipped>(payload).map(Shipped::into_event),
        "ShipmentDelivered" => {
            read::<ShipmentDelivered>(payload).map(ShipmentDelivered::into_event)
        }
        "OrderCancelled" => read::<Cancelled>(payload).and_then(Cancelled::into_event),
        "NoteAdded" => read::<NoteAdded>(payload).map(NoteAdded::into_event),
        unknown => return Err(DecodeError::UnknownType(unknown.to_owned())),
    };
    event.map_err(|detail| DecodeError::Malformed { event_type: event_type.to_owned(), detail })
}
