//! Who gives way when connections fill the server: those that have rested longest.
//!
//! A connection rests while no request is under way on it: it has sent none yet, or half a head, or is kept open for the
//! next. Clients that rest in great numbers would otherwise keep others out until their deadlines.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// How long a connection that gives way may take to finish what it has begun meanwhile.
const GRACE: Duration = Duration::from_millis(100);

/// How long a connection may rest at least: a new one has to find the time for TLS and its first request.
const MIN_REST: Duration = Duration::from_millis(200);

/// The shortest time between two looks at all connections.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The part of the places that is made free at a time: a sixteenth.
const SHARE: usize = 16;

/// The connections of a server.
#[derive(Debug)]
pub(super) struct Places {
    all: usize,
    begun: Instant,
    looked: Instant,
    taken: Vec<Weak<Shared>>,
}

/// One connection's place; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Place(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    begun: Instant,
    /// Since when it rests, in milliseconds after `begun` and one; 0 = a request is under way.
    resting: AtomicU64,
    gives_way: AtomicBool,
    /// Ends it when the request under way is answered.
    graceful: CancellationToken,
}

impl Places {
    /// Places for this many connections, and some more while others give way.
    pub(super) fn new(all: usize) -> Self {
        let begun = Instant::now();
        Self { all, begun, looked: begun, taken: Vec::new() }
    }

    /// Whether there is room for one more when this many are open.
    pub(super) fn have_room(&self, open: usize) -> bool {
        open < self.all + self.share()
    }

    /// How many are made free at a time.
    fn share(&self) -> usize {
        (self.all / SHARE).max(1)
    }

    /// The place of a new connection, which `graceful` ends in peace. If there are too many, some give way.
    pub(super) fn take(&mut self, open: usize, graceful: CancellationToken) -> Place {
        let resting = AtomicU64::new(moment(self.begun));
        let gives_way = AtomicBool::new(false);
        let place = Place(Arc::new(Shared { begun: self.begun, resting, gives_way, graceful }));
        self.taken.push(Arc::downgrade(&place.0));
        if open >= self.all {
            self.make_room();
        } else if self.taken.len() > 2 * (self.all + self.share()) {
            self.taken.retain(|place| place.strong_count() > 0);
        }
        place
    }

    /// Lets the connections that have rested longest give way, if there are more than places.
    pub(super) fn make_room(&mut self) {
        let now = Instant::now();
        if now - self.looked < LOOK_EVERY && self.looked != self.begun {
            return;
        }
        self.looked = now;
        self.taken.retain(|place| place.strong_count() > 0);
        let open = self.taken.iter().filter_map(Weak::upgrade);
        let staying: Vec<_> =
            open.filter(|place| !place.gives_way.load(Ordering::Relaxed)).collect();
        let Some(excess) = staying.len().checked_sub(self.all).filter(|excess| *excess > 0) else {
            return;
        };
        let long_enough = moment(self.begun).saturating_sub(MIN_REST.as_millis() as u64);
        let mut resting: Vec<_> = staying
            .iter()
            .map(|place| (place.resting.load(Ordering::Relaxed), place))
            .filter(|(since, _)| *since > 0 && *since <= long_enough)
            .collect();
        let count = excess.max(self.share()).min(resting.len());
        if count == 0 {
            return;
        }
        resting.select_nth_unstable_by_key(count - 1, |(since, _)| *since);
        for (_, place) in &resting[..count] {
            place.gives_way.store(true, Ordering::Relaxed);
            place.graceful.cancel();
        }
        tracing::debug!(count, "all places are taken: those that have rested longest give way");
    }
}

fn moment(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
}

impl Place {
    /// Notes that a request is under way.
    pub(super) fn works(&self) {
        self.0.resting.store(0, Ordering::Relaxed);
    }

    /// Notes that none is.
    pub(super) fn rests(&self) {
        self.0.resting.store(moment(self.0.begun), Ordering::Relaxed);
    }

    /// Cancelled when the connection is to end in peace.
    pub(super) fn graceful(&self) -> &CancellationToken {
        &self.0.graceful
    }

    /// Returns when a connection that gives way has had its time, and still rests. Asked once it is to end in peace.
    pub(super) async fn is_due(&self) {
        if !self.0.gives_way.load(Ordering::Relaxed) {
            return std::future::pending().await;
        }
        loop {
            sleep(GRACE).await;
            if self.0.resting.load(Ordering::Relaxed) > 0 {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn place(places: &mut Places, open: usize) -> Place {
        sleep(MIN_REST + Duration::from_millis(20)).await;
        places.take(open, CancellationToken::new())
    }

    fn given(place: &Place) -> bool {
        place.graceful().is_cancelled()
    }

    #[tokio::test]
    async fn the_one_that_has_rested_longest_gives_way_and_no_busy_one() {
        let mut places = Places::new(3);
        let [first, busy, third] =
            [place(&mut places, 0).await, place(&mut places, 1).await, place(&mut places, 2).await];
        busy.works();
        sleep(Duration::from_millis(10)).await;
        first.works();
        first.rests();
        sleep(LOOK_EVERY).await;
        let fourth = place(&mut places, 3).await;
        assert_eq!([&first, &busy, &third, &fourth].map(given), [false, false, true, false]);
        assert!(places.have_room(3) && !places.have_room(4));
        drop(third);
        let _fifth = place(&mut places, 3).await;
        assert_eq!([&first, &busy, &fourth].map(given), [true, false, false]);
    }

    #[tokio::test]
    async fn nobody_gives_way_while_there_is_room_or_all_are_busy() {
        let mut places = Places::new(2);
        let all = [place(&mut places, 0).await, place(&mut places, 1).await];
        assert!(!all.iter().any(given));
        all.iter().for_each(Place::works);
        let third = place(&mut places, 2).await;
        third.works();
        sleep(Duration::from_millis(20)).await;
        places.make_room();
        assert!(!all.iter().any(given) && !given(&third));
        all[1].rests();
        sleep(MIN_REST + Duration::from_millis(20)).await;
        places.make_room();
        assert_eq!(all.each_ref().map(given), [false, true]);
    }

    #[tokio::test]
    async fn one_that_begins_a_request_meanwhile_finishes_it() {
        let mut places = Places::new(1);
        let first = place(&mut places, 0).await;
        let _second = place(&mut places, 1).await;
        assert!(given(&first));
        first.works();
        let due = tokio::time::timeout(3 * GRACE, first.is_due()).await;
        assert!(due.is_err(), "its request is under way");
        first.rests();
        first.is_due().await;
    }
}
