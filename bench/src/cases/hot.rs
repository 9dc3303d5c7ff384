//! One hot order: 64 clients add notes to the same stream.

use crate::client::Client;
use crate::orders::create_body;
use crate::program::Program;
use crate::{Options, row};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::time::{Duration, Instant};
use uuid::Uuid;

const CLIENTS: usize = 64;

pub(super) async fn run(options: &Options) -> anyhow::Result<()> {
    let mut rates = Vec::new();
    for _ in 0..options.runs {
        let program = Program::start().await?;
        rates.push(one_order(&program.host, Duration::from_secs(options.seconds)).await?);
    }
    row("one hot order (add-note), 64 clients", &rates, "commands/s");
    Ok(())
}

async fn one_order(host: &str, duration: Duration) -> anyhow::Result<f64> {
    let order_id = Uuid::now_v7();
    let mut client = Client::connect(host).await?;
    let created = client.post("/v1/orders", create_body(order_id, 0).as_bytes()).await?.status;
    ensure!(created == 201, "the order was answered {created}");
    let begun = Instant::now();
    let tasks: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::spawn(add_notes(host.to_owned(), order_id, begun + duration)))
        .collect();
    let mut notes = 0;
    for task in tasks {
        notes += task.await??;
    }
    let rate = notes as f64 / begun.elapsed().as_secs_f64();
    let head = notes + 1;
    let token = format!("Consistency-Token: {head}\r\nPrefer: wait=30");
    let answer = client.get(&format!("/v1/orders/{order_id}"), &token).await?;
    let order: Value = serde_json::from_slice(answer.body)?;
    ensure!(order["version"] == head, "{notes} notes were answered, version {}", order["version"]);
    let shown = order["notes"].as_array().context("no notes")?.len() as u64;
    ensure!(shown == notes, "{notes} notes were answered, {shown} are shown");
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
