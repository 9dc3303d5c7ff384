//! The load: orders of five steps, each client walking its own orders one after the other.

use crate::client::Client;
use crate::stats::Latencies;
use anyhow::bail;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The five steps of an order, after which it stands at version 6 (the last step also completes it).
pub const STEPS: [(&str, &str); 5] = [
    ("", ""),
    ("/confirm", "{}"),
    ("/record-payment", r#"{"payment_id":"p-1","amount":"44.48","method":"card"}"#),
    ("/ship", r#"{"shipment_id":"s-1","carrier":"post"}"#),
    ("/deliver", r#"{"shipment_id":"s-1"}"#),
];

/// The version after the last step.
pub const LAST_VERSION: u64 = 6;

/// What a stretch of load came to.
#[derive(Debug, Default)]
pub struct Load {
    /// Commands answered with 2xx.
    pub commands: u64,
    /// Orders walked to their end.
    pub finished: Vec<Uuid>,
    /// From sending a command to its answer.
    pub latencies: Latencies,
    /// Seconds from the first command to the last answer.
    pub seconds: f64,
}

impl Load {
    /// Commands answered per second.
    pub fn rate(&self) -> f64 {
        self.commands as f64 / self.seconds
    }
}

/// Drives `clients` connections for about `duration`; every client finishes the order it is at.
///
/// # Errors
/// When a connection breaks or a command is answered with anything but 2xx.
pub async fn drive(host: &str, clients: usize, duration: Duration) -> anyhow::Result<Load> {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|client| tokio::spawn(walk_orders(host.to_owned(), client, begun + duration)))
        .collect();
    let mut load = Load::default();
    for task in tasks {
        let part = task.await??;
        load.commands += part.commands;
        load.finished.extend(part.finished);
        load.latencies.merge(part.latencies);
    }
    load.seconds = begun.elapsed().as_secs_f64();
    Ok(load)
}

async fn walk_orders(host: String, client: usize, until: Instant) -> anyhow::Result<Load> {
    let mut connection = Client::connect(&host).await?;
    let mut load = Load::default();
    while Instant::now() < until {
        let order_id = Uuid::now_v7();
        for (path, body) in STEPS {
            let begun = Instant::now();
            let status = if path.is_empty() {
                connection
                    .post("/v1/orders", create_body(order_id, client).as_bytes())
                    .await?
                    .status
            } else {
                let path = format!("/v1/orders/{order_id}{path}");
                connection.post(&path, body.as_bytes()).await?.status
            };
            if !(200..300).contains(&status) {
                bail!("a command was answered {status}");
            }
            load.latencies.record(begun.elapsed());
            load.commands += 1;
        }
        load.finished.push(order_id);
    }
    Ok(load)
}

/// The body that places an order of two lines worth 44.48 USD.
pub fn create_body(order_id: Uuid, customer: usize) -> String {
    format!(
        r#"{{"order_id":"{order_id}","customer":{{"id":"c-{customer}","name":"Customer {customer}"}},"currency":"USD","lines":[{{"product_id":"tea","name":"Darjeeling 100 g","quantity":2,"unit_price":"14.50"}},{{"product_id":"pot-{}","name":"Tea pot","quantity":1,"unit_price":"15.48"}}]}}"#,
        customer % 50
    )
}
