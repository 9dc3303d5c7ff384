//! Throttling in favour of a live projector: short transactions, and pauses between them.

use crate::ProjectorError;
use crate::points;
use read_model::ReadModel;
use std::time::Duration;
use tokio::time::Instant;

/// Events in a page when no other process writes.
const PAGE: usize = 4_000;
/// Events in a page while another process writes: a few dozen milliseconds of writing.
const POLITE_PAGE: usize = 1_000;
/// The pause for a live writer after each batch; a waiting SQLite writer tries again after some milliseconds.
const GAP: Duration = Duration::from_millis(15);
/// How often positions are read to see whether a live writer moves.
const LOOK: Duration = Duration::from_millis(250);

/// Whether another process writes, as last seen.
#[derive(Debug)]
pub(super) struct Throttle {
    looked: Instant,
    positions: Vec<u64>,
    live: bool,
}

impl Throttle {
    pub(super) async fn new(model: &ReadModel) -> Result<Self, ProjectorError> {
        Ok(Self { looked: Instant::now(), positions: positions(model).await?, live: false })
    }

    /// How many events the next page may hold.
    pub(super) fn page(&self) -> usize {
        if self.live { POLITE_PAGE } else { PAGE }
    }

    /// Pauses if a live writer is at work.
    pub(super) async fn rest(&mut self, model: &ReadModel) -> Result<(), ProjectorError> {
        if self.looked.elapsed() >= LOOK {
            let now = positions(model).await?;
            self.live = now != self.positions;
            self.positions = now;
            self.looked = Instant::now();
        }
        if self.live {
            let _resting = points::resting();
            tokio::time::sleep(GAP).await;
        }
        Ok(())
    }
}

async fn positions(model: &ReadModel) -> Result<Vec<u64>, ProjectorError> {
    Ok(model.catalog().await?.into_iter().map(|entry| entry.position).collect())
}
