//! The flags, each with an environment variable; only this file reads either.

use crate::case::{Case, USUAL};
use crate::program::Backend;
use clap::Parser;
use std::path::PathBuf;
use std::time::Duration;

/// Measures orderlog on this machine: rates and latencies, compared with what the machine could do.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Options {
    /// Cases to run; the usual ones when none is named (not growth, relay, ceiling, peer)
    pub cases: Vec<Case>,
    /// Where events and views are kept: sqlite (one process), postgres (three), or kafka between those
    #[arg(long, env = "ORDERLOG_BENCH_BACKEND", default_value = "sqlite")]
    pub backend: Backend,
    /// Seconds of load for each figure
    #[arg(long, env = "ORDERLOG_BENCH_SECONDS", default_value_t = 5)]
    pub seconds: u64,
    /// Runs of each figure; their median is printed, with the lowest and the highest
    #[arg(long, env = "ORDERLOG_BENCH_RUNS", default_value_t = 3)]
    pub runs: usize,
    /// Events in the log before the cases lag, reads, rebuild and start
    #[arg(long, env = "ORDERLOG_BENCH_EVENTS", default_value_t = 100_000)]
    pub events: u64,
    /// Numbers of orders for the case growth
    #[arg(
        long,
        env = "ORDERLOG_BENCH_SIZES",
        value_delimiter = ',',
        default_value = "10000,100000"
    )]
    pub sizes: Vec<u64>,
    /// Connections of the peer's pool
    #[arg(long, env = "ORDERLOG_BENCH_PEER_POOL", default_value_t = 16)]
    pub peer_pool: u32,
    /// Folder with online-retail.ndjson.gz; without it the import case makes its own orders
    #[arg(long, env = "ORDERLOG_REAL_DATA")]
    pub real_data: Option<PathBuf>,
    /// Keep the results in this file, with those of other runs
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the results of --json into this page, between its markers, and the pictures into the folder of its name
    #[arg(long, value_name = "PAGE", requires = "json")]
    pub page: Option<PathBuf>,
    /// Measure nothing: only write the page
    #[arg(long, requires = "page")]
    pub render: bool,
    /// Serve the reference that orderlog is compared with
    #[arg(long, hide = true)]
    pub serve_reference: bool,
    /// The database of the reference's keyed table
    #[arg(long, hide = true)]
    pub keyed: Option<String>,
}

impl Options {
    /// The cases to run.
    pub fn chosen(&self) -> &[Case] {
        if self.cases.is_empty() { &USUAL } else { &self.cases }
    }

    /// How long a period of load lasts.
    pub fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}
