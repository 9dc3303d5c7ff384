//! The facts of an order. Stored names and schema versions are in [`super::stored`].

use super::{Customer, Line, ShippedLine};
use crate::{Currency, Label, Money, Note, Reason, Reference, Timestamp};

/// A fact about an order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the members mean what they mean in `Order`
pub enum OrderEvent {
    /// A draft was created; it may still change.
    OrderDrafted { customer: Customer, currency: Currency, lines: Vec<Line>, note: Option<Note> },
    /// The customer committed to the order: lines, prices and total are frozen. Carries the whole order, even after a
    /// draft.
    OrderPlaced {
        customer: Customer,
        currency: Currency,
        lines: Vec<Line>,
        total: Money,
        note: Option<Note>,
    },
    /// A line was added to the draft.
    LineAdded { line: Line },
    /// A draft's line has another quantity.
    LineQuantityChanged { line_id: u32, quantity: u32 },
    /// A line was taken off the draft.
    LineRemoved { line_id: u32 },
    /// The draft was discarded.
    DraftDiscarded,
    /// The shop accepted the order.
    OrderConfirmed,
    /// Money came in.
    PaymentRecorded { payment_id: Reference, amount: Money, method: Option<Label> },
    /// Money went back.
    RefundRecorded { refund_id: Reference, amount: Money, reason: Option<Reason> },
    /// A parcel left. `lines` always says what is in it.
    OrderShipped {
        shipment_id: Reference,
        carrier: Option<Label>,
        tracking_number: Option<Label>,
        lines: Vec<ShippedLine>,
    },
    /// A parcel arrived.
    ShipmentDelivered { shipment_id: Reference },
    /// Everything is delivered and paid.
    OrderCompleted,
    /// The order was cancelled. Repeats what is taken back, so that a projection that subtracts needs no memory.
    OrderCancelled {
        reason: Reason,
        customer_id: Reference,
        placed_at: Timestamp,
        total: Money,
        lines: Vec<CancelledLine>,
    },
    /// A note was added.
    NoteAdded { text: Note },
}

impl OrderEvent {
    /// The note that the event carries, if any.
    pub fn note(&self) -> Option<&Note> {
        match self {
            Self::OrderDrafted { note, .. } | Self::OrderPlaced { note, .. } => note.as_ref(),
            Self::NoteAdded { text } => Some(text),
            _ => None,
        }
    }
}

/// What a cancellation takes back from one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelledLine {
    /// Which line.
    pub line_id: u32,
    /// Which product.
    pub product_id: Reference,
    /// Units.
    pub quantity: u32,
    /// quantity × unit price.
    pub line_total: Money,
}
