//! The order document, member by member, as the contract shows it.

use super::fact::{Time, wire};
use super::money::show;
use super::order::{Order, Shipment};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The document of an order at a version; lists whose order the contract leaves open are sorted, see [`sorted`].
pub fn compose(id: Uuid, version: u64, position: u64, order: &Order) -> Value {
    let amount = |minor: i128| json!(show(minor, &order.currency));
    let money = |entries: &[super::order::Money], id: &str, text: &str| -> Vec<Value> {
        let entry = |entry: &super::order::Money| {
            json!({id: entry.id, "amount": amount(entry.amount), text: entry.text,
                "occurred_at": wire(entry.at)})
        };
        entries.iter().map(entry).collect()
    };
    let (shipped, delivered) = (order.shipped(), order.delivered());
    let lines = order.lines.iter().map(|line| {
        json!({"line_id": line.line_id, "product_id": line.product_id, "name": line.name,
            "quantity": line.quantity, "unit_price": amount(line.unit_price),
            "line_total": amount(line.total()),
            "shipped": shipped.get(&line.line_id).unwrap_or(&0),
            "delivered": delivered.get(&line.line_id).unwrap_or(&0)})
    });
    let notes =
        order.notes.iter().map(|(text, at)| json!({"text": text, "occurred_at": wire(*at)}));
    let mut allowed = allowed(order);
    allowed.sort_unstable();
    json!({
        "order_id": id, "status": order.status.name(),
        "payment_status": order.payment_status(), "fulfillment_status": order.fulfillment_status(),
        "version": version, "position": position,
        "customer": {"id": order.customer.id, "name": order.customer.name, "email": order.customer.email},
        "currency": order.currency, "lines": lines.collect::<Vec<_>>(),
        "total": amount(order.total()), "paid": amount(order.paid()),
        "refunded": amount(order.refunded()), "balance_due": amount(order.balance_due()),
        "payments": money(&order.payments, "payment_id", "method"),
        "refunds": money(&order.refunds, "refund_id", "reason"),
        "shipments": order.shipments.iter().map(shipment).collect::<Vec<_>>(),
        "notes": notes.collect::<Vec<_>>(), "cancel_reason": order.cancel_reason,
        "created_at": wire(order.created_at), "placed_at": maybe(order.placed_at),
        "confirmed_at": maybe(order.confirmed_at), "completed_at": maybe(order.completed_at),
        "cancelled_at": maybe(order.cancelled_at), "updated_at": wire(order.updated_at),
        "allowed_commands": allowed,
    })
}

fn shipment(shipment: &Shipment) -> Value {
    let mut lines = shipment.lines.clone();
    lines.sort_unstable();
    let line = |(line_id, quantity): &(u64, u64)| json!({"line_id": line_id, "quantity": quantity});
    json!({"shipment_id": shipment.id, "carrier": shipment.carrier,
        "tracking_number": shipment.tracking, "lines": lines.iter().map(line).collect::<Vec<_>>(),
        "shipped_at": wire(shipment.shipped_at), "delivered_at": maybe(shipment.delivered_at)})
}

fn maybe(time: Option<Time>) -> Value {
    time.map_or(Value::Null, |time| json!(wire(time)))
}

/// The commands for which some body is accepted and records something new.
pub fn allowed(order: &Order) -> Vec<&'static str> {
    use super::order::Status::*;
    let nothing_shipped = order.shipments.is_empty();
    let under_way = order.shipments.iter().any(|shipment| shipment.delivered_at.is_none());
    let lines = !order.lines.is_empty();
    let candidates = [
        ("add-line", order.status == Draft),
        ("change-line-quantity", order.status == Draft && lines),
        ("remove-line", order.status == Draft && lines),
        ("place", order.status == Draft && lines),
        ("discard", order.status == Draft),
        ("confirm", order.status == Placed),
        ("record-payment", !matches!(order.status, Draft | Discarded)),
        ("record-refund", order.paid() > order.refunded()),
        ("ship", order.status == Confirmed && !order.remaining().is_empty()),
        ("deliver", under_way),
        ("cancel", matches!(order.status, Placed | Confirmed) && nothing_shipped),
        ("add-note", true),
    ];
    candidates.iter().filter(|(_, allowed)| *allowed).map(|(name, _)| *name).collect()
}

/// A served document, with its lists sorted if the contract leaves their order open.
pub fn sorted(mut document: Value) -> Value {
    let text = |value: &Value| value.to_string();
    if let Some(allowed) = document["allowed_commands"].as_array_mut() {
        allowed.sort_by_key(text);
    }
    for shipment in document["shipments"].as_array_mut().into_iter().flatten() {
        if let Some(lines) = shipment["lines"].as_array_mut() {
            lines.sort_by_key(|line| line["line_id"].as_u64());
        }
    }
    document
}

/// The members in which two documents differ, with what was expected and what came.
pub fn differences(expected: &Value, got: &Value) -> Option<String> {
    if expected == got {
        return None;
    }
    let (Some(wanted), Some(given)) = (expected.as_object(), got.as_object()) else {
        return Some(format!("expected {expected}\n     got {got}"));
    };
    let names: std::collections::BTreeSet<&String> = wanted.keys().chain(given.keys()).collect();
    let member = |of: &Map<String, Value>, name: &str| {
        of.get(name).map_or("nothing".to_owned(), Value::to_string)
    };
    let differing = names.into_iter().filter(|name| wanted.get(*name) != given.get(*name));
    let lines = differing.map(|name| {
        format!("`{name}`: expected {}\n     got {}", member(wanted, name), member(given, name))
    });
    Some(lines.collect::<Vec<_>>().join("\n"))
}
