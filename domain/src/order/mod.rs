//! The order: its state, and the modules that decide, fold, store and show it.
//!
//! `status` is the only lifecycle. Payment and fulfilment status are derived from counters, so no two facts can
//! disagree.

pub mod command;
mod decide;
pub mod document;
pub mod event;
mod evolve;
mod personal;
pub mod recorded;
pub mod rejection;
pub mod status;
pub mod stored;

use crate::{
    Aggregate, Currency, DecodeError, Email, EncodedEvent, Label, Money, Name, Reason, Reference,
    Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use command::{CommandName, NewLine, OrderCommand, UnpricedLine};
pub use document::{NoteEntry, OrderDocument};
pub use event::{CancelledLine, OrderEvent};
pub use evolve::{MAX_LINES, balance_due};
pub use recorded::Recorded;
pub use rejection::OrderRejection;
pub use status::{FulfillmentStatus, PaymentStatus, Status};

/// Orders as an aggregate: the state is `None` until the first event.
#[derive(Debug, Clone, Copy)]
pub struct OrderAggregate;

impl Aggregate for OrderAggregate {
    const STREAM_TYPE: &'static str = "order";
    const SNAPSHOT_VERSION: u16 = 1;
    const PERSONAL_EVENTS: &'static [&'static str] = &personal::EVENTS;

    type State = Option<Order>;
    type Command = OrderCommand;
    type Event = OrderEvent;
    type Rejection = OrderRejection;

    fn decide(
        state: &Option<Order>,
        command: &OrderCommand,
    ) -> Result<Vec<OrderEvent>, OrderRejection> {
        decide::decide(state.as_ref(), command)
    }

    fn evolve(state: Option<Order>, event: &OrderEvent, at: Timestamp) -> Option<Order> {
        evolve::evolve(state, event, at)
    }

    fn change_personal(event: &mut OrderEvent, change: &mut dyn FnMut(&str) -> String) {
        personal::change(event, change);
    }

    fn encode(event: &OrderEvent) -> EncodedEvent {
        stored::encode(event)
    }

    fn decode(event_type: &str, version: u16, payload: &[u8]) -> Result<OrderEvent, DecodeError> {
        stored::decode(event_type, version, payload)
    }
}

/// An order as the fold of its events. Notes are in the log and the views, but no rule depends on them, so the state
/// does not carry them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The order's place in its lifecycle.
    pub status: Status,
    /// Who ordered.
    pub customer: Customer,
    /// The one currency of every amount in the order.
    pub currency: Currency,
    /// The lines, in order of `line_id`.
    pub lines: Vec<Line>,
    /// The `line_id` of the next added line; ids are never reused.
    pub next_line_id: u32,
    /// Σ line totals.
    pub total: Money,
    /// Σ payments.
    pub paid: Money,
    /// Σ refunds.
    pub refunded: Money,
    /// Payments, in the order they were recorded.
    pub payments: Recorded<Payment>,
    /// Refunds, in the order they were recorded.
    pub refunds: Recorded<Refund>,
    /// Shipments, in the order they were recorded.
    pub shipments: Recorded<Shipment>,
    /// Why it was cancelled.
    pub cancel_reason: Option<Reason>,
    /// When the order was drafted, or placed without a draft.
    pub created_at: Timestamp,
    /// When it was placed.
    pub placed_at: Option<Timestamp>,
    /// When it was confirmed.
    pub confirmed_at: Option<Timestamp>,
    /// When everything was delivered and paid.
    pub completed_at: Option<Timestamp>,
    /// When it was cancelled.
    pub cancelled_at: Option<Timestamp>,
    /// When its last event happened.
    pub updated_at: Timestamp,
}

/// Who ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = OrderCustomer)]
pub struct Customer {
    /// The caller's id.
    #[schema(value_type = String)]
    pub id: Reference,
    /// The customer's name.
    #[schema(value_type = Option<String>)]
    pub name: Option<Name>,
    /// The customer's e-mail address.
    #[schema(value_type = Option<String>)]
    pub email: Option<Email>,
}

/// A line of an order; product name and price are frozen when the order is placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// From 1, unique within the order for ever.
    pub line_id: u32,
    /// The caller's id of the product.
    pub product_id: Reference,
    /// The product's name when the line was added.
    pub name: Name,
    /// Units ordered.
    pub quantity: u32,
    /// Price of one unit.
    pub unit_price: Money,
    /// Units shipped, ≤ `quantity`.
    pub shipped: u32,
    /// Units delivered, ≤ `shipped`.
    pub delivered: u32,
}

/// Money that came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The caller's id.
    pub payment_id: Reference,
    /// More than zero.
    pub amount: Money,
    /// How it was paid.
    pub method: Option<Label>,
    /// When.
    pub occurred_at: Timestamp,
}

/// Money that went back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// The caller's id.
    pub refund_id: Reference,
    /// More than zero.
    pub amount: Money,
    /// Why.
    pub reason: Option<Reason>,
    /// When.
    pub occurred_at: Timestamp,
}

/// A parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipment {
    /// The caller's id.
    pub shipment_id: Reference,
    /// Who carries it.
    pub carrier: Option<Label>,
    /// The carrier's number for it.
    pub tracking_number: Option<Label>,
    /// What is in it.
    pub lines: Vec<ShippedLine>,
    /// When it left.
    pub shipped_at: Timestamp,
    /// When it arrived.
    pub delivered_at: Option<Timestamp>,
}

/// Some units of a line in a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShippedLine {
    /// Which line.
    pub line_id: u32,
    /// How many units.
    pub quantity: u32,
}
