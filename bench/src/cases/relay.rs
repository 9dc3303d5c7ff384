//! The relay alone: from a full log in PostgreSQL to a topic with all its events, acknowledged.

use crate::client::Client;
use crate::options::Options;
use crate::program::{Backend, Data, relay};
use crate::report::{CaseReport, Figure, table};
use anyhow::{Context, bail};
use std::time::{Duration, Instant};

/// The interval between looks at its checkpoint.
const ASKING: Duration = Duration::from_millis(5);
/// The most looks.
const ASKED: usize = 60_000;
/// The metric of the relay for its acknowledged position.
const CHECKPOINT: &str = "relay_checkpoint_position ";

pub(super) async fn run(options: &Options, report: &mut CaseReport) -> anyhow::Result<()> {
    let mut rates = Vec::new();
    for _ in 0..options.runs {
        let data = super::seed::orders(Backend::Kafka, options.events).await?;
        let Data::Databases { events, broker: Some(broker), .. } = &data else {
            unreachable!("asked for with a broker")
        };
        let begun = Instant::now();
        let (_relay, host) = relay(events, broker).await?;
        published(&host, options.events).await?;
        rates.push(options.events as f64 / begun.elapsed().as_secs_f64());
    }
    let events = table::number(options.events as f64);
    let name = format!("the relay, {events} events from start to the last acknowledged");
    report.add(Figure::new(name, "events/s", &rates));
    Ok(())
}

/// Waits until the relay has published up to a position.
async fn published(host: &str, position: u64) -> anyhow::Result<()> {
    let mut client = Client::connect(host).await?;
    for _ in 0..ASKED {
        let answer = client.get("/metrics", "").await?;
        let metrics = std::str::from_utf8(answer.body).context("metrics are text")?;
        let reached = metrics.lines().find_map(|line| line.strip_prefix(CHECKPOINT));
        if reached.is_some_and(|reached| reached.trim().parse() == Ok(position as f64)) {
            return Ok(());
        }
        tokio::time::sleep(ASKING).await;
    }
    bail!("the relay does not come to position {position}")
}
