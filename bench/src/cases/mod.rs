//! The cases by name.

mod copying;
mod floors;
mod growth;
mod hot;
mod import;
mod lag;
mod latency;
mod reads;
mod rebuild;
mod relay;
mod seed;
mod start;
mod throughput;
mod visibility;

use crate::options::Options;
use crate::report::CaseReport;

/// A case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Case {
    /// axum that parses and answers, storing nothing, over clients
    Ceiling,
    /// Five-step orders over clients, beside the ceiling and the peer
    Commands,
    /// The peer (cqrs-es on PostgreSQL) with pools of several sizes, 64 clients
    Peer,
    /// One and ten hot orders, 64 clients, beside the spread case
    Hot,
    /// Latency at 70 % of the highest rate, timed from when each command was due
    Latency,
    /// From 2xx to visible in the view, at 1,000 commands a second
    Visibility,
    /// How far views fall behind at the highest rate; memory meanwhile
    Lag,
    /// One order, a list, an order as of then, beside the same bytes from memory
    Reads,
    /// All projections from the log, while serving
    Rebuild,
    /// The relay from a full log to a full topic
    Relay,
    /// Orders from a file
    Import,
    /// From exec to ready
    Start,
    /// What the storage does without us
    Floors,
    /// The same figures at growing numbers of orders (--sizes)
    Growth,
}

/// What runs when no case is named: all but `growth`, which takes long, `relay`, which needs a broker, and what
/// `commands` includes.
pub const USUAL: [Case; 10] = [
    Case::Floors,
    Case::Commands,
    Case::Hot,
    Case::Latency,
    Case::Visibility,
    Case::Lag,
    Case::Reads,
    Case::Rebuild,
    Case::Import,
    Case::Start,
];

/// Runs a case and prints its rows.
///
/// # Errors
/// When a program fails, or an answered command is missing or doubled.
pub async fn run(case: Case, options: &Options) -> anyhow::Result<CaseReport> {
    let mut report = CaseReport::begin(case, options);
    match case {
        Case::Ceiling => throughput::ceiling(options, &mut report).await?,
        Case::Commands => throughput::commands(options, &mut report).await?,
        Case::Peer => throughput::peer(options, &mut report).await?,
        Case::Hot => hot::run(options, &mut report).await?,
        Case::Latency => latency::run(options, &mut report).await?,
        Case::Visibility => visibility::run(options, &mut report).await?,
        Case::Lag => lag::run(options, &mut report).await?,
        Case::Reads => reads::run(options, &mut report).await?,
        Case::Rebuild => rebuild::run(options, &mut report).await?,
        Case::Relay => relay::run(options, &mut report).await?,
        Case::Import => import::run(options, &mut report).await?,
        Case::Start => start::run(options, &mut report).await?,
        Case::Floors => floors::run(options, &mut report).await?,
        Case::Growth => growth::run(options, &mut report).await?,
    }
    Ok(report)
}
