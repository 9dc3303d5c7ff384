//! Backfill: records that were removed before they were read (trimmed, or the topic was recreated) are taken from the log.
//!
//! The log's head is read after the loss was noticed, so every lost record is at or below it. Records at or below it that
//! the topic still has are repeats and are skipped.

use super::apply::Applier;
use super::batch::{Arrived, Batch, Goal};
use super::doubt;
use crate::ProjectorError;
use crate::figures;
use crate::source::Source;

/// Brings a partition up to the log's head; its checkpoints move to `low`, where the topic begins.
pub(super) async fn refill(
    applier: &mut Applier,
    log: &Source,
    partition: i32,
    low: i64,
) -> Result<(), ProjectorError> {
    let head = log.head().await?.position;
    let mut after = applier.subscriptions().floor(partition).unwrap_or(head).min(head);
    let partitions = applier.topic().partitions;
    while after < head {
        let (events, to) = doubt::page(log, partition, partitions, after, head).await?;
        let events = events.into_iter().map(Arrived::from_log).collect();
        let goal = Goal::Stay;
        applier.apply(vec![Batch { partition, events, reach: to, goal }]).await.result()?;
        after = to;
    }
    let goal = Goal::Jump(low);
    let batch = Batch { partition, events: Vec::new(), reach: head, goal };
    applier.apply(vec![batch]).await.result()?;
    figures::refilled();
    tracing::info!(kafka.partition = partition, position = head, "refilled from the log");
    Ok(())
}
