//! Five-step orders at 1, 64 and 256 clients, every answer durable, views following all the while.

use crate::client::Client;
use crate::orders::{LAST_VERSION, Load, drive};
use crate::program::Program;
use crate::{Options, row};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::time::{Duration, Instant};

/// How many finished orders are read back one by one after each stretch of load.
const CHECKED_ORDERS: usize = 200;

pub(super) async fn run(options: &Options) -> anyhow::Result<()> {
    let program = Program::start().await?;
    let mut events = 0;
    for clients in [1, 64, 256] {
        let mut rates = Vec::new();
        let (mut p50, mut p99, mut drain) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..options.runs {
            let duration = Duration::from_secs(options.seconds);
            let mut load = drive(&program.host, clients, duration).await?;
            rates.push(load.rate());
            p50.push(load.latencies.percentile(50.0));
            p99.push(load.latencies.percentile(99.0));
            events += load.finished.len() as u64 * LAST_VERSION;
            drain.push(check(&program.host, &load, events).await?);
        }
        row(&format!("commands, {clients} clients"), &rates, "commands/s");
        row(&format!("command latency p50, {clients} clients"), &p50, "ms");
        row(&format!("command latency p99, {clients} clients"), &p99, "ms");
        row(&format!("views caught up after the load, {clients} clients"), &drain, "ms");
    }
    let (now, highest) = program.memory_mib();
    row("memory of the server after that load", &[now as f64], "MiB");
    row("memory of the server at its highest", &[highest as f64], "MiB");
    Ok(())
}

/// Nothing missing, nothing doubled: the views reach exactly the events that the answers add up to, and finished
/// orders stand at their last version. Returns how long the views took to catch up, in milliseconds.
pub(super) async fn check(host: &str, load: &Load, events: u64) -> anyhow::Result<f64> {
    let mut client = Client::connect(host).await?;
    let begun = Instant::now();
    let token = format!("Consistency-Token: {events}\r\nPrefer: wait=30");
    let caught_up = client.get("/v1/orders?limit=1", &token).await?.status;
    let waited = begun.elapsed().as_secs_f64() * 1000.0;
    ensure!(caught_up == 200, "the views did not reach event {events}: {caught_up}");
    let beyond = client.get(&format!("/v1/events?after={events}&limit=1"), "").await?;
    let page: Value = serde_json::from_slice(beyond.body)?;
    let extra = page["data"].as_array().context("no data")?.len();
    ensure!(extra == 0, "the log holds more than the {events} events that were answered");
    for order_id in load.finished.iter().rev().take(CHECKED_ORDERS) {
        let answer = client.get(&format!("/v1/orders/{order_id}"), "").await?;
        let order: Value = serde_json::from_slice(answer.body)?;
        ensure!(order["version"] == LAST_VERSION, "{order_id} stands at {}", order["version"]);
        ensure!(order["status"] == "completed", "{order_id} is {}", order["status"]);
    }
    Ok(waited)
}
