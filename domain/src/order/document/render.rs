//! Writes the order document: serde structs that borrow from the state, with members in the documented order.

use super::micros::Wire;
use super::{NoteEntry, OrderDocument};
use crate::order::{
    CommandName, Customer, FulfillmentStatus, Line, Order, Payment, PaymentStatus, Refund,
    Shipment, ShippedLine, Status,
};
use crate::{Email, Label, Money, Reason, Timestamp};
use serde::{Serialize, Serializer};
use uuid::Uuid;

/// About the size of an order with a few lines.
const TYPICAL_BYTES: usize = 1_024;

pub(super) fn document(document: &OrderDocument<'_>) -> Vec<u8> {
    let mut json = Vec::with_capacity(TYPICAL_BYTES + 128 * document.order.lines.len());
    serde_json::to_writer(&mut json, &Document::of(document))
        .expect("documents have string keys and a Vec takes every byte");
    json
}

pub(super) fn note(entry: &NoteEntry) -> String {
    serde_json::to_string(&NoteMembers::of(entry)).expect("a note has string keys")
}

#[derive(Serialize)]
struct Document<'a> {
    order_id: Uuid,
    status: Status,
    payment_status: PaymentStatus,
    fulfillment_status: FulfillmentStatus,
    version: u64,
    position: u64,
    customer: CustomerMembers<'a>,
    currency: &'static str,
    #[serde(serialize_with = "each")]
    lines: &'a [Line],
    total: Amount,
    paid: Amount,
    refunded: Amount,
    balance_due: Amount,
    #[serde(serialize_with = "each")]
    payments: &'a [Payment],
    #[serde(serialize_with = "each")]
    refunds: &'a [Refund],
    #[serde(serialize_with = "each")]
    shipments: &'a [Shipment],
    #[serde(serialize_with = "each")]
    notes: &'a [NoteEntry],
    cancel_reason: Option<&'a str>,
    created_at: Wire,
    placed_at: Option<Wire>,
    confirmed_at: Option<Wire>,
    completed_at: Option<Wire>,
    cancelled_at: Option<Wire>,
    updated_at: Wire,
    allowed_commands: Allowed<'a>,
}

impl<'a> Document<'a> {
    fn of(document: &OrderDocument<'a>) -> Self {
        let order = document.order;
        Self {
            order_id: document.order_id,
            status: order.status,
            payment_status: order.payment_status(),
            fulfillment_status: order.fulfillment_status(),
            version: document.version,
            position: document.position,
            customer: CustomerMembers::of(&order.customer),
            currency: order.currency.code(),
            lines: &order.lines,
            total: Amount(order.total),
            paid: Amount(order.paid),
            refunded: Amount(order.refunded),
            balance_due: Amount(order.balance_due()),
            payments: &order.payments,
            refunds: &order.refunds,
            shipments: &order.shipments,
            notes: document.notes,
            cancel_reason: order.cancel_reason.as_ref().map(Reason::as_str),
            created_at: Wire(order.created_at),
            placed_at: order.placed_at.map(Wire),
            confirmed_at: order.confirmed_at.map(Wire),
            completed_at: order.completed_at.map(Wire),
            cancelled_at: order.cancelled_at.map(Wire),
            updated_at: Wire(order.updated_at),
            allowed_commands: Allowed(order),
        }
    }
}

/// An amount as a decimal string.
struct Amount(Money);

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

struct Allowed<'a>(&'a Order);

impl Serialize for Allowed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let allowed = CommandName::ALL.into_iter().filter(|command| self.0.allows(*command));
        serializer.collect_seq(allowed.map(CommandName::as_str))
    }
}

/// A part of the state that has members on the wire.
trait Members {
    type Of<'a>: Serialize
    where
        Self: 'a;
    fn members(&self) -> Self::Of<'_>;
}

fn each<T: Members, S: Serializer>(items: &&[T], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(items.iter().map(T::members))
}

#[derive(Serialize)]
struct CustomerMembers<'a> {
    id: &'a str,
    name: Option<&'a str>,
    email: Option<&'a str>,
}

impl<'a> CustomerMembers<'a> {
    fn of(customer: &'a Customer) -> Self {
        Self {
            id: customer.id.as_str(),
            name: customer.name.as_ref().map(crate::Name::as_str),
            email: customer.email.as_ref().map(Email::as_str),
        }
    }
}

#[derive(Serialize)]
struct LineMembers<'a> {
    line_id: u32,
    product_id: &'a str,
    name: &'a str,
    quantity: u32,
    unit_price: Amount,
    line_total: Amount,
    shipped: u32,
    delivered: u32,
}

impl Members for Line {
    type Of<'a> = LineMembers<'a>;
    fn members(&self) -> LineMembers<'_> {
        LineMembers {
            line_id: self.line_id,
            product_id: self.product_id.as_str(),
            name: self.name.as_str(),
            quantity: self.quantity,
            unit_price: Amount(self.unit_price),
            line_total: Amount(self.total()),
            shipped: self.shipped,
            delivered: self.delivered,
        }
    }
}

#[derive(Serialize)]
struct PaymentMembers<'a> {
    payment_id: &'a str,
    amount: Amount,
    method: Option<&'a str>,
    occurred_at: Wire,
}

impl Members for Payment {
    type Of<'a> = PaymentMembers<'a>;
    fn members(&self) -> PaymentMembers<'_> {
        PaymentMembers {
            payment_id: self.payment_id.as_str(),
            amount: Amount(self.amount),
            method: self.method.as_ref().map(Label::as_str),
            occurred_at: Wire(self.occurred_at),
        }
    }
}

#[derive(Serialize)]
struct RefundMembers<'a> {
    refund_id: &'a str,
    amount: Amount,
    reason: Option<&'a str>,
    occurred_at: Wire,
}

impl Members for Refund {
    type Of<'a> = RefundMembers<'a>;
    fn members(&self) -> RefundMembers<'_> {
        RefundMembers {
            refund_id: self.refund_id.as_str(),
            amount: Amount(self.amount),
            reason: self.reason.as_ref().map(Reason::as_str),
            occurred_at: Wire(self.occurred_at),
        }
    }
}

#[derive(Serialize)]
struct ShipmentMembers<'a> {
    shipment_id: &'a str,
    carrier: Option<&'a str>,
    tracking_number: Option<&'a str>,
    lines: &'a [ShippedLine],
    shipped_at: Wire,
    delivered_at: Option<Wire>,
}

impl Members for Shipment {
    type Of<'a> = ShipmentMembers<'a>;
    fn members(&self) -> ShipmentMembers<'_> {
        ShipmentMembers {
            shipment_id: self.shipment_id.as_str(),
            carrier: self.carrier.as_ref().map(Label::as_str),
            tracking_number: self.tracking_number.as_ref().map(Label::as_str),
            lines: &self.lines,
            shipped_at: Wire(self.shipped_at),
            delivered_at: self.delivered_at.map(|at: Timestamp| Wire(at)),
        }
    }
}

#[derive(Serialize)]
struct NoteMembers<'a> {
    text: &'a str,
    occurred_at: Wire,
}

impl<'a> NoteMembers<'a> {
    fn of(entry: &'a NoteEntry) -> Self {
        Self { text: entry.text.as_str(), occurred_at: Wire(entry.occurred_at) }
    }
}

impl Members for NoteEntry {
    type Of<'a> = NoteMembers<'a>;
    fn members(&self) -> NoteMembers<'_> {
        NoteMembers::of(self)
    }
}
