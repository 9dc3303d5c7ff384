//! A future that goes on when its caller drops it half-way.
//!
//! While it is polled it costs one allocation and no task. Dropped after it has begun, its rest becomes a task of the
//! runtime that it began on. Dropped before it has begun, it does nothing.

use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::runtime::Handle;

/// See the module.
pub(crate) struct Finishing<F: Future<Output: Send + 'static> + Send + 'static> {
    /// `None` when it has ended.
    future: Option<Pin<Box<F>>>,
    /// The runtime on which it goes on; `None` before it has begun.
    runtime: Option<Handle>,
}

impl<F: Future<Output: Send + 'static> + Send + 'static> Finishing<F> {
    pub fn new(future: F) -> Self {
        Self { future: Some(Box::pin(future)), runtime: None }
    }
}

impl<F: Future<Output: Send + 'static> + Send + 'static> Future for Finishing<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.runtime.get_or_insert_with(Handle::current);
        // Taken out while polled: a future that panics does not go on.
        let mut future = self.future.take().expect("it is not polled after its end");
        let polled = future.as_mut().poll(context);
        if polled.is_pending() {
            self.future = Some(future);
        }
        polled
    }
}

impl<F: Future<Output: Send + 'static> + Send + 'static> Drop for Finishing<F> {
    fn drop(&mut self) {
        if let (Some(future), Some(runtime)) = (self.future.take(), self.runtime.take()) {
            runtime.spawn(future);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn what_has_begun_goes_on_when_it_is_dropped() {
        let (go, gone) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        let mut future = Finishing::new(async move {
            gone.await.unwrap();
            done.send(()).unwrap();
        });
        assert!(futures::poll!(&mut future).is_pending());
        drop(future);
        go.send(()).unwrap();
        is_done.await.unwrap();
    }

    #[tokio::test]
    async fn what_has_not_begun_never_begins() {
        let (done, is_done) = oneshot::channel();
        drop(Finishing::new(async move { done.send(()).unwrap() }));
        assert!(is_done.await.is_err());
    }

    #[tokio::test]
    async fn what_ended_or_panicked_does_not_go_on() {
        assert_eq!(Finishing::new(async { 7 }).await, 7);
        let (held, is_held) = oneshot::channel::<()>();
        let panicking = Finishing::new(async move {
            let _held = held;
            panic!("asked to");
        });
        let panicked = tokio::spawn(panicking).await;
        assert!(panicked.unwrap_err().is_panic());
        assert!(is_held.await.is_err(), "it is gone");
    }

    #[test]
    fn what_is_dropped_with_its_runtime_ends_with_it() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (held, mut is_held) = oneshot::channel::<()>();
        runtime.spawn(Finishing::new(async move {
            let _held = held;
            std::future::pending::<()>().await;
        }));
        runtime.block_on(tokio::task::yield_now());
        drop(runtime);
        assert_eq!(is_held.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }
}
