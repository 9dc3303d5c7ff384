//! The concurrency limiter for work that keeps a processor busy for long: off the serving threads, a few pieces at a time.
//!
//! A request takes a [`Place`] before such work, waits for it among a bounded number of others, and keeps it for all of
//! its work. Work that has begun keeps its place even if its client goes away, so the bound is one on work, not on clients.

use std::sync::{Arc, LazyLock};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{Problem, ProblemCode};

/// Pieces of heavy work at a time.
const MAX_AT_ONCE: usize = 2;

/// Pieces that may wait; further requests are refused.
const MAX_WAITING: usize = 32;

/// Seconds after which a client may ask again.
const RETRY_AFTER_SECONDS: u64 = 2;

static HALL: LazyLock<Hall> = LazyLock::new(|| Hall::of(MAX_AT_ONCE, MAX_WAITING));

/// A permit for heavy work; clones are the same permit.
#[derive(Debug, Clone)]
pub struct Place(#[allow(dead_code)] Arc<OwnedSemaphorePermit>); // held, never read

/// Waits for a place.
///
/// # Errors
/// 503 `overloaded` when too many wait already.
pub async fn place() -> Result<Place, Problem> {
    HALL.place().await
}

impl Place {
    /// Runs a piece of the work off the serving threads.
    ///
    /// # Errors
    /// 500 `internal` when the work panics; the panic hook has logged it.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let kept = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _kept = kept;
            work()
        });
        done.await.map_err(|_| Problem::new(ProblemCode::INTERNAL))
    }
}

/// The permits and the queue for them.
struct Hall {
    places: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Hall {
    fn of(places: usize, waiting: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), waiting: Semaphore::new(waiting) }
    }

    async fn place(&self) -> Result<Place, Problem> {
        if let Ok(free) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(Place(Arc::new(free)));
        }
        let _queued = self.waiting.try_acquire().map_err(|_| overloaded())?;
        let free = Arc::clone(&self.places).acquire_owned().await.map_err(|_| overloaded())?;
        Ok(Place(Arc::new(free)))
    }
}

fn overloaded() -> Problem {
    Problem::new(ProblemCode::OVERLOADED)
        .detail("Too many large questions are being worked on. Ask again in a moment.")
        .retry_after(RETRY_AFTER_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn one_works_one_waits_and_the_next_is_refused() {
        let hall = Hall::of(1, 1);
        let first = hall.place().await.unwrap();
        let mut second = Box::pin(hall.place());
        assert!(second.as_mut().now_or_never().is_none());
        assert_eq!(hall.place().await.unwrap_err().code(), ProblemCode::OVERLOADED);
        assert_eq!(first.run(|| 6 * 7).await.unwrap(), 42);
        drop(first);
        assert!(second.await.is_ok());
        assert!(hall.place().await.is_ok());
    }

    #[tokio::test]
    async fn work_keeps_its_place_when_its_client_goes() {
        let hall = Hall::of(1, 0);
        let place = hall.place().await.unwrap();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let working = place.run(move || wait.recv().ok());
        let mut working = Box::pin(working);
        assert!(working.as_mut().now_or_never().is_none());
        drop(working);
        drop(place);
        assert_eq!(hall.place().await.unwrap_err().code(), ProblemCode::OVERLOADED);
        drop(go);
        while hall.place().await.is_err() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn work_that_panics_is_500_and_gives_its_place_back() {
        let hall = Hall::of(1, 0);
        let place = hall.place().await.unwrap();
        let failed: Result<(), Problem> = place.run(|| panic!("planted")).await;
        assert_eq!(failed.unwrap_err().code(), ProblemCode::INTERNAL);
        drop(place);
        assert!(hall.place().await.is_ok());
    }
}
