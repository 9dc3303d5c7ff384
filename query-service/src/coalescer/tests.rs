//! Which answers requests get that arrive at the same moment, and when these are read.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Numbers its reads, and lets each end when the test says so.
#[derive(Clone)]
struct Source {
    reads: Arc<AtomicUsize>,
    may_end: Arc<Semaphore>,
}

impl Source {
    fn new() -> Self {
        Self { reads: Arc::default(), may_end: Arc::new(Semaphore::new(0)) }
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    async fn read(self) -> usize {
        let number = self.reads.fetch_add(1, Ordering::SeqCst) + 1;
        self.may_end.acquire().await.unwrap().forget();
        number
    }

    /// Requests a key's value in a task of its own, and lets all tasks run until they wait.
    async fn get(
        &self,
        flights: &Arc<SingleFlight<usize>>,
        key: &str,
    ) -> JoinHandle<Result<usize, Panicked>> {
        let (source, flights, key) = (self.clone(), Arc::clone(flights), key.to_owned());
        begun(async move { flights.get(key, move || source.clone().read()).await }).await
    }

    /// Requests one thing of a batch in the same way. The answer is the thing and the number of the read.
    async fn load(
        &self,
        loader: &Arc<BatchLoader<usize, (usize, usize)>>,
        thing: usize,
    ) -> JoinHandle<Result<(usize, usize), Panicked>> {
        let (source, loader) = (self.clone(), Arc::clone(loader));
        begun(async move {
            let alone = async { (thing, source.clone().read().await) };
            loader.load(thing, alone, &source, batch).await
        })
        .await
    }
}

/// Thing 13 cannot be read.
async fn batch(source: Source, things: Vec<usize>) -> Vec<(usize, usize)> {
    let number = source.read().await;
    assert!(!things.contains(&13), "planted");
    things.into_iter().map(|thing| (thing, number)).collect()
}

/// Of batches of three, by two readers.
fn loader() -> Arc<BatchLoader<usize, (usize, usize)>> {
    Arc::new(BatchLoader::new(3, 2))
}

async fn begun<T: Send + 'static>(
    asking: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    let asking = tokio::spawn(asking);
    settled().await;
    asking
}

/// Lets all tasks run until they wait.
async fn settled() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn requests_that_come_during_a_read_share_the_next_one() {
    let (source, flights) = (Source::new(), Arc::new(SingleFlight::default()));
    let first = source.get(&flights, "a").await;
    let second = source.get(&flights, "a").await;
    let third = source.get(&flights, "a").await;
    let other = source.get(&flights, "b").await;
    assert_eq!(source.reads(), 2, "one of each key");
    source.may_end.add_permits(9);
    let numbers = [first.await, second.await, third.await].map(|answer| answer.unwrap().unwrap());
    assert_eq!((numbers[0], numbers[1]), (1, numbers[2]));
    assert!(numbers[1] > 1, "the second read began after the second came");
    other.await.unwrap().unwrap();
    assert_eq!(source.reads(), 3);
    assert!(flights.lock().lanes.is_empty(), "nothing is kept");
}

#[tokio::test]
async fn nothing_is_read_for_abandoned_requests() {
    let (source, flights) = (Source::new(), Arc::new(SingleFlight::default()));
    let first = source.get(&flights, "a").await;
    let second = source.get(&flights, "a").await;
    second.abort();
    assert!(second.await.unwrap_err().is_cancelled());
    source.may_end.add_permits(9);
    first.await.unwrap().unwrap();
    tokio::task::yield_now().await;
    assert_eq!(source.reads(), 1);
    assert!(flights.lock().lanes.is_empty());
}

#[tokio::test]
async fn a_read_that_panics_leaves_no_request_waiting_and_the_next_one_works() {
    let flights: SingleFlight<usize> = SingleFlight::default();
    let planted = || async { panic!("planted") };
    assert_eq!(flights.get("a".to_owned(), planted).await, Err(Panicked));
    assert_eq!(flights.get("a".to_owned(), || async { 7 }).await, Ok(7));
}

#[tokio::test]
async fn requests_that_come_before_the_first_read_begins_share_it() {
    let (source, flights) = (Source::new(), SingleFlight::default());
    source.may_end.add_permits(9);
    let get = || {
        let source = source.clone();
        flights.get("a".to_owned(), move || source.clone().read())
    };
    assert_eq!(tokio::join!(get(), get(), get()), (Ok(1), Ok(1), Ok(1)));
}

#[tokio::test]
async fn a_batch_is_read_for_the_others_when_the_one_that_reads_alone_goes_away() {
    let (source, loader) = (Source::new(), loader());
    let first = source.load(&loader, 1).await;
    let second = source.load(&loader, 2).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    settled().await;
    source.may_end.add_permits(1);
    assert_eq!(second.await.unwrap(), Ok((2, 2)));
    settled().await;
    assert!(loader.lock().lanes.is_empty());
}

#[tokio::test]
async fn a_batch_gives_each_request_its_own_answer() {
    let (source, loader) = (Source::new(), loader());
    let mut asking = Vec::new();
    for thing in 0..3 {
        asking.push(source.load(&loader, thing).await);
    }
    assert_eq!(source.reads(), 1, "two wait, which is no full batch");
    source.may_end.add_permits(9);
    for (thing, asking) in asking.into_iter().enumerate() {
        assert_eq!(asking.await.unwrap(), Ok((thing, 1 + thing.min(1))));
    }
    assert_eq!(source.reads(), 2);
    assert!(loader.lock().lanes.is_empty());
}

#[tokio::test]
async fn a_full_batch_does_not_wait_for_the_read_before_it_unless_all_readers_are_at_work() {
    let (source, loader) = (Source::new(), loader());
    let mut asking = Vec::new();
    for thing in 0..9 {
        asking.push(source.load(&loader, thing).await);
        let reads = if thing < 3 { 1 } else { 2 };
        assert_eq!(source.reads(), reads, "after {thing}");
    }
    assert_eq!(loader.lock().lanes[&()].waiting.len(), 5);
    source.may_end.add_permits(9);
    for (thing, asking) in asking.into_iter().enumerate() {
        let (answered, read) = asking.await.unwrap().unwrap();
        assert_eq!((answered, read.min(3)), (thing, [1, 2, 3][thing.div_ceil(3).min(2)]));
    }
    assert_eq!(source.reads(), 4, "1, 3, 3 and 2 things");
    assert!(loader.lock().lanes.is_empty());
}

#[tokio::test]
async fn a_batch_that_panics_answers_all_of_its_requests_and_the_next_batch_is_read() {
    let (source, loader) = (Source::new(), loader());
    let mut asking = Vec::new();
    for thing in [1, 2, 13, 3, 4] {
        asking.push(source.load(&loader, thing).await);
    }
    source.may_end.add_permits(9);
    let mut answers = Vec::new();
    for asking in asking {
        answers.push(asking.await.unwrap().map(|(thing, _)| thing));
    }
    let lost = Err(Panicked);
    assert_eq!(answers, [Ok(1), lost, lost, lost, Ok(4)]);
    settled().await;
    assert!(loader.lock().lanes.is_empty());
}
