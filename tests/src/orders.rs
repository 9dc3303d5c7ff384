//! Bodies of commands, and the few sequences of commands with which many tests begin.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{Answer, Client};

/// A line.
pub fn line(product: &str, quantity: u32, unit_price: &str) -> Value {
    json!({"product_id": product, "name": format!("Product {product}"),
        "quantity": quantity, "unit_price": unit_price})
}

/// The body of an order in USD that is placed at once: two lines, 2 × 14.50 + 1 × 5.00 = 34.00.
pub fn placed(order: Uuid, customer: &str) -> Value {
    json!({"order_id": order, "customer": {"id": customer}, "currency": "USD",
        "lines": [line("tea", 2, "14.50"), line("cup", 1, "5.00")]})
}

/// The total of [`placed`].
pub const PLACED_TOTAL: &str = "34.00";

/// A new id.
pub fn new_id() -> Uuid {
    Uuid::new_v4()
}

/// The path of a command.
pub fn path(order: Uuid, command: &str) -> String {
    format!("/v1/orders/{order}/{command}")
}

/// Sends one command to an order.
pub async fn command(client: &Client, order: Uuid, name: &str, body: Value) -> Answer {
    client.post(&path(order, name), &body).await
}

/// Places a new order of [`placed`]; returns its id and the answer.
pub async fn place(client: &Client, customer: &str) -> (Uuid, Answer) {
    let order = new_id();
    let answer = client.post("/v1/orders", &placed(order, customer)).await;
    answer.expect(201);
    (order, answer)
}

/// Applies these commands, each of which must succeed; returns the last answer.
///
/// # Panics
/// When one is refused, or the list is empty.
pub async fn apply(client: &Client, order: Uuid, commands: &[(&str, Value)]) -> Answer {
    let mut last = None;
    for (name, body) in commands {
        let answer = command(client, order, name, body.clone()).await;
        answer.ok();
        last = Some(answer);
    }
    last.expect("there is at least one command")
}

/// The commands that take an order of [`placed`] to just before its last delivery.
pub fn until_delivery() -> [(&'static str, Value); 3] {
    [
        ("confirm", json!({})),
        (
            "record-payment",
            json!({"payment_id": "pay-1", "amount": PLACED_TOTAL, "method": "card"}),
        ),
        ("ship", json!({"shipment_id": "ship-1", "carrier": "post"})),
    ]
}
