//! Named points at which a simulation makes a handle wait, fail or die. Without the feature `simulation` they do nothing.

use crate::{AppendError, StoreError};

/// A request to the log under way, until dropped.
#[cfg(feature = "simulation")]
pub(crate) type Asking = stage::Lasting;
/// Does nothing outside a simulation.
#[cfg(not(feature = "simulation"))]
pub(crate) struct Asking;

/// The point before a request to the log, or before a write that it may have already.
#[cfg(feature = "simulation")]
pub(crate) async fn ask(point: &'static str) -> Result<Asking, StoreError> {
    let refused = |_| StoreError::Unavailable("the simulation refuses it".to_owned());
    stage::reach(point).await.map_err(refused)?;
    Ok(stage::asking())
}

/// Does nothing outside a simulation.
#[cfg(not(feature = "simulation"))]
#[inline(always)]
pub(crate) fn ask(_point: &'static str) -> std::future::Ready<Result<Asking, StoreError>> {
    std::future::ready(Ok(Asking))
}

/// The point after an append, before its caller gets the answer.
#[cfg(feature = "simulation")]
pub(crate) async fn appended() -> Result<(), AppendError> {
    let lost = |_| AppendError::Unknown("the simulation keeps the answer back".to_owned());
    stage::reach("log: append ended").await.map_err(lost)
}

/// Does nothing outside a simulation.
#[cfg(not(feature = "simulation"))]
#[inline(always)]
pub(crate) fn appended() -> std::future::Ready<Result<(), AppendError>> {
    std::future::ready(Ok(()))
}

/// The answer to a commit, unless it is lost.
#[cfg(feature = "simulation")]
pub(crate) fn committed<T>(answer: sqlx::Result<T>) -> sqlx::Result<T> {
    let answer = answer?;
    let lost = |_| sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
    stage::lose("log: commit answered").map_err(lost)?;
    Ok(answer)
}

/// Does nothing outside a simulation.
#[cfg(not(feature = "simulation"))]
#[inline(always)]
pub(crate) fn committed<T>(answer: sqlx::Result<T>) -> sqlx::Result<T> {
    answer
}

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
