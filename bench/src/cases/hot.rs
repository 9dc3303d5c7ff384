//! Hot orders: 64 clients add notes to one order, to ten, and to one each, in turn.

use crate::audit;
use crate::client::Client;
use crate::options::Options;
use crate::orders::create_body;
use crate::program::System;
use crate::report::{CaseReport, Figure, Goal};
use anyhow::ensure;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::time::Instant;
use uuid::Uuid;

const CLIENTS: usize = 64;
/// Orders that the clients share.
const ORDERS: [usize; 3] = [CLIENTS, 10, 1];

#[derive(Deserialize)]
struct Order {
    version: u64,
    notes: Vec<IgnoredAny>,
}

pub(super) async fn run(options: &Options, report: &mut CaseReport) -> anyhow::Result<()> {
    let mut runs = ORDERS.map(|_| Vec::new());
    for _ in 0..options.runs {
        for (orders, rates) in ORDERS.into_iter().zip(&mut runs) {
            let system = System::start(options.backend).await?;
            rates.push(share(&system, orders, options).await?);
        }
    }
    let [spread, ten, one] = &runs;
    report.add(Figure::new("add-note, 64 clients, 64 orders (spread)", "commands/s", spread));
    for (name, rates) in [("10 hot orders", ten), ("one hot order", one)] {
        let goal = Some(Goal::AtLeast(0.8));
        let figure = Figure::new(format!("add-note, 64 clients, {name}"), "commands/s", rates);
        report.add(figure.compared_with("spread", spread, goal));
    }
    Ok(())
}

/// The rate at which the clients add notes to `orders` orders.
async fn share(system: &System, orders: usize, options: &Options) -> anyhow::Result<f64> {
    let mut client = Client::connect(&system.commands).await?;
    let order_ids: Vec<Uuid> = (0..orders).map(|_| Uuid::now_v7()).collect();
    for order_id in &order_ids {
        let status = client.post("/v1/orders", create_body(*order_id, 0).as_bytes()).await?.status;
        ensure!(status == 201, "an order was answered {status}");
    }
    let begun = Instant::now();
    let until = begun + options.duration();
    let adding: Vec<_> = (0..CLIENTS)
        .map(|index| (system.commands.clone(), order_ids[index % orders]))
        .map(|(host, order_id)| tokio::spawn(add_notes(host, order_id, until)))
        .collect();
    let mut notes = vec![0; orders];
    for (index, added) in adding.into_iter().enumerate() {
        notes[index % orders] += added.await??;
    }
    let total: u64 = notes.iter().sum();
    let rate = total as f64 / begun.elapsed().as_secs_f64();
    audit::caught_up(&system.views, total + orders as u64).await?;
    for (order_id, notes) in order_ids.iter().zip(notes) {
        read_back(&system.views, *order_id, notes).await?;
    }
    Ok(rate)
}

async fn add_notes(host: String, order_id: Uuid, until: Instant) -> anyhow::Result<u64> {
    let mut client = Client::connect(&host).await?;
    let path = format!("/v1/orders/{order_id}/add-note");
    let mut notes = 0;
    while Instant::now() < until {
        let status = client.post(&path, br#"{"text":"called the customer"}"#).await?.status;
        ensure!(status == 200, "a note was answered {status}");
        notes += 1;
    }
    Ok(notes)
}

/// Each answered note is stored once: as an event of the order and as a note.
async fn read_back(host: &str, order_id: Uuid, notes: u64) -> anyhow::Result<()> {
    let mut client = Client::connect(host).await?;
    let answer = client.get(&format!("/v1/orders/{order_id}"), "").await?;
    let order: Order = serde_json::from_slice(answer.body)?;
    ensure!(order.version == notes + 1, "{notes} notes answered, version {}", order.version);
    let shown = order.notes.len() as u64;
    ensure!(shown == notes, "{notes} notes were answered, {shown} are shown");
    Ok(())
}
