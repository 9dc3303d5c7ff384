//! Import of a file of orders into a running server.

use super::seed;
use crate::audit;
use crate::options::Options;
use crate::program::{Backend, System};
use crate::report::{CaseReport, Figure, Goal};
use anyhow::Context;
use std::io::Write;
use std::path::Path;

/// The number of orders in the generated file, if there is no real one.
const MADE_ORDERS: u64 = 20_000;
/// Commands of the real file: 19,959 orders and 100 cancellations, one event each.
const REAL_COMMANDS: u64 = 20_059;

pub(super) async fn run(options: &Options, report: &mut CaseReport) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (file, name, commands) = match &options.real_data {
        Some(data) => (
            data.join("online-retail.ndjson.gz"),
            "20,059 real commands, 520,070 lines",
            REAL_COMMANDS,
        ),
        None => {
            let file = folder.path().join("orders.ndjson");
            make(&file)?;
            (file, "20,000 made orders of two lines", MADE_ORDERS)
        }
    };
    let file = file.to_str().context("the file's path is not UTF-8")?;
    let mut seconds = Vec::new();
    for _ in 0..options.runs {
        let system = System::start(options.backend).await?;
        seconds.push(system.import(file).await?.as_secs_f64());
        audit::caught_up_at_last(&system.views, commands).await?;
        audit::ends_at(&system.views, commands).await?;
    }
    let figure = Figure::new(format!("import of {name}"), "s", &seconds);
    report.add(match (&options.real_data, options.backend) {
        (Some(_), Backend::Sqlite) => figure.goal(Goal::AtMost(6.0)),
        (Some(_), Backend::Postgres | Backend::Kafka) => figure.goal(Goal::AtMost(12.0)),
        (None, _) => figure,
    });
    Ok(())
}

fn make(file: &Path) -> anyhow::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(file)?);
    for number in 0..MADE_ORDERS {
        file.write_all(seed::line(number, MADE_ORDERS).as_bytes())?;
    }
    file.flush()?;
    Ok(())
}
