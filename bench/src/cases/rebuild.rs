//! Rebuild of all projections, while the system serves.

use crate::audit;
use crate::options::Options;
use crate::orders::drive;
use crate::program::{Backend, System};
use crate::report::{CaseReport, Figure, Goal, table};
use std::time::Duration;

/// Clients that fill the log.
const CLIENTS: usize = 64;
/// How long each fills it before what is there is counted.
const FILLING: Duration = Duration::from_secs(2);

pub(super) async fn run(options: &Options, report: &mut CaseReport) -> anyhow::Result<()> {
    let system = System::start(options.backend).await?;
    let mut events = 0;
    while events < options.events {
        let load = drive(&system.commands, CLIENTS, FILLING).await?;
        (events, _) = audit::check(&system.views, &load, events).await?;
    }
    let mut rates = Vec::new();
    for _ in 0..options.runs {
        rates.push(events as f64 / system.rebuild().await?.as_secs_f64());
    }
    let goal = match options.backend {
        Backend::Sqlite => Goal::AtLeast(150_000.0),
        Backend::Postgres | Backend::Kafka => Goal::AtLeast(100_000.0),
    };
    let events = table::number(events as f64);
    let name = format!("rebuild of all projections, {events} events, while serving");
    report.add(Figure::new(name, "events/s", &rates).goal(goal));
    Ok(())
}
