//! Rebuild of all projections, while the system serves.

use super::copying::{read_and_copy, read_and_insert};
use crate::audit;
use crate::options::Options;
use crate::orders::drive;
use crate::program::{Backend, Data, System};
use crate::report::{CaseReport, Figure, Goal, table};
use std::time::Duration;

/// Clients that fill the log.
const CLIENTS: usize = 64;
/// How long each fills it before its events are counted.
const FILLING: Duration = Duration::from_secs(2);

pub(super) async fn run(options: &Options, report: &mut CaseReport) -> anyhow::Result<()> {
    let system = System::start(options.backend).await?;
    let mut events = 0;
    while events < options.events {
        let load = drive(&system.commands, CLIENTS, FILLING).await?;
        (events, _) = audit::check(&system.views, &load, events).await?;
    }
    let (mut rates, mut copied) = (Vec::new(), Vec::new());
    for _ in 0..options.runs {
        rates.push(events as f64 / system.rebuild().await?.as_secs_f64());
        let alone = match &system.data {
            Data::Folder(folder) => read_and_insert(folder.path()).await?,
            Data::Databases { events, views, .. } => read_and_copy(events, views).await?,
        };
        copied.push(events as f64 / alone.as_secs_f64());
    }
    let (goal, other, bound) = match options.backend {
        Backend::Sqlite => {
            (Goal::AtLeast(150_000.0), "events read and rows inserted by SQLite alone", None)
        }
        Backend::Postgres | Backend::Kafka => {
            let within_twice = Some(Goal::AtLeast(0.5));
            (Goal::AtLeast(100_000.0), "events read and rows COPYed alone", within_twice)
        }
    };
    let events = table::number(events as f64);
    let name = format!("rebuild of all projections, {events} events, while serving");
    let figure = Figure::new(name, "events/s", &rates).goal(goal);
    report.add(figure.compared_with(other, &copied, bound));
    Ok(())
}
