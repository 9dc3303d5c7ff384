//! Makes the rows of orders from their states.

use super::listed::Listed;
use super::state::{Indexed, State, listed_at};
use domain::order::document::micros::Wire;
use domain::order::{NoteEntry, Order, OrderDocument};
use domain::{Money, Note, Timestamp};
use event_store::RecordedEvent;
use read_model::write::orders::{OrderProductRow, OrderRow, OrderVersionRow, OrdersChanges};
use serde::Serialize;
use uuid::Uuid;

/// Adds the row of an order that a batch has touched, and its entries in the index of products.
pub(super) fn finish(order_id: Uuid, state: &mut State, changes: &mut OrdersChanges) {
    let (Some(order), Some(listed)) = (&state.order, state.listed) else { return };
    let row = row(order_id, state, order, listed);
    if state.stored && !state.reshaped {
        changes.moved.push(row);
    } else {
        changes.shaped.push(row);
    }
    if let Some(before) = state.indexed.take() {
        index(order_id, before, Indexed::of(Some(order)), changes);
    }
    state.stored = true;
    state.reshaped = false;
}

fn index(order_id: Uuid, before: Indexed, after: Indexed, changes: &mut OrdersChanges) {
    let row = |product_id, listed_at| OrderProductRow { product_id, listed_at, order_id };
    let same_time = before.listed_at == after.listed_at;
    let still =
        |product: &String, others: &[String]| same_time && others.binary_search(product).is_ok();
    for product in &before.products {
        if !still(product, &after.products) {
            changes.products_gone.push(row(product.clone(), before.listed_at));
        }
    }
    for product in after.products {
        if !still(&product, &before.products) {
            changes.products.push(row(product, after.listed_at));
        }
    }
}

fn row(order_id: Uuid, state: &State, order: &Order, listed: Listed) -> OrderRow {
    let document = OrderDocument {
        order_id,
        version: state.version,
        position: state.position,
        order,
        notes: &[],
    };
    OrderRow {
        order_id,
        version: state.version,
        position: state.position,
        begun_position: state.begun_position,
        status: listed.status.code(),
        payment_status: listed.payment.code(),
        fulfillment_status: listed.fulfillment.code(),
        customer_id: order.customer.id.as_str().to_owned(),
        currency: order.currency.code(),
        total: listed.total,
        created_at: order.created_at.timestamp_micros(),
        placed_at: order.placed_at.map(|at| at.timestamp_micros()),
        listed_at: listed_at(order),
        summary: summary(order_id, state.version, order, listed),
        document: String::from_utf8(document.to_json()).expect("JSON is UTF-8"),
    }
}

pub(super) fn version(
    before: Option<Listed>,
    after: Listed,
    recorded: &RecordedEvent,
) -> OrderVersionRow {
    OrderVersionRow {
        order_id: recorded.stream.id,
        version: recorded.version,
        occurred_at: recorded.occurred_at.timestamp_micros(),
        status: after.status.code(),
        payment_status: after.payment.code(),
        fulfillment_status: after.fulfillment.code(),
        was_status: before.map(|before| before.status.code()),
        was_payment_status: before.map(|before| before.payment.code()),
        was_fulfillment_status: before.map(|before| before.fulfillment.code()),
        total: after.total,
        paid: after.paid,
        refunded: after.refunded,
        line_count: after.line_count,
        units: after.units,
    }
}

/// An order as lists show it.
#[derive(Serialize)]
struct Summary<'a> {
    order_id: Uuid,
    status: &'static str,
    payment_status: &'static str,
    fulfillment_status: &'static str,
    version: u64,
    customer: SummaryCustomer<'a>,
    currency: &'static str,
    total: Amount,
    paid: Amount,
    refunded: Amount,
    balance_due: Amount,
    line_count: u32,
    units: u64,
    created_at: Wire,
    placed_at: Option<Wire>,
    updated_at: Wire,
}

#[derive(Serialize)]
struct SummaryCustomer<'a> {
    id: &'a str,
    name: Option<&'a str>,
}

/// Money in its wire format.
struct Amount(Money);

impl Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

fn summary(order_id: Uuid, version: u64, order: &Order, listed: Listed) -> String {
    let summary = Summary {
        order_id,
        status: listed.status.as_str(),
        payment_status: listed.payment.as_str(),
        fulfillment_status: listed.fulfillment.as_str(),
        version,
        customer: SummaryCustomer {
            id: order.customer.id.as_str(),
            name: order.customer.name.as_ref().map(|name| name.as_str()),
        },
        currency: order.currency.code(),
        total: Amount(order.total),
        paid: Amount(order.paid),
        refunded: Amount(order.refunded),
        balance_due: Amount(order.balance_due()),
        line_count: listed.line_count,
        units: listed.units,
        created_at: Wire(order.created_at),
        placed_at: order.placed_at.map(Wire),
        updated_at: Wire(order.updated_at),
    };
    serde_json::to_string(&summary).expect("texts, numbers and times always serialise")
}

/// A note as the order document shows it.
pub(super) fn note(text: &Note, at: Timestamp) -> String {
    NoteEntry { text: text.clone(), occurred_at: at }.to_json()
}
