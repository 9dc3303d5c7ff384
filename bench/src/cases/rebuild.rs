//! Rebuild of all projections, while the server serves.

use super::commands::check;
use crate::orders::{LAST_VERSION, drive};
use crate::program::Program;
use crate::{Options, row};
use std::time::Duration;

/// Clients that fill the log.
const CLIENTS: usize = 64;

pub(super) async fn run(options: &Options) -> anyhow::Result<()> {
    let program = Program::start().await?;
    let mut events = 0;
    while events < options.events {
        let load = drive(&program.host, CLIENTS, Duration::from_secs(2)).await?;
        events += load.finished.len() as u64 * LAST_VERSION;
        check(&program.host, &load, events).await?;
    }
    let mut rates = Vec::new();
    for _ in 0..options.runs {
        let took = program.run(&["--rebuild", "--data-dir", program.data_dir()?]).await?;
        rates.push(events as f64 / took.as_secs_f64());
    }
    row(&format!("rebuild of all projections, {events} events, serving"), &rates, "events/s");
    Ok(())
}
