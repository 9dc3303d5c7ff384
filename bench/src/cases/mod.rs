//! The measurements of each case, one file for one or a few of them.

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
mod sealing;
mod seed;
mod start;
mod stock;
mod throughput;
mod visibility;

use crate::case::Case;
use crate::options::Options;
use crate::report::CaseReport;

/// Runs a case and prints its rows.
///
/// # Errors
/// When a program fails, or an answered command is missing or duplicated.
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
        Case::Sealing => sealing::run(options, &mut report).await?,
        Case::Start => start::run(options, &mut report).await?,
        Case::Stock => stock::run(options, &mut report).await?,
        Case::Floors => floors::run(options, &mut report).await?,
        Case::Growth => growth::run(options, &mut report).await?,
    }
    Ok(report)
}
