//! Reads an order document back into its state.

use super::NoteEntry;
use crate::order::evolve::next_line_id;
use crate::order::{Customer, Line, Order, Payment, Refund, Shipment, ShippedLine, Status};
use crate::{Currency, Label, Money, Name, Note, Reason, Reference, Timestamp};
use serde::Deserialize;
use serde::de::Error as _;

/// Reads an order document back into its state and its notes.
///
/// The document lacks only the ids of lines that were added and removed again. So `next_line_id` is one above the
/// highest remaining line: enough for folding, not for deciding.
///
/// # Errors
/// When the JSON is not an order document.
pub fn restore(json: &[u8]) -> Result<(Order, Vec<NoteEntry>), serde_json::Error> {
    let document: Document = serde_json::from_slice(json)?;
    let notes = document.notes.into_iter();
    let notes = notes.map(|note| NoteEntry { text: note.text, occurred_at: note.occurred_at });
    let notes = notes.collect();
    let currency = document.currency;
    let lines: Vec<Line> =
        document.lines.into_iter().map(|line| line.read(currency)).collect::<Result<_, _>>()?;
    let payments = document.payments.into_iter().map(|payment| payment.read(currency));
    let refunds = document.refunds.into_iter().map(|refund| refund.read(currency));
    let order = Order {
        status: document.status,
        customer: document.customer,
        currency,
        next_line_id: next_line_id(&lines),
        lines,
        total: money(&document.total, currency)?,
        paid: money(&document.paid, currency)?,
        refunded: money(&document.refunded, currency)?,
        payments: payments.collect::<Result<_, _>>()?,
        refunds: refunds.collect::<Result<_, _>>()?,
        shipments: document.shipments.into_iter().map(ShipmentMembers::read).collect(),
        cancel_reason: document.cancel_reason,
        created_at: document.created_at,
        placed_at: document.placed_at,
        confirmed_at: document.confirmed_at,
        completed_at: document.completed_at,
        cancelled_at: document.cancelled_at,
        updated_at: document.updated_at,
    };
    Ok((order, notes))
}

fn money(text: &str, currency: Currency) -> Result<Money, serde_json::Error> {
    Money::stored(text, currency).map_err(serde_json::Error::custom)
}

#[derive(Deserialize)]
struct Document {
    status: Status,
    customer: Customer,
    currency: Currency,
    lines: Vec<LineMembers>,
    total: String,
    paid: String,
    refunded: String,
    payments: Vec<PaymentMembers>,
    refunds: Vec<RefundMembers>,
    shipments: Vec<ShipmentMembers>,
    notes: Vec<NoteMembers>,
    cancel_reason: Option<Reason>,
    created_at: Timestamp,
    placed_at: Option<Timestamp>,
    confirmed_at: Option<Timestamp>,
    completed_at: Option<Timestamp>,
    cancelled_at: Option<Timestamp>,
    updated_at: Timestamp,
}

#[derive(Deserialize)]
struct LineMembers {
    line_id: u32,
    product_id: Reference,
    name: Name,
    quantity: u32,
    unit_price: String,
    shipped: u32,
    delivered: u32,
}

impl LineMembers {
    fn read(self, currency: Currency) -> Result<Line, serde_json::Error> {
        Ok(Line {
            line_id: self.line_id,
            product_id: self.product_id,
            name: self.name,
            quantity: self.quantity,
            unit_price: money(&self.unit_price, currency)?,
            shipped: self.shipped,
            delivered: self.delivered,
        })
    }
}

#[derive(Deserialize)]
struct PaymentMembers {
    payment_id: Reference,
    amount: String,
    method: Option<Label>,
    occurred_at: Timestamp,
}

impl PaymentMembers {
    fn read(self, currency: Currency) -> Result<Payment, serde_json::Error> {
        let amount = money(&self.amount, currency)?;
        let Self { payment_id, method, occurred_at, .. } = self;
        Ok(Payment { payment_id, amount, method, occurred_at })
    }
}

#[derive(Deserialize)]
struct RefundMembers {
    refund_id: Reference,
    amount: String,
    reason: Option<Reason>,
    occurred_at: Timestamp,
}

impl RefundMembers {
    fn read(self, currency: Currency) -> Result<Refund, serde_json::Error> {
        let amount = money(&self.amount, currency)?;
        let Self { refund_id, reason, occurred_at, .. } = self;
        Ok(Refund { refund_id, amount, reason, occurred_at })
    }
}

#[derive(Deserialize)]
struct ShipmentMembers {
    shipment_id: Reference,
    carrier: Option<Label>,
    tracking_number: Option<Label>,
    lines: Vec<ShippedLine>,
    shipped_at: Timestamp,
    delivered_at: Option<Timestamp>,
}

impl ShipmentMembers {
    fn read(self) -> Shipment {
        let Self { shipment_id, carrier, tracking_number, lines, shipped_at, delivered_at } = self;
        Shipment { shipment_id, carrier, tracking_number, lines, shipped_at, delivered_at }
    }
}

#[derive(Deserialize)]
struct NoteMembers {
    text: Note,
    occurred_at: Timestamp,
}
