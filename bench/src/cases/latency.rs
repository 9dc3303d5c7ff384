//! Latency under a load that the program can bear: 70 % of the highest rate measured right before, sent at fixed
//! moments. A command is timed from when it was due, so a stall of the program or the client hides nothing.

use crate::audit;
use crate::options::Options;
use crate::orders::{drive, pace};
use crate::program::{Backend, System};
use crate::report::{CaseReport, Figure, Goal, Histogram};
use crate::stats::Latencies;

const CLIENTS: usize = 64;
const SHARE: f64 = 0.7;

pub(super) async fn run(options: &Options, report: &mut CaseReport) -> anyhow::Result<()> {
    let system = System::start(options.backend).await?;
    let (mut highest, mut paced, mut percentiles) =
        (Vec::new(), Vec::new(), [(); 3].map(|()| vec![]));
    let mut all = Latencies::default();
    let mut events = 0;
    for _ in 0..options.runs {
        let load = drive(&system.commands, CLIENTS, options.duration()).await?;
        (events, _) = audit::check(&system.views, &load, events).await?;
        highest.push(load.rate());
        let rate = load.rate() * SHARE;
        let mut load = pace(&system.commands, CLIENTS, rate, options.duration()).await?;
        (events, _) = audit::check(&system.views, &load, events).await?;
        paced.push(load.rate());
        for (runs, percent) in percentiles.iter_mut().zip([50.0, 99.0, 99.9]) {
            runs.push(load.latencies.percentile(percent));
        }
        all.merge(load.latencies);
    }
    let goal = match options.backend {
        Backend::Sqlite => Goal::AtMost(10.0),
        Backend::Postgres | Backend::Kafka => Goal::AtMost(20.0),
    };
    let [p50, p99, p999] = &percentiles;
    report.add(Figure::new("highest rate, 64 clients", "commands/s", &highest));
    let name = "rate sent, 70 % of that";
    report.add(Figure::new(name, "commands/s", &paced).compared_with(
        "highest rate",
        &highest,
        None,
    ));
    report.add(Figure::new("from due to answer, p50", "ms", p50));
    report.add(Figure::new("from due to answer, p99", "ms", p99).goal(goal));
    report.add(Figure::new("from due to answer, p99.9", "ms", p999));
    let title = "Command latency at 70 % of the highest rate, 64 clients".to_owned();
    report.histogram = Some(Histogram { title, buckets: all.buckets() });
    Ok(())
}
