//! From exec to ready, on an existing log and views.

use crate::audit;
use crate::client::Client;
use crate::options::Options;
use crate::program::{Data, System};
use crate::report::{CaseReport, Figure, Goal, table};
use anyhow::ensure;
use std::time::{Duration, Instant};

/// The interval between requests to `/readyz`.
const ASKING: Duration = Duration::from_millis(1);
/// The most requests.
const ASKED: usize = 60_000;

pub(super) async fn run(options: &Options, report: &mut CaseReport) -> anyhow::Result<()> {
    let mut data = super::seed::orders(options.backend, options.events).await?;
    let system = System::start_on(data).await?;
    audit::caught_up_at_last(&system.views, options.events).await?;
    data = system.stop().await?;
    let mut seconds = Vec::new();
    for _ in 0..options.runs {
        let (system, took) = ready(data).await?;
        seconds.push(took);
        data = system.stop().await?;
    }
    let name = format!("start to ready on {} events", table::number(options.events as f64));
    report.add(Figure::new(name, "s", &seconds).goal(Goal::AtMost(1.0)));
    Ok(())
}

/// Starts the system; returns the seconds until commands and views are ready.
pub(super) async fn ready(data: Data) -> anyhow::Result<(System, f64)> {
    let begun = Instant::now();
    let system = System::start_on(data).await?;
    for host in [&system.commands, &system.views] {
        let mut client = Client::connect(host).await?;
        let mut asked = 0;
        while client.get("/readyz", "").await?.status != 200 {
            asked += 1;
            ensure!(asked < ASKED, "the server does not become ready");
            tokio::time::sleep(ASKING).await;
        }
    }
    let took = begun.elapsed().as_secs_f64();
    Ok((system, took))
}
