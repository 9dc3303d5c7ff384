//! From a command's 2xx to the moment a GET shows its effect, at a steady rate of commands.

use crate::audit;
use crate::client::Client;
use crate::options::Options;
use crate::orders::create_body;
use crate::program::{Backend, System};
use crate::report::{CaseReport, Figure, Goal};
use crate::stats::Latencies;
use anyhow::ensure;
use serde::Deserialize;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Commands per second during the measurement.
const RATE: u32 = 1000;
/// Connections that share the rate.
const CLIENTS: u32 = 8;

/// How long the first order may take to be visible.
const JOINING: Duration = Duration::from_secs(60);
/// The interval between requests for it.
const ASKING: Duration = Duration::from_millis(20);

#[derive(Deserialize)]
struct Accepted {
    position: u64,
}

pub(super) async fn run(options: &Options, report: &mut CaseReport) -> anyhow::Result<()> {
    let system = System::start(options.backend).await?;
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    let mut orders = first_visible(&system).await?;
    for _ in 0..options.runs {
        let until = Instant::now() + options.duration();
        let probes: Vec<_> = (0..CLIENTS)
            .map(|_| (system.commands.clone(), system.views.clone()))
            .map(|(commands, views)| tokio::spawn(probe(commands, views, until)))
            .collect();
        let mut latencies = Latencies::default();
        for probe in probes {
            latencies.merge(probe.await??);
        }
        orders += latencies.count();
        audit::ends_at(&system.views, orders).await?;
        p50.push(latencies.percentile(50.0));
        p99.push(latencies.percentile(99.0));
    }
    let goal = match options.backend {
        Backend::Sqlite => Goal::AtMost(10.0),
        Backend::Postgres => Goal::AtMost(20.0),
        Backend::Kafka => Goal::AtMost(50.0),
    };
    report.add(Figure::new("2xx to visible in the view, 1,000 commands/s, p50", "ms", &p50));
    let name = "2xx to visible in the view, 1,000 commands/s, p99";
    report.add(Figure::new(name, "ms", &p99).goal(goal));
    Ok(())
}

/// Places one order and waits until it is visible: a projector that joins a group needs seconds to get its partitions.
/// Returns the number of orders then.
async fn first_visible(system: &System) -> anyhow::Result<u64> {
    let mut writing = Client::connect(&system.commands).await?;
    let mut reading = Client::connect(&system.views).await?;
    let order_id = Uuid::now_v7();
    let answer = writing.post("/v1/orders", create_body(order_id, 7).as_bytes()).await?;
    ensure!(answer.status == 201, "an order was answered {}", answer.status);
    let begun = Instant::now();
    while reading.get(&format!("/v1/orders/{order_id}"), "").await?.status != 200 {
        ensure!(begun.elapsed() < JOINING, "the first order does not become visible");
        tokio::time::sleep(ASKING).await;
    }
    Ok(1)
}

/// Places orders at its share of the rate. After each, it requests the order with the answer's position as token.
async fn probe(commands: String, views: String, until: Instant) -> anyhow::Result<Latencies> {
    let mut writing = Client::connect(&commands).await?;
    let mut reading = Client::connect(&views).await?;
    let mut latencies = Latencies::default();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) * CLIENTS / RATE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while Instant::now() < until {
        ticks.tick().await;
        let order_id = Uuid::now_v7();
        let answer = writing.post("/v1/orders", create_body(order_id, 7).as_bytes()).await?;
        let answered = Instant::now();
        ensure!(answer.status == 201, "an order was answered {}", answer.status);
        let Accepted { position } = serde_json::from_slice(answer.body)?;
        let token = format!("Consistency-Token: {position}");
        let seen = reading.get(&format!("/v1/orders/{order_id}"), &token).await?.status;
        ensure!(seen == 200, "the order was not visible: {seen}");
        latencies.record(answered.elapsed());
    }
    Ok(latencies)
}
