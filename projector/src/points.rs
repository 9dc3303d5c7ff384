//! Named points at which a simulation makes a writer wait, fail or die, and the places where a follower only waits. Without
//! the feature `simulation` all of them do nothing.

use read_model::ReadModelError;

/// A follower that only waits, until dropped.
#[cfg(feature = "simulation")]
pub(crate) type Resting = stage::Lasting;
/// Does nothing outside a simulation.
#[cfg(not(feature = "simulation"))]
pub(crate) struct Resting;

/// Marks that the follower only waits.
#[cfg(feature = "simulation")]
pub(crate) fn resting() -> Resting {
    stage::resting()
}

/// Does nothing outside a simulation.
#[cfg(not(feature = "simulation"))]
#[inline(always)]
pub(crate) fn resting() -> Resting {
    Resting
}

/// A task of its own at work, until dropped.
#[cfg(feature = "simulation")]
pub(crate) type Background = stage::Lasting;
/// Does nothing outside a simulation.
#[cfg(not(feature = "simulation"))]
pub(crate) struct Background;

/// Marks that a task of its own is at work.
#[cfg(feature = "simulation")]
pub(crate) fn background() -> Background {
    stage::background()
}

/// Does nothing outside a simulation.
#[cfg(not(feature = "simulation"))]
#[inline(always)]
pub(crate) fn background() -> Background {
    Background
}

/// A write transaction in which rows are still read, until dropped.
#[cfg(feature = "simulation")]
pub(crate) type Holding = stage::Lasting;
/// Does nothing outside a simulation.
#[cfg(not(feature = "simulation"))]
pub(crate) struct Holding;

/// Marks that no other process can write from now on.
#[cfg(feature = "simulation")]
pub(crate) fn holding() -> Holding {
    stage::holding()
}

/// Does nothing outside a simulation.
#[cfg(not(feature = "simulation"))]
#[inline(always)]
pub(crate) fn holding() -> Holding {
    Holding
}

/// A point without an open transaction: before one begins, or after it ended.
#[cfg(feature = "simulation")]
pub(crate) async fn reach(point: &'static str) -> Result<(), ReadModelError> {
    let refused = |_| ReadModelError::Unavailable("the simulation refuses it".to_owned());
    stage::reach(point).await.map_err(refused)
}

/// Does nothing outside a simulation.
#[cfg(not(feature = "simulation"))]
#[inline(always)]
pub(crate) fn reach(_point: &'static str) -> std::future::Ready<Result<(), ReadModelError>> {
    std::future::ready(Ok(()))
}

/// A point in the middle of a transaction.
#[cfg(feature = "simulation")]
pub(crate) async fn half_way(point: &'static str) {
    stage::outlive(point).await;
}

/// Does nothing outside a simulation.
#[cfg(not(feature = "simulation"))]
#[inline(always)]
pub(crate) fn half_way(_point: &'static str) -> std::future::Ready<()> {
    std::future::ready(())
}
