//! How far views fall behind while commands come at the highest rate, how soon they catch up afterwards, and the memory
//! of the programs during the load.

use crate::audit;
use crate::client::Client;
use crate::options::Options;
use crate::orders::{Answered, drive_watched};
use crate::program::System;
use crate::report::{CaseReport, Figure, Goal};
use serde::Deserialize;
use std::sync::atomic::Ordering;
use std::time::Duration;

const CLIENTS: usize = 64;
/// The interval between samples of lag and memory.
const SAMPLING: Duration = Duration::from_millis(100);

#[derive(Deserialize)]
struct Projection {
    position: u64,
}

/// The highest values of the samples.
#[derive(Default)]
struct Highest {
    events: u64,
    memory: Vec<f64>,
}

pub(super) async fn run(options: &Options, report: &mut CaseReport) -> anyhow::Result<()> {
    let data = super::seed::orders(options.backend, options.events).await?;
    let system = System::start_on(data).await?;
    let mut position = options.events;
    audit::caught_up_at_last(&system.views, position).await?;
    let (mut lag, mut drained) = (Vec::new(), Vec::new());
    let mut memory: Vec<_> = system.processes().iter().map(|_| Vec::new()).collect();
    for _ in 0..options.runs {
        let answered = Answered::default();
        let load = drive_watched(&system.commands, CLIENTS, options.duration(), &answered);
        tokio::pin!(load);
        let mut highest = Highest::default();
        let load = loop {
            tokio::select! {
                load = &mut load => break load?,
                () = tokio::time::sleep(SAMPLING) => highest.look(&system, &answered).await?,
            }
        };
        let (end, waited) = audit::check(&system.views, &load, position).await?;
        position = end;
        lag.push(highest.events as f64);
        drained.push(waited);
        memory.iter_mut().zip(highest.memory).for_each(|(runs, mib)| runs.push(mib));
    }
    let name = "views behind the answers at the highest rate, most";
    report.add(Figure::new(name, "events", &lag));
    let name = "views caught up after the load";
    report.add(Figure::new(name, "ms", &drained).goal(Goal::AtMost(1000.0)));
    for (process, mib) in system.processes().iter().zip(memory) {
        let name = format!(
            "memory of {} at the highest rate, {} orders stored before",
            process.name(),
            crate::report::table::number(options.events as f64)
        );
        report.add(Figure::new(name, "MiB", &mib).goal(Goal::AtMost(300.0)));
    }
    Ok(())
}

impl Highest {
    async fn look(&mut self, system: &System, answered: &Answered) -> anyhow::Result<()> {
        let mut client = Client::connect(&system.views).await?;
        // Read first, so that the lag is never overestimated.
        let answered = answered.load(Ordering::Relaxed);
        let answer = client.get("/v1/projections", "").await?;
        let projections: Vec<Projection> = serde_json::from_slice(answer.body)?;
        for projection in projections {
            self.events = self.events.max(answered.saturating_sub(projection.position));
        }
        let now = system.processes().iter().map(|process| process.memory_mib().unwrap_or(0.0));
        self.memory.resize(system.processes().len(), 0.0);
        self.memory.iter_mut().zip(now).for_each(|(highest, now)| *highest = highest.max(now));
        Ok(())
    }
}
