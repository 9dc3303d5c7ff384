//! Part of `orderlog verify`: the laws of stock hold at every position of the log.

use anyhow::Context;
use domain::Aggregate;
use domain::stock::{Auditor, StockAggregate};
use event_store::{EventStore, MAX_PAGE};
use server::Output;

/// The most findings that are printed.
const MOST_FINDINGS: usize = 20;

/// Reads the log once more and prints what breaks a law. Returns whether nothing does.
///
/// # Errors
/// When the log cannot be read.
pub async fn check(log: &EventStore, output: &mut Output) -> anyhow::Result<bool> {
    let mut auditor = Auditor::default();
    let (mut position, mut facts) = (0, 0_u64);
    let mut findings = Vec::new();
    loop {
        let page = log.read_feed(position, MAX_PAGE).await.context("cannot read the log")?;
        let Some(last) = page.last() else { break };
        position = last.position;
        for event in &page {
            let stream_type = event.stream.stream_type.as_str();
            if stream_type != StockAggregate::STREAM_TYPE
                && !StockAggregate::JOINT_TYPES.contains(&stream_type)
            {
                continue;
            }
            facts += 1;
            let read =
                StockAggregate::decode(&event.event_type, event.schema_version, &event.payload);
            let broken = match read {
                Ok(fact) => auditor.read(event.stream.id, &fact),
                Err(error) => vec![error.to_string()],
            };
            findings.extend(
                broken.into_iter().map(|law| format!("position {}: {law}", event.position)),
            );
        }
    }
    findings.extend(auditor.conclude());
    for finding in findings.iter().take(MOST_FINDINGS) {
        output.line(format!("stock: {finding}"));
    }
    if findings.len() > MOST_FINDINGS {
        output.line(format!("stock: {} more findings", findings.len() - MOST_FINDINGS));
    }
    if findings.is_empty() {
        let open = auditor.open();
        output.line(format!(
            "stock: {facts} facts; nothing is oversold, and reserved units are those of open reservations ({open})"
        ));
    }
    Ok(findings.is_empty())
}
