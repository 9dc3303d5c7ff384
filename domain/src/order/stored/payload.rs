//! The payloads as JSON members. Writing borrows from the event, reading borrows from the bytes.
//!
//! Every payload that holds an amount also holds its currency, so that an event can be read by itself.

use super::parts::{Amount, Read, StoredCustomer, StoredLine, read_lines};
use crate::order::{CancelledLine, Customer, Line, OrderEvent, ShippedLine};
use crate::{Currency, Label, Money, Note, Reason, Reference, Timestamp};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// An empty payload.
#[derive(Serialize, Deserialize)]
pub(super) struct Empty {}

#[derive(Serialize, Deserialize)]
pub(super) struct Drafted<'a> {
    #[serde(borrow)]
    customer: StoredCustomer<'a>,
    currency: Currency,
    #[serde(borrow)]
    lines: Vec<StoredLine<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    note: Option<Cow<'a, str>>,
}

impl<'a> Drafted<'a> {
    pub fn of(
        customer: &'a Customer,
        currency: Currency,
        lines: &'a [Line],
        note: Option<&'a Note>,
    ) -> Self {
        Self {
            customer: StoredCustomer::of(customer),
            currency,
            lines: lines.iter().map(StoredLine::of).collect(),
            note: note.map(|note| note.as_str().into()),
        }
    }

    pub fn into_event(self) -> Read<OrderEvent> {
        Ok(OrderEvent::OrderDrafted {
            customer: self.customer.read(),
            currency: self.currency,
            lines: read_lines(self.lines, self.currency)?,
            note: self.note.map(Note::stored),
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Placed<'a> {
    #[serde(borrow)]
    customer: StoredCustomer<'a>,
    currency: Currency,
    #[serde(borrow)]
    lines: Vec<StoredLine<'a>>,
    #[serde(borrow)]
    total: Amount<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    note: Option<Cow<'a, str>>,
}

impl<'a> Placed<'a> {
    pub fn of(
        customer: &'a Customer,
        currency: Currency,
        lines: &'a [Line],
        total: Money,
        note: Option<&'a Note>,
    ) -> Self {
        let Drafted { customer, currency, lines, note } =
            Drafted::of(customer, currency, lines, note);
        Self { customer, currency, lines, total: Amount::Money(total), note }
    }

    pub fn into_event(self) -> Read<OrderEvent> {
        Ok(OrderEvent::OrderPlaced {
            customer: self.customer.read(),
            currency: self.currency,
            lines: read_lines(self.lines, self.currency)?,
            total: self.total.read(self.currency)?,
            note: self.note.map(Note::stored),
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct LineAdded<'a> {
    currency: Currency,
    #[serde(borrow, flatten)]
    line: StoredLine<'a>,
}

impl<'a> LineAdded<'a> {
    pub fn of(line: &'a Line) -> Self {
        Self { currency: line.unit_price.currency(), line: StoredLine::of(line) }
    }

    pub fn into_event(self) -> Read<OrderEvent> {
        Ok(OrderEvent::LineAdded { line: self.line.read(self.currency)? })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct LineQuantityChanged {
    pub line_id: u32,
    pub quantity: u32,
}

impl LineQuantityChanged {
    pub fn into_event(self) -> OrderEvent {
        OrderEvent::LineQuantityChanged { line_id: self.line_id, quantity: self.quantity }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct LineRemoved {
    pub line_id: u32,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Paid<'a> {
    #[serde(borrow)]
    payment_id: Cow<'a, str>,
    #[serde(borrow)]
    amount: Amount<'a>,
    currency: Currency,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    method: Option<Cow<'a, str>>,
}

impl<'a> Paid<'a> {
    pub fn of(payment_id: &'a Reference, amount: Money, method: Option<&'a Label>) -> Self {
        Self {
            payment_id: payment_id.as_str().into(),
            amount: Amount::Money(amount),
            currency: amount.currency(),
            method: method.map(|method| method.as_str().into()),
        }
    }

    pub fn into_event(self) -> Read<OrderEvent> {
        Ok(OrderEvent::PaymentRecorded {
            payment_id: Reference::stored(self.payment_id),
            amount: self.amount.read(self.currency)?,
            method: self.method.map(Label::stored),
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Refunded<'a> {
    #[serde(borrow)]
    refund_id: Cow<'a, str>,
    #[serde(borrow)]
    amount: Amount<'a>,
    currency: Currency,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    reason: Option<Cow<'a, str>>,
}

impl<'a> Refunded<'a> {
    pub fn of(refund_id: &'a Reference, amount: Money, reason: Option<&'a Reason>) -> Self {
        Self {
            refund_id: refund_id.as_str().into(),
            amount: Amount::Money(amount),
            currency: amount.currency(),
            reason: reason.map(|reason| reason.as_str().into()),
        }
    }

    pub fn into_event(self) -> Read<OrderEvent> {
        Ok(OrderEvent::RefundRecorded {
            refund_id: Reference::stored(self.refund_id),
            amount: self.amount.read(self.currency)?,
            reason: self.reason.map(Reason::stored),
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Shipped<'a> {
    #[serde(borrow)]
    shipment_id: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    carrier: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    tracking_number: Option<Cow<'a, str>>,
    lines: Cow<'a, [ShippedLine]>,
}

impl<'a> Shipped<'a> {
    pub fn of(
        shipment_id: &'a Reference,
        carrier: Option<&'a Label>,
        tracking_number: Option<&'a Label>,
        lines: &'a [ShippedLine],
    ) -> Self {
        Self {
            shipment_id: shipment_id.as_str().into(),
            carrier: carrier.map(|carrier| carrier.as_str().into()),
            tracking_number: tracking_number.map(|number| number.as_str().into()),
            lines: lines.into(),
        }
    }

    pub fn into_event(self) -> OrderEvent {
        OrderEvent::OrderShipped {
            shipment_id: Reference::stored(self.shipment_id),
            carrier: self.carrier.map(Label::stored),
            tracking_number: self.tracking_number.map(Label::stored),
            lines: self.lines.into_owned(),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct ShipmentDelivered<'a> {
    #[serde(borrow)]
    pub shipment_id: Cow<'a, str>,
}

impl ShipmentDelivered<'_> {
    pub fn into_event(self) -> OrderEvent {
        OrderEvent::ShipmentDelivered { shipment_id: Reference::stored(self.shipment_id) }
    }
}

#[derive(Serialize, Deserialize)]
struct StoredCancelledLine<'a> {
    line_id: u32,
    #[serde(borrow)]
    product_id: Cow<'a, str>,
    quantity: u32,
    #[serde(borrow)]
    line_total: Amount<'a>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Cancelled<'a> {
    #[serde(borrow)]
    reason: Cow<'a, str>,
    #[serde(borrow)]
    customer_id: Cow<'a, str>,
    #[serde(with = "crate::order::document::micros")]
    placed_at: Timestamp,
    currency: Currency,
    #[serde(borrow)]
    total: Amount<'a>,
    #[serde(borrow)]
    lines: Vec<StoredCancelledLine<'a>>,
}

impl<'a> Cancelled<'a> {
    pub fn of(
        reason: &'a Reason,
        customer_id: &'a Reference,
        placed_at: Timestamp,
        total: Money,
        lines: &'a [CancelledLine],
    ) -> Self {
        let lines = lines.iter().map(|line| StoredCancelledLine {
            line_id: line.line_id,
            product_id: line.product_id.as_str().into(),
            quantity: line.quantity,
            line_total: Amount::Money(line.line_total),
        });
        Self {
            reason: reason.as_str().into(),
            customer_id: customer_id.as_str().into(),
            placed_at,
            currency: total.currency(),
            total: Amount::Money(total),
            lines: lines.collect(),
        }
    }

    pub fn into_event(self) -> Read<OrderEvent> {
        let line = |line: StoredCancelledLine<'_>| {
            Ok(CancelledLine {
                line_id: line.line_id,
                product_id: Reference::stored(line.product_id),
                quantity: line.quantity,
                line_total: line.line_total.read(self.currency)?,
            })
        };
        Ok(OrderEvent::OrderCancelled {
            reason: Reason::stored(self.reason),
            customer_id: Reference::stored(self.customer_id),
            placed_at: self.placed_at,
            total: self.total.read(self.currency)?,
            lines: self.lines.into_iter().map(line).collect::<Read<_>>()?,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct NoteAdded<'a> {
    #[serde(borrow)]
    pub text: Cow<'a, str>,
}

impl NoteAdded<'_> {
    pub fn into_event(self) -> OrderEvent {
        OrderEvent::NoteAdded { text: Note::stored(self.text) }
    }
}
