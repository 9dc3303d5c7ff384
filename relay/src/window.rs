//! The sent and the acknowledged records of a session: only the acknowledged prefix may move the checkpoint.
//!
//! Partitions acknowledge independently, so acknowledgements arrive out of position order. Only the contiguous prefix
//! counts: `acked` is a position such that every event up to it is in the topic. The first failed delivery ends the
//! session, and so does an offset that goes back; later acknowledgements are ignored.

use event_store::Position;
use std::collections::VecDeque;
use std::sync::Mutex;
use tokio::sync::watch;

/// The end of a session whose topic has changed. The next session checks the topic's end, and publishes the whole log if it
/// is before the published records.
const MADE_AGAIN: &str = "the topic was made again, or has lost what it had acknowledged";

/// The opaque value of a mark; that of an event is its position.
pub(crate) const MARK: usize = 0;

/// Whether the client took a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The record is in the client's queue.
    Queued,
    /// The queue is full; wait for deliveries and send it again.
    Full,
}

/// An acknowledged offset was lower than an earlier one.
struct WentBack;

/// The progress of a session, for its watchers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Every event up to here is in the topic.
    pub acked: Position,
    /// The number of deliveries, so that a standstill shows.
    pub deliveries: u64,
    /// Why the session failed; no delivery follows.
    pub failed: Option<String>,
}

/// What is known of one partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reached {
    /// The offset after the last acknowledged record; 0 when none is known.
    pub next_offset: i64,
    /// The last position for which this session gave the producer an event or a mark of this partition.
    pub position: Position,
}

/// Acknowledgements of one session.
///
/// A delivery changes `progress` while it holds `state`. Never lock `state` while borrowing `progress`: the two would
/// deadlock.
#[derive(Debug)]
pub(crate) struct Window {
    state: Mutex<State>,
    progress: watch::Sender<Progress>,
}

#[derive(Debug)]
struct State {
    /// The contiguous prefix.
    acked: Position,
    /// For each sent position after `acked`: whether it is acknowledged.
    after: VecDeque<bool>,
    deliveries: u64,
    partitions: Vec<Reached>,
    /// By partition: the last relative offset of a batch that was acknowledged without its real offsets.
    placeless: Vec<Option<i64>>,
}

impl Window {
    /// The window of a session that begins after `acked`.
    pub fn new(acked: Position, partitions: Vec<Reached>) -> Self {
        let placeless = vec![None; partitions.len()];
        let state = State { acked, after: VecDeque::new(), deliveries: 0, partitions, placeless };
        let progress = Progress { acked, deliveries: 0, failed: None };
        Self { state: Mutex::new(state), progress: watch::Sender::new(progress) }
    }

    /// Notes that the next event is about to be given to the producer, for that partition.
    pub fn sending(&self, partition: i32) {
        let mut state = self.lock();
        state.after.push_back(false);
        let position = state.acked + state.after.len() as u64;
        state.heading(partition, position);
    }

    /// Notes that an event is in the topic.
    pub fn delivered(&self, position: Position, partition: i32, offset: i64) {
        let mut state = self.lock();
        if state.reached(partition, offset).is_err() {
            drop(state);
            return self.failed(MADE_AGAIN.to_owned());
        }
        if let Some(index) = position.checked_sub(state.acked + 1) {
            let index = usize::try_from(index).expect("within the window");
            if let Some(acked) = state.after.get_mut(index) {
                *acked = true;
            }
        }
        while state.after.front() == Some(&true) {
            state.after.pop_front();
            state.acked += 1;
        }
        self.publish(&state);
    }

    /// Notes that a mark is in the topic.
    pub fn marked(&self, partition: i32, offset: i64) {
        let mut state = self.lock();
        if state.reached(partition, offset).is_err() {
            drop(state);
            return self.failed(MADE_AGAIN.to_owned());
        }
        self.publish(&state);
    }

    /// Notes that a mark of `position` was given to the producer.
    pub fn marking(&self, partition: i32, position: Position) {
        self.lock().heading(partition, position);
    }

    /// Notes that a delivery failed: the session is over. The first reason stays.
    pub fn failed(&self, reason: String) {
        self.progress.send_if_modified(|progress| {
            let first = progress.failed.is_none();
            progress.failed.get_or_insert(reason);
            first
        });
    }

    /// How many events are sent and not acknowledged, or acknowledged out of order.
    pub fn unacked(&self) -> usize {
        self.lock().after.len()
    }

    /// The prefix, and what is known of each partition.
    pub fn reached(&self) -> (Position, Vec<Reached>) {
        let state = self.lock();
        (state.acked, state.partitions.clone())
    }

    /// Waits until every sent record is acknowledged, or the session has failed.
    pub async fn settled(&self) {
        let mut progress = self.watch();
        loop {
            let failed = progress.borrow_and_update().failed.is_some();
            if failed || self.unacked() == 0 {
                return;
            }
            let _ = progress.changed().await;
        }
    }

    /// Receives every change of the progress.
    pub fn watch(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    fn publish(&self, state: &State) {
        let (acked, deliveries) = (state.acked, state.deliveries);
        self.progress.send_modify(|progress| {
            progress.acked = acked;
            progress.deliveries = deliveries;
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl State {
    /// Notes an acknowledged offset. Offsets of a partition never go back, unless the topic was recreated or lost records.
    fn reached(&mut self, partition: i32, offset: i64) -> Result<(), WentBack> {
        self.deliveries += 1;
        let Ok(index) = usize::try_from(partition) else { return Ok(()) };
        let known = self.partitions.get_mut(index).zip(self.placeless.get_mut(index));
        let Some((reached, placeless)) = known else { return Ok(()) };
        // A batch that was stored before its answer was lost is acknowledged without its real offsets: the client counts
        // its offsets up from below 0.
        if offset < 0 || *placeless == Some(offset - 1) {
            *placeless = Some(offset);
            return Ok(());
        }
        *placeless = None;
        if offset < reached.next_offset {
            return Err(WentBack);
        }
        reached.next_offset = offset + 1;
        Ok(())
    }

    fn heading(&mut self, partition: i32, position: Position) {
        if let Some(reached) = self.partition(partition) {
            reached.position = reached.position.max(position);
        }
    }

    fn partition(&mut self, partition: i32) -> Option<&mut Reached> {
        self.partitions.get_mut(usize::try_from(partition).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_contiguous_prefix_counts() {
        let window = Window::new(10, vec![Reached::default(); 2]);
        for partition in [1, 0, 1, 0] {
            window.sending(partition);
        }
        assert_eq!(window.unacked(), 4);
        window.delivered(12, 0, 5);
        window.delivered(14, 0, 6);
        assert_eq!(window.reached().0, 10);
        window.delivered(11, 1, 9);
        assert_eq!(window.reached().0, 12);
        assert_eq!(window.unacked(), 2);
        window.delivered(13, 1, 10);
        let (acked, partitions) = window.reached();
        assert_eq!((acked, window.unacked()), (14, 0));
        assert_eq!(partitions[0], Reached { next_offset: 7, position: 14 });
        assert_eq!(partitions[1], Reached { next_offset: 11, position: 13 });
        assert_eq!(window.watch().borrow().acked, 14);
    }

    #[test]
    fn a_failure_is_reported_once_and_stays() {
        let window = Window::new(0, vec![Reached::default()]);
        let mut watch = window.watch();
        window.failed("first".to_owned());
        window.failed("second".to_owned());
        assert_eq!(watch.borrow_and_update().failed.as_deref(), Some("first"));
        assert!(!watch.has_changed().unwrap());
    }

    #[test]
    fn waiting_for_the_last_deliveries_never_waits_for_a_delivery_that_waits() {
        const ROUNDS: u64 = 200;
        const EVENTS: u64 = 50;
        let (done, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            for _ in 0..ROUNDS {
                let window = std::sync::Arc::new(Window::new(0, vec![Reached::default()]));
                (0..EVENTS).for_each(|_| window.sending(0));
                let producer = std::sync::Arc::clone(&window);
                let deliveries = std::thread::spawn(move || {
                    (1..=EVENTS)
                        .for_each(|position| producer.delivered(position, 0, position as i64));
                });
                runtime.block_on(window.settled());
                assert_eq!(window.reached().0, EVENTS);
                deliveries.join().unwrap();
            }
            done.send(()).unwrap();
        });
        ended.recv_timeout(std::time::Duration::from_secs(60)).expect("no round waits for ever");
    }

    #[test]
    fn an_offset_that_goes_back_ends_the_session() {
        let session = || {
            let window = Window::new(7, vec![Reached { next_offset: 41, position: 7 }]);
            window.sending(0);
            window
        };
        for back in [0, 40] {
            let (event, mark) = (session(), session());
            event.delivered(8, 0, back);
            mark.marked(0, back);
            for window in [event, mark] {
                assert_eq!(window.watch().borrow().failed.as_deref(), Some(MADE_AGAIN));
                assert_eq!(window.reached(), (7, vec![Reached { next_offset: 41, position: 8 }]));
            }
        }
        for sound in [[-1, 0, 1], [-1_001, -1_001, 41], [41, -1, 0], [60, 61, 70]] {
            let window = session();
            (0..2).for_each(|_| window.sending(0));
            (8..).zip(sound).for_each(|(position, offset)| window.delivered(position, 0, offset));
            assert_eq!((window.watch().borrow().failed.clone(), window.reached().0), (None, 10));
        }
    }

    #[test]
    fn a_mark_moves_no_position() {
        let window = Window::new(3, vec![Reached::default()]);
        window.marking(0, 3);
        window.marked(0, 41);
        assert_eq!(window.reached(), (3, vec![Reached { next_offset: 42, position: 3 }]));
        assert_eq!(window.watch().borrow().deliveries, 1);
    }
}
