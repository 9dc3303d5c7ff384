//! Watermarks (on the wire: position marks): they show a consumer that its partition has no more events up to a position.
//!
//! A view that is fed from several partitions knows how far it is only by the least of them, so a partition without
//! news would hold all others back. Whenever the acknowledged prefix has moved, every partition whose last record is
//! older gets a mark with it. A mark is sent only after everything up to its position is acknowledged, so it stays true
//! wherever it lands, however late, and from whichever relay.

use crate::error::KafkaError;
use crate::producer::Producer;
use crate::window::{Sent, Window};
use event_store::{EventStore, Position};
use faults::{Fault, planted};
use std::time::Duration;
use tokio::time::sleep;

/// Writes marks until something fails: at most one a partition in each interval, at least one when the session begins.
/// Only a planted fault reads the log.
pub(crate) async fn keep(
    interval: Duration,
    producer: &Producer,
    window: &Window,
    log: &EventStore,
) -> KafkaError {
    let mut progress = window.watch();
    let mut marked = 0;
    loop {
        let _ = progress.wait_for(|progress| progress.acked > marked).await;
        let ahead = match planted(Fault::MarkAhead) {
            true => log.head().await.map_or(0, |head| head.position),
            false => 0,
        };
        match mark_all(producer, window, ahead) {
            Ok(position) => marked = position,
            Err(error) => return error,
        }
        sleep(interval).await;
    }
}

/// Marks every partition whose last record is older than the prefix; those with newer events need none.
fn mark_all(producer: &Producer, window: &Window, ahead: Position) -> Result<Position, KafkaError> {
    let (acked, partitions) = window.reached();
    let acked = acked.max(ahead);
    for (partition, reached) in (0..).zip(&partitions) {
        if reached.position >= acked {
            continue;
        }
        // If the queue is full of events, the partition gets one of them, or a later mark.
        if producer.mark(partition, acked)? == Sent::Queued {
            window.marking(partition, acked);
        }
    }
    Ok(acked)
}
