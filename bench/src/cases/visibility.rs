//! From a command's 2xx to the moment a GET shows its effect, at a steady rate of commands.

use crate::client::Client;
use crate::orders::create_body;
use crate::program::Program;
use crate::stats::Latencies;
use crate::{Options, row};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Commands per second while it is measured.
const RATE: u32 = 1000;
/// Connections that share the rate.
const CLIENTS: u32 = 8;

pub(super) async fn run(options: &Options) -> anyhow::Result<()> {
    let program = Program::start().await?;
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    for _ in 0..options.runs {
        let until = Instant::now() + Duration::from_secs(options.seconds);
        let tasks: Vec<_> =
            (0..CLIENTS).map(|_| tokio::spawn(probe(program.host.clone(), until))).collect();
        let mut latencies = Latencies::default();
        for task in tasks {
            latencies.merge(task.await??);
        }
        p50.push(latencies.percentile(50.0));
        p99.push(latencies.percentile(99.0));
    }
    row("2xx to visible in the view, p50, 1,000 commands/s", &p50, "ms");
    row("2xx to visible in the view, p99, 1,000 commands/s", &p99, "ms");
    Ok(())
}

/// Places orders at its share of the rate; after each, asks for it with the answer's position as token.
async fn probe(host: String, until: Instant) -> anyhow::Result<Latencies> {
    let mut client = Client::connect(&host).await?;
    let mut latencies = Latencies::default();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) * CLIENTS / RATE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while Instant::now() < until {
        ticks.tick().await;
        let order_id = Uuid::now_v7();
        let answer = client.post("/v1/orders", create_body(order_id, 7).as_bytes()).await?;
        let answered = Instant::now();
        let body: Value = serde_json::from_slice(answer.body)?;
        let position = body["position"].as_u64().context("an answer without position")?;
        let token = format!("Consistency-Token: {position}");
        let seen = client.get(&format!("/v1/orders/{order_id}"), &token).await?.status;
        ensure!(seen == 200, "the order was not visible: {seen}");
        latencies.record(answered.elapsed());
    }
    Ok(latencies)
}
