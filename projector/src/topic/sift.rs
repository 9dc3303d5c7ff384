//! Decodes and dedupes records: a record that is not an event of the log is counted and dropped, a repeat is taken once.

use super::batch::Arrived;
use crate::figures;
use crate::registry::Registry;
use relay::consumer::Page;
use relay::partition_of;
use relay::wire::{Content, PoisonReason};
use std::collections::HashSet;

/// Decoded events after which other tasks get their turn.
const YIELD_EVERY: usize = 256;

/// The new events of a page.
#[derive(Debug)]
pub(super) struct Sifted {
    /// Its events above the floor, each once, by position.
    pub events: Vec<Arrived>,
    /// The covered position: every event of the partition up to here came before or is among them.
    pub reach: u64,
}

/// Takes from a page of a topic with `partitions` partitions the events that may be new above `floor`.
///
/// A position out of order is no reason to drop those after it: an event is a repeat only if its position was seen.
pub(super) async fn sift(page: Page, floor: u64, partitions: u32, registry: &Registry) -> Sifted {
    let mut seen = HashSet::with_capacity(page.records.len());
    let mut events = Vec::with_capacity(page.records.len());
    let mut reach = 0;
    for (index, record) in page.records.into_iter().enumerate() {
        if index % YIELD_EVERY == YIELD_EVERY - 1 {
            tokio::task::yield_now().await;
        }
        let reason = match record.content {
            Content::Event(event)
                if partition_of(event.partition_key, partitions) != page.partition =>
            {
                PoisonReason::WrongPartition
            }
            Content::Event(event) => {
                if event.position > floor && seen.insert(event.position) {
                    let event = registry.decode(*event);
                    events.push(Arrived { offset: record.offset, event });
                }
                continue;
            }
            Content::Mark(position) => {
                reach = reach.max(position);
                continue;
            }
            Content::Poison(poison) => poison.reason,
        };
        pass_over(page.partition, record.offset, reason);
    }
    events.sort_by_key(Arrived::position);
    Sifted { events, reach }
}

fn pass_over(partition: i32, offset: i64, reason: PoisonReason) {
    figures::passed_over();
    tracing::warn!(
        kafka.partition = partition,
        kafka.offset = offset,
        %reason,
        "a record that is not an event of the log is skipped"
    );
}
