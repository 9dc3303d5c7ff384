//! Reads that several clients ask for at the same moment are made once: the first page of a list, above all.
//!
//! Who asks for what is being read at that moment waits for the read after it, with all who come meanwhile. So every
//! answer comes from a read that began after the question came, and of one thing there is one read at a time.

use server::{Problem, ProblemCode};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

type Answer<V> = Result<V, Problem>;

/// Who waits for the next read of what.
type Waiting<V> = HashMap<String, Vec<oneshot::Sender<Answer<V>>>>;

/// The reads of one kind that are under way, by what they are of.
#[derive(Debug)]
pub(crate) struct SharedReads<V>(Arc<Mutex<Waiting<V>>>);

impl<V> Default for SharedReads<V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<V: Clone + Send + 'static> SharedReads<V> {
    /// What `read` gives: made by this call or by another one for the same `key` that began after this one came.
    ///
    /// # Errors
    /// Those of the read; 500 `internal` when it panics.
    pub(crate) async fn get<R>(
        &self,
        key: String,
        read: impl Fn() -> R + Send + 'static,
    ) -> Answer<V>
    where
        R: Future<Output = Answer<V>> + Send,
    {
        let (tell, told) = oneshot::channel();
        if self.come(&key, tell) {
            let reader = Reader { waiting: Arc::clone(&self.0), key };
            tokio::spawn(async move { reader.read_on(read).await });
        }
        told.await.unwrap_or_else(|_| Err(Problem::new(ProblemCode::INTERNAL)))
    }

    /// Joins those who wait; whether there was no reader.
    fn come(&self, key: &str, tell: oneshot::Sender<Answer<V>>) -> bool {
        let mut waiting = lock(&self.0);
        if let Some(others) = waiting.get_mut(key) {
            others.push(tell);
            return false;
        }
        waiting.insert(key.to_owned(), vec![tell]);
        true
    }
}

fn lock<V>(waiting: &Mutex<Waiting<V>>) -> MutexGuard<'_, Waiting<V>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The reader of one key. Ends when nobody waits; if it panics, those who wait are told.
struct Reader<V> {
    waiting: Arc<Mutex<Waiting<V>>>,
    key: String,
}

impl<V: Clone> Reader<V> {
    async fn read_on<R: Future<Output = Answer<V>>>(self, read: impl Fn() -> R) {
        while let Some(asked) = self.next() {
            let answer = read().await;
            for tell in asked {
                // Whoever asked may be gone.
                tell.send(answer.clone()).ok();
            }
        }
    }

    /// Those to read for, of whom some are still there; `None`, and no longer a reader, when there are none.
    fn next(&self) -> Option<Vec<oneshot::Sender<Answer<V>>>> {
        let mut waiting = lock(&self.waiting);
        let asked = waiting.get_mut(&self.key).map(std::mem::take).unwrap_or_default();
        if asked.iter().any(|tell| !tell.is_closed()) {
            return Some(asked);
        }
        waiting.remove(&self.key);
        None
    }
}

impl<V> Drop for Reader<V> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            lock(&self.waiting).remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Semaphore;

    /// Counts its reads and lets each end when it is told to.
    #[derive(Clone)]
    struct Source {
        reads: Arc<AtomicUsize>,
        may_end: Arc<Semaphore>,
    }

    impl Source {
        fn new() -> Self {
            Self { reads: Arc::default(), may_end: Arc::new(Semaphore::new(0)) }
        }

        async fn read(self) -> Answer<usize> {
            let number = self.reads.fetch_add(1, Ordering::SeqCst) + 1;
            self.may_end.acquire().await.unwrap().forget();
            Ok(number)
        }

        /// Asks, in a task of its own that has come as far as it can.
        async fn asked(
            &self,
            shared: &Arc<SharedReads<usize>>,
            key: &str,
        ) -> tokio::task::JoinHandle<Answer<usize>> {
            let (source, shared, key) = (self.clone(), Arc::clone(shared), key.to_owned());
            let asking =
                tokio::spawn(async move { shared.get(key, move || source.clone().read()).await });
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            asking
        }
    }

    #[tokio::test]
    async fn who_comes_during_a_read_shares_the_next_one() {
        let (source, shared) = (Source::new(), Arc::new(SharedReads::default()));
        let first = source.asked(&shared, "a").await;
        let second = source.asked(&shared, "a").await;
        let third = source.asked(&shared, "a").await;
        let other = source.asked(&shared, "b").await;
        assert_eq!(source.reads.load(Ordering::SeqCst), 2, "one of each key");
        source.may_end.add_permits(9);
        let numbers = [first.await, second.await, third.await].map(|told| told.unwrap().unwrap());
        assert_eq!((numbers[0], numbers[1]), (1, numbers[2]));
        assert!(numbers[1] > 1, "the second read began after the second came");
        other.await.unwrap().unwrap();
        assert_eq!(source.reads.load(Ordering::SeqCst), 3);
        assert!(lock(&shared.0).is_empty(), "nothing is kept");
    }

    #[tokio::test]
    async fn nothing_is_read_for_those_who_went_away() {
        let (source, shared) = (Source::new(), Arc::new(SharedReads::default()));
        let first = source.asked(&shared, "a").await;
        let second = source.asked(&shared, "a").await;
        second.abort();
        assert!(second.await.unwrap_err().is_cancelled());
        source.may_end.add_permits(9);
        first.await.unwrap().unwrap();
        tokio::task::yield_now().await;
        assert_eq!(source.reads.load(Ordering::SeqCst), 1);
        assert!(lock(&shared.0).is_empty());
    }

    #[tokio::test]
    async fn a_read_that_panics_leaves_nobody_waiting_and_the_next_one_works() {
        let shared: SharedReads<usize> = SharedReads::default();
        let planted = || async { panic!("planted") };
        let failed = shared.get("a".to_owned(), planted).await;
        assert_eq!(failed.unwrap_err().code(), ProblemCode::INTERNAL);
        assert_eq!(shared.get("a".to_owned(), || async { Ok(7) }).await.unwrap(), 7);
    }
}
