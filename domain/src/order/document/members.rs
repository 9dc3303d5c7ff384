//! The members of the order document, in the documented order: one set of structs, written from a state and read back
//! into one. They borrow from the state when they are written, and own their values when they are read.

use super::micros::Wire;
use super::{NoteEntry, OrderDocument};
use crate::order::evolve::next_line_id;
use crate::order::{
    CommandName, Customer, FulfillmentStatus, Line, Order, Payment, PaymentStatus, Refund,
    Shipment, ShippedLine, Status,
};
use crate::{Currency, Label, Money, Name, Note, Reason, Reference};
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use utoipa::ToSchema;
use uuid::Uuid;

/// A composed order. Amounts are decimal strings in the order's currency; facts that are not there are null.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Order, example = json!({
    "order_id": "0198c1c2-7b1e-7d4a-9a55-0d6c2b3f4e5a", "status": "placed", "payment_status": "unpaid",
    "fulfillment_status": "unfulfilled", "version": 1, "position": 1042, "customer": {"id": "c-1", "name": "Ada",
    "email": null}, "currency": "USD", "lines": [{"line_id": 1, "product_id": "tea-1", "name": "Tea", "quantity": 2,
    "unit_price": "5.00", "line_total": "10.00", "shipped": 0, "delivered": 0}], "total": "10.00", "paid": "0.00",
    "refunded": "0.00", "balance_due": "10.00", "payments": [], "refunds": [], "shipments": [], "notes": [],
    "cancel_reason": null, "created_at": "2026-03-03T00:00:00.000000Z", "placed_at": "2026-03-03T00:00:00.000000Z",
    "confirmed_at": null, "completed_at": null, "cancelled_at": null, "updated_at": "2026-03-03T00:00:00.000000Z",
    "allowed_commands": ["confirm", "record-payment", "cancel", "add-note"]}))]
pub(super) struct Document<'a> {
    order_id: Uuid,
    #[schema(value_type = String, pattern = "^(draft|placed|confirmed|completed|cancelled|discarded)$")]
    status: Status,
    #[schema(value_type = String, pattern = "^(unpaid|partially_paid|paid|overpaid|partially_refunded|refunded)$")]
    payment_status: PaymentStatus,
    #[schema(value_type = String, pattern = "^(unfulfilled|partially_shipped|shipped|partially_delivered|delivered)$")]
    fulfillment_status: FulfillmentStatus,
    version: u64,
    position: u64,
    customer: Cow<'a, Customer>,
    #[schema(value_type = String)]
    currency: Currency,
    #[schema(value_type = Vec<LineMembers>)]
    lines: List<'a, Line, LineMembers<'a>>,
    #[schema(value_type = String)]
    total: Amount,
    #[schema(value_type = String)]
    paid: Amount,
    #[schema(value_type = String)]
    refunded: Amount,
    #[schema(value_type = String)]
    balance_due: Amount,
    #[schema(value_type = Vec<PaymentMembers>)]
    payments: List<'a, Payment, PaymentMembers<'a>>,
    #[schema(value_type = Vec<RefundMembers>)]
    refunds: List<'a, Refund, RefundMembers<'a>>,
    #[schema(value_type = Vec<ShipmentMembers>)]
    shipments: List<'a, Shipment, ShipmentMembers<'a>>,
    #[schema(value_type = Vec<NoteMembers>)]
    notes: List<'a, NoteEntry, NoteMembers<'a>>,
    #[schema(value_type = Option<String>)]
    cancel_reason: Option<Cow<'a, Reason>>,
    #[schema(value_type = DateTime<Utc>)]
    created_at: Wire,
    #[schema(value_type = Option<DateTime<Utc>>)]
    placed_at: Option<Wire>,
    #[schema(value_type = Option<DateTime<Utc>>)]
    confirmed_at: Option<Wire>,
    #[schema(value_type = Option<DateTime<Utc>>)]
    completed_at: Option<Wire>,
    #[schema(value_type = Option<DateTime<Utc>>)]
    cancelled_at: Option<Wire>,
    #[schema(value_type = DateTime<Utc>)]
    updated_at: Wire,
    #[schema(value_type = Vec<String>)]
    allowed_commands: Allowed<'a>,
}

impl<'a> Document<'a> {
    pub(super) fn of(document: &OrderDocument<'a>) -> Self {
        let order = document.order;
        Self {
            order_id: document.order_id,
            status: order.status,
            payment_status: order.payment_status(),
            fulfillment_status: order.fulfillment_status(),
            version: document.version,
            position: document.position,
            customer: Cow::Borrowed(&order.customer),
            currency: order.currency,
            lines: List::State(&order.lines),
            total: Amount::Money(order.total),
            paid: Amount::Money(order.paid),
            refunded: Amount::Money(order.refunded),
            balance_due: Amount::Money(order.balance_due()),
            payments: List::State(&order.payments),
            refunds: List::State(&order.refunds),
            shipments: List::State(&order.shipments),
            notes: List::State(document.notes),
            cancel_reason: order.cancel_reason.as_ref().map(Cow::Borrowed),
            created_at: Wire(order.created_at),
            placed_at: order.placed_at.map(Wire),
            confirmed_at: order.confirmed_at.map(Wire),
            completed_at: order.completed_at.map(Wire),
            cancelled_at: order.cancelled_at.map(Wire),
            updated_at: Wire(order.updated_at),
            allowed_commands: Allowed(Some(order)),
        }
    }

    /// The state and the notes. Members derived from the state are not compared with it.
    pub(super) fn read(self) -> Result<(Order, Vec<NoteEntry>), serde_json::Error> {
        let currency = self.currency;
        let lines = self.lines.read(|line| line.read(currency))?;
        let order = Order {
            status: self.status,
            customer: self.customer.into_owned(),
            currency,
            next_line_id: next_line_id(&lines),
            lines,
            total: self.total.read(currency)?,
            paid: self.paid.read(currency)?,
            refunded: self.refunded.read(currency)?,
            payments: self.payments.read(|payment| payment.read(currency))?.into(),
            refunds: self.refunds.read(|refund| refund.read(currency))?.into(),
            shipments: self.shipments.read(|shipment| Ok(shipment.read()))?.into(),
            cancel_reason: self.cancel_reason.map(Cow::into_owned),
            created_at: self.created_at.0,
            placed_at: self.placed_at.map(|at| at.0),
            confirmed_at: self.confirmed_at.map(|at| at.0),
            completed_at: self.completed_at.map(|at| at.0),
            cancelled_at: self.cancelled_at.map(|at| at.0),
            updated_at: self.updated_at.0,
        };
        let note = |note: NoteMembers<'_>| NoteEntry {
            text: note.text.into_owned(),
            occurred_at: note.occurred_at.0,
        };
        Ok((order, self.notes.read(|members| Ok(note(members)))?))
    }
}

/// A list of the state. It is written from the state's items, without a list of their members, and read as those
/// members.
enum List<'a, T, M> {
    State(&'a [T]),
    Read(Vec<M>),
}

impl<T: Clone, M> List<'_, T, M> {
    fn read(
        self,
        read: impl Fn(M) -> Result<T, serde_json::Error>,
    ) -> Result<Vec<T>, serde_json::Error> {
        match self {
            Self::State(items) => Ok(items.to_vec()),
            Self::Read(items) => items.into_iter().map(read).collect(),
        }
    }
}

impl<'a, T, M: From<&'a T> + Serialize> Serialize for List<'a, T, M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::State(items) => serializer.collect_seq(items.iter().map(M::from)),
            Self::Read(items) => serializer.collect_seq(items),
        }
    }
}

impl<'de, T, M: Deserialize<'de>> Deserialize<'de> for List<'_, T, M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::Read)
    }
}

/// An amount as a decimal string: money when written; when read a text, until the order's currency is known.
enum Amount {
    Money(Money),
    Text(String),
}

impl Amount {
    fn read(self, currency: Currency) -> Result<Money, serde_json::Error> {
        match self {
            Self::Money(money) => Ok(money),
            Self::Text(text) => Money::stored(&text, currency).map_err(serde_json::Error::custom),
        }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Money(money) => serializer.collect_str(money),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::Text)
    }
}

/// The commands that an order allows. They follow from its state, so they are not read.
struct Allowed<'a>(Option<&'a Order>);

impl Serialize for Allowed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(order) = self.0 else { return serializer.collect_seq([""; 0]) };
        let allowed = CommandName::ALL.into_iter().filter(|command| order.allows(*command));
        serializer.collect_seq(allowed.map(CommandName::as_str))
    }
}

impl<'de> Deserialize<'de> for Allowed<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(None))
    }
}

/// A line of an order.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = OrderLine)]
struct LineMembers<'a> {
    line_id: u32,
    #[schema(value_type = String)]
    product_id: Cow<'a, Reference>,
    #[schema(value_type = String)]
    name: Cow<'a, Name>,
    quantity: u32,
    #[schema(value_type = String)]
    unit_price: Amount,
    #[schema(value_type = String)]
    line_total: Amount,
    shipped: u32,
    delivered: u32,
}

impl<'a> From<&'a Line> for LineMembers<'a> {
    fn from(line: &'a Line) -> Self {
        Self {
            line_id: line.line_id,
            product_id: Cow::Borrowed(&line.product_id),
            name: Cow::Borrowed(&line.name),
            quantity: line.quantity,
            unit_price: Amount::Money(line.unit_price),
            line_total: Amount::Money(line.total()),
            shipped: line.shipped,
            delivered: line.delivered,
        }
    }
}

impl LineMembers<'_> {
    fn read(self, currency: Currency) -> Result<Line, serde_json::Error> {
        Ok(Line {
            line_id: self.line_id,
            product_id: self.product_id.into_owned(),
            name: self.name.into_owned(),
            quantity: self.quantity,
            unit_price: self.unit_price.read(currency)?,
            shipped: self.shipped,
            delivered: self.delivered,
        })
    }
}

/// Money that came in.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = OrderPayment)]
struct PaymentMembers<'a> {
    #[schema(value_type = String)]
    payment_id: Cow<'a, Reference>,
    #[schema(value_type = String)]
    amount: Amount,
    #[schema(value_type = Option<String>)]
    method: Option<Cow<'a, Label>>,
    #[schema(value_type = DateTime<Utc>)]
    occurred_at: Wire,
}

impl<'a> From<&'a Payment> for PaymentMembers<'a> {
    fn from(payment: &'a Payment) -> Self {
        Self {
            payment_id: Cow::Borrowed(&payment.payment_id),
            amount: Amount::Money(payment.amount),
            method: payment.method.as_ref().map(Cow::Borrowed),
            occurred_at: Wire(payment.occurred_at),
        }
    }
}

impl PaymentMembers<'_> {
    fn read(self, currency: Currency) -> Result<Payment, serde_json::Error> {
        Ok(Payment {
            payment_id: self.payment_id.into_owned(),
            amount: self.amount.read(currency)?,
            method: self.method.map(Cow::into_owned),
            occurred_at: self.occurred_at.0,
        })
    }
}

/// Money that went back.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = OrderRefund)]
struct RefundMembers<'a> {
    #[schema(value_type = String)]
    refund_id: Cow<'a, Reference>,
    #[schema(value_type = String)]
    amount: Amount,
    #[schema(value_type = Option<String>)]
    reason: Option<Cow<'a, Reason>>,
    #[schema(value_type = DateTime<Utc>)]
    occurred_at: Wire,
}

impl<'a> From<&'a Refund> for RefundMembers<'a> {
    fn from(refund: &'a Refund) -> Self {
        Self {
            refund_id: Cow::Borrowed(&refund.refund_id),
            amount: Amount::Money(refund.amount),
            reason: refund.reason.as_ref().map(Cow::Borrowed),
            occurred_at: Wire(refund.occurred_at),
        }
    }
}

impl RefundMembers<'_> {
    fn read(self, currency: Currency) -> Result<Refund, serde_json::Error> {
        Ok(Refund {
            refund_id: self.refund_id.into_owned(),
            amount: self.amount.read(currency)?,
            reason: self.reason.map(Cow::into_owned),
            occurred_at: self.occurred_at.0,
        })
    }
}

/// A parcel.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = OrderShipment)]
struct ShipmentMembers<'a> {
    #[schema(value_type = String)]
    shipment_id: Cow<'a, Reference>,
    #[schema(value_type = Option<String>)]
    carrier: Option<Cow<'a, Label>>,
    #[schema(value_type = Option<String>)]
    tracking_number: Option<Cow<'a, Label>>,
    #[schema(value_type = Vec<ShippedLine>)]
    lines: Cow<'a, [ShippedLine]>,
    #[schema(value_type = DateTime<Utc>)]
    shipped_at: Wire,
    #[schema(value_type = Option<DateTime<Utc>>)]
    delivered_at: Option<Wire>,
}

impl<'a> From<&'a Shipment> for ShipmentMembers<'a> {
    fn from(shipment: &'a Shipment) -> Self {
        Self {
            shipment_id: Cow::Borrowed(&shipment.shipment_id),
            carrier: shipment.carrier.as_ref().map(Cow::Borrowed),
            tracking_number: shipment.tracking_number.as_ref().map(Cow::Borrowed),
            lines: Cow::Borrowed(&shipment.lines),
            shipped_at: Wire(shipment.shipped_at),
            delivered_at: shipment.delivered_at.map(Wire),
        }
    }
}

impl ShipmentMembers<'_> {
    fn read(self) -> Shipment {
        Shipment {
            shipment_id: self.shipment_id.into_owned(),
            carrier: self.carrier.map(Cow::into_owned),
            tracking_number: self.tracking_number.map(Cow::into_owned),
            lines: self.lines.into_owned(),
            shipped_at: self.shipped_at.0,
            delivered_at: self.delivered_at.map(|at| at.0),
        }
    }
}

/// A note.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = OrderNote)]
pub(super) struct NoteMembers<'a> {
    #[schema(value_type = Option<String>, required = true)] // null once it was erased
    text: Cow<'a, Note>,
    #[schema(value_type = DateTime<Utc>)]
    occurred_at: Wire,
}

impl<'a> From<&'a NoteEntry> for NoteMembers<'a> {
    fn from(note: &'a NoteEntry) -> Self {
        Self { text: Cow::Borrowed(&note.text), occurred_at: Wire(note.occurred_at) }
    }
}
