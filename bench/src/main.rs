//! Measures orderlog on this machine, with the limits of the same machine in the same run.
//!
//! `cargo run --release -p bench -- [CASE …]` starts the real program, drives it over HTTP, checks that nothing it
//! answered is missing or doubled, and prints a table. Without names it runs every case.

mod cases;
mod client;
mod orders;
mod program;
mod stats;

use clap::Parser;

/// Measures orderlog: commands per second, visibility, rebuild, import, memory.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Cases to run: ceiling, commands, hot, visibility, rebuild, import. All when none is named.
    cases: Vec<String>,
    /// Seconds of load for each figure.
    #[arg(long, env = "ORDERLOG_BENCH_SECONDS", default_value_t = 5)]
    seconds: u64,
    /// Runs of each figure; the median is printed, with minimum and maximum.
    #[arg(long, env = "ORDERLOG_BENCH_RUNS", default_value_t = 3)]
    runs: usize,
    /// Events that the rebuild case puts into the log first.
    #[arg(long, env = "ORDERLOG_BENCH_EVENTS", default_value_t = 200_000)]
    events: u64,
    /// Folder with `online-retail.ndjson.gz`; without it the import case makes its own orders.
    #[arg(long, env = "ORDERLOG_REAL_DATA")]
    real_data: Option<std::path::PathBuf>,
    /// Serves the no-storage reference (used by the ceiling case).
    #[arg(long, hide = true)]
    serve_ceiling: bool,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    if options.serve_ceiling {
        return cases::ceiling::serve().await;
    }
    println!("| figure | median | min – max | unit |\n|---|---|---|---|");
    for name in cases::chosen(&options.cases)? {
        cases::run(name, &options).await?;
    }
    Ok(())
}

/// Prints one row of the table.
fn row(figure: &str, runs: &[f64], unit: &str) {
    let (median, low, high) = stats::spread(runs);
    let digits = usize::from(median < 100.0) * 2;
    println!("| {figure} | {median:.digits$} | {low:.digits$} – {high:.digits$} | {unit} |");
}
