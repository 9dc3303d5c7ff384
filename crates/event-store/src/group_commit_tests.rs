//! Which callers lead, share and get which answer, over a scripted writer.

use super::*;
use crate::fixtures::one;
use Fate::{Panics, Refused, Stored, Unsettled};
use futures::task::noop_waker;
use proptest::collection::vec;
use proptest::prelude::*;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::Semaphore;

/// How the writer answers an append, and every transaction with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stored,
    Refused,
    Unsettled,
    Panics,
}

/// A writer whose transactions each wait for a permit.
struct Writer {
    open: Arc<Semaphore>,
    /// The appends of each transaction that began, by number.
    begun: Arc<Mutex<Vec<Vec<u64>>>>,
    /// Those that are stored.
    stored: Arc<Mutex<Vec<u64>>>,
}

impl Transact for Writer {
    async fn append(&mut self, group: &[Append]) -> Result<Vec<Appended>, AppendError> {
        self.begun.lock().unwrap().push(group.iter().map(number).collect());
        self.open.acquire().await.unwrap().forget();
        let is_there = |wanted| group.iter().any(|append| fate(append) == wanted);
        assert!(!is_there(Panics), "asked to");
        if is_there(Refused) {
            return Err(StoreError::Unavailable("asked to".to_owned()).into());
        }
        if is_there(Unsettled) {
            return Err(AppendError::Unknown("asked to".to_owned()));
        }
        let mut stored = self.stored.lock().unwrap();
        let place = |append: &Append| {
            stored.push(number(append));
            let (outcomes, recorded_at) = (Vec::new(), append.recorded_at);
            Appended { outcomes, head: stored.len() as u64, recorded_at }
        };
        Ok(group.iter().map(place).collect())
    }
}

/// An append that has a number and a fate.
fn append(number: u64, fate: Fate) -> Append {
    let mut append = one(u128::from(number), 10);
    append.entries[0].expected_version = fate as u64;
    append
}

fn number(append: &Append) -> u64 {
    append.entries[0].stream.id.as_u128() as u64
}

fn fate(append: &Append) -> Fate {
    let fates = [Stored, Refused, Unsettled, Panics];
    fates[append.entries[0].expected_version as usize]
}

type Call = Pin<Box<dyn Future<Output = Answer>>>;

/// A queue with its writer, and callers that run only when they are polled.
struct Scene {
    group: Arc<GroupCommit<Writer>>,
    open: Arc<Semaphore>,
    begun: Arc<Mutex<Vec<Vec<u64>>>>,
    stored: Arc<Mutex<Vec<u64>>>,
    calls: Vec<Option<Call>>,
    answers: Vec<Option<Answer>>,
}

impl Scene {
    fn new() -> Self {
        let open = Arc::new(Semaphore::new(0));
        let (begun, stored) = (Arc::default(), Arc::default());
        let writer = Writer {
            open: Arc::clone(&open),
            begun: Arc::clone(&begun),
            stored: Arc::clone(&stored),
        };
        let group = Arc::new(GroupCommit::new(writer));
        Self { group, open, begun, stored, calls: Vec::new(), answers: Vec::new() }
    }

    /// A new caller, which has not begun; its number.
    fn call(&mut self, fate: Fate) -> usize {
        let number = self.calls.len();
        self.call_with(append(number as u64, fate))
    }

    fn call_with(&mut self, append: Append) -> usize {
        let group = Arc::clone(&self.group);
        self.calls.push(Some(Box::pin(async move { group.append(append).await })));
        self.answers.push(None);
        self.calls.len() - 1
    }

    /// A number of new callers, each of which comes as far as it can.
    fn arrive(&mut self, fates: &[Fate]) {
        for fate in fates {
            let caller = self.call(*fate);
            self.poll(caller);
        }
    }

    fn poll(&mut self, caller: usize) {
        let Some(call) = &mut self.calls[caller] else { return };
        let mut poll = || call.as_mut().poll(&mut Context::from_waker(&noop_waker()));
        let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(&mut poll));
        let answer = match polled {
            Ok(Poll::Pending) => return,
            Ok(Poll::Ready(answer)) => Some(answer),
            Err(_) => None,
        };
        self.calls[caller] = None;
        self.answers[caller] = answer;
    }

    fn drop_caller(&mut self, caller: usize) {
        self.calls[caller] = None;
    }

    /// Lets a number of transactions go on.
    fn let_go(&mut self, transactions: usize) {
        self.open.add_permits(transactions);
    }

    /// Polls until no caller waits.
    fn finish(&mut self) {
        self.let_go(2 * self.calls.len() + 2);
        for _ in 0..=2 * self.calls.len() {
            (0..self.calls.len()).for_each(|caller| self.poll(caller));
        }
        assert!(self.calls.iter().all(Option::is_none), "a caller still waits");
        let state = self.group.queue.lock();
        assert!(!state.led && state.waiting.is_empty(), "no caller leads: {state:?}");
    }

    fn begun(&self) -> Vec<Vec<u64>> {
        self.begun.lock().unwrap().clone()
    }

    fn stored(&self) -> Vec<u64> {
        self.stored.lock().unwrap().clone()
    }

    /// What a caller heard: the place at which its append stands, or how it failed.
    fn heard(&self, caller: usize) -> Result<u64, &'static str> {
        match self.answers[caller].as_ref().expect("it was answered") {
            Ok(appended) => Ok(appended.head),
            Err(AppendError::Failed(_)) => Err("failed"),
            Err(AppendError::Unknown(_)) => Err("unknown"),
        }
    }
}

#[test]
fn a_single_append_is_made_alone() {
    let mut scene = Scene::new();
    for caller in 0..3 {
        scene.arrive(&[Stored]);
        scene.let_go(1);
        scene.poll(caller);
        assert_eq!(scene.heard(caller), Ok(caller as u64 + 1));
    }
    assert_eq!(scene.begun(), [[0], [1], [2]]);
    scene.finish();
}

#[test]
fn what_waits_is_made_together_in_the_order_of_arrival() {
    let mut scene = Scene::new();
    scene.arrive(&[Stored; 6]);
    scene.finish();
    assert_eq!(scene.begun(), [vec![0], vec![1, 2, 3, 4, 5]]);
    for caller in 0..6 {
        assert_eq!(scene.heard(caller), Ok(caller as u64 + 1));
    }
}

#[test]
fn what_arrives_before_the_writer_is_free_goes_along() {
    let mut scene = Scene::new();
    let writer = Arc::clone(scene.group.writer()).try_lock_owned().unwrap();
    scene.arrive(&[Stored; 3]);
    drop(writer);
    scene.finish();
    assert_eq!(scene.begun(), [[0, 1, 2]]);
}

#[test]
fn a_transaction_of_several_is_bounded_by_entries_and_by_bytes() {
    let entries = |number, entries: usize| {
        let mut append = append(number, Stored);
        append.entries = vec![append.entries.remove(0); entries];
        append
    };
    let bytes = |number, bytes: usize| {
        let mut append = append(number, Stored);
        // A payload has two quotes around its text.
        append.entries[0].events = one(1, bytes - 2).entries.remove(0).events;
        append
    };
    let (half, most) = (MAX_SHARED_ENTRIES / 2, MAX_SHARED_ENTRIES + 1);
    for (sizes, groups) in [
        (vec![1, half, half], vec![vec![0], vec![1, 2]]),
        (vec![1, half, half + 1, 1], vec![vec![0], vec![1], vec![2, 3]]),
        (vec![1, most, 1, 1], vec![vec![0], vec![1], vec![2, 3]]),
        (vec![1, 1, most, 1], vec![vec![0], vec![1], vec![2], vec![3]]),
    ] {
        let mut scene = Scene::new();
        for (number, size) in sizes.into_iter().enumerate() {
            let caller = scene.call_with(entries(number as u64, size));
            scene.poll(caller);
        }
        scene.finish();
        assert_eq!(scene.begun(), groups);
    }
    let half = MAX_SHARED_BYTES / 2;
    for (sizes, groups) in [
        (vec![10, half, half], vec![vec![0], vec![1, 2]]),
        (vec![10, half, half + 1, 10], vec![vec![0], vec![1], vec![2, 3]]),
    ] {
        let mut scene = Scene::new();
        for (number, size) in sizes.into_iter().enumerate() {
            let caller = scene.call_with(bytes(number as u64, size));
            scene.poll(caller);
        }
        scene.finish();
        assert_eq!(scene.begun(), groups);
    }
}

#[test]
fn where_one_is_refused_each_is_made_by_itself() {
    let mut scene = Scene::new();
    scene.arrive(&[Stored, Stored, Refused, Unsettled, Stored]);
    scene.finish();
    assert_eq!(scene.begun(), [vec![0], vec![1, 2, 3, 4], vec![1], vec![2], vec![3], vec![4]]);
    let heard: Vec<_> = (1..5).map(|caller| scene.heard(caller)).collect();
    assert_eq!(heard, [Ok(2), Err("failed"), Err("unknown"), Ok(3)]);
    assert_eq!(scene.stored(), [0, 1, 4]);
}

#[test]
fn what_cannot_be_settled_is_unknown_to_all_that_share_it_and_made_once() {
    let mut scene = Scene::new();
    scene.arrive(&[Stored, Stored, Unsettled, Stored]);
    scene.finish();
    assert_eq!(scene.begun(), [vec![0], vec![1, 2, 3]]);
    assert!((1..4).all(|caller| scene.heard(caller) == Err("unknown")));
}

#[test]
fn a_panic_is_unknown_to_those_that_share_it_and_the_next_one_leads() {
    let mut scene = Scene::new();
    scene.arrive(&[Stored, Stored, Panics, Stored]);
    scene.let_go(1);
    (0..2).for_each(|caller| scene.poll(caller));
    // Comes when the transaction of the three has begun.
    scene.arrive(&[Stored]);
    scene.finish();
    assert_eq!(scene.begun(), [vec![0], vec![1, 2, 3], vec![4]]);
    assert!(scene.answers[1].is_none(), "the leader has unwound");
    assert_eq!(
        [2, 3, 4].map(|caller| scene.heard(caller)),
        [Err("unknown"), Err("unknown"), Ok(2)]
    );
}

#[test]
fn a_leader_dropped_before_it_has_the_writer_leaves_the_lead_to_the_next() {
    let mut scene = Scene::new();
    let writer = Arc::clone(scene.group.writer()).try_lock_owned().unwrap();
    scene.arrive(&[Stored; 3]);
    scene.drop_caller(0);
    drop(writer);
    scene.finish();
    assert_eq!(scene.begun(), [[1, 2]]);
}

#[test]
fn a_leader_dropped_within_its_transaction_leaves_no_caller_waiting() {
    let mut scene = Scene::new();
    scene.arrive(&[Stored; 3]);
    scene.let_go(1);
    (0..2).for_each(|caller| scene.poll(caller));
    scene.arrive(&[Stored; 2]);
    // 1 leads 2; 3 and 4 came later.
    scene.drop_caller(1);
    scene.finish();
    assert_eq!(scene.begun(), [vec![0], vec![1, 2], vec![3, 4]]);
    assert_eq!([2, 3, 4].map(|caller| scene.heard(caller)), [Err("unknown"), Ok(2), Ok(3)]);
}

#[test]
fn the_lead_passes_over_those_that_are_gone() {
    let mut scene = Scene::new();
    scene.arrive(&[Stored; 5]);
    scene.drop_caller(1);
    scene.let_go(1);
    scene.poll(0);
    // The lead is on its way to 2.
    scene.drop_caller(2);
    scene.finish();
    assert_eq!(scene.begun(), [vec![0], vec![3, 4]]);
}

#[test]
fn what_a_dropped_caller_asked_for_is_made_if_a_leader_gets_to_it() {
    let mut scene = Scene::new();
    scene.arrive(&[Stored; 4]);
    scene.drop_caller(2);
    scene.finish();
    assert_eq!(scene.begun(), [vec![0], vec![1, 2, 3]]);
    assert_eq!(scene.heard(3), Ok(4));
}

#[test]
fn the_number_of_waiting_callers_is_bounded() {
    let mut scene = Scene::new();
    scene.arrive(&vec![Stored; MAX_WAITING + 2]);
    assert_eq!(scene.heard(MAX_WAITING + 1), Err("failed"));
    scene.finish();
    assert_eq!(scene.stored().len(), MAX_WAITING + 1);
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Arrive(Fate),
    Poll(usize),
    Drop(usize),
    LetGo(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let fate = prop_oneof![12 => Just(Stored), 1 => Just(Refused), 1 => Just(Unsettled), 1 => Just(Panics)];
    prop_oneof![
        6 => fate.prop_map(Step::Arrive),
        12 => (0..40_usize).prop_map(Step::Poll),
        2 => (0..40_usize).prop_map(Step::Drop),
        4 => (1..3_usize).prop_map(Step::LetGo),
    ]
}

proptest! {
    #[test]
    fn in_any_order_of_events_each_is_made_once_and_hears_its_own_answer(steps in vec(step(), 0..120)) {
        let mut scene = Scene::new();
        let mut dropped = Vec::new();
        for step in steps {
            let place = |nth: usize, scene: &Scene| nth.checked_rem(scene.calls.len());
            match step {
                Step::Arrive(fate) => scene.arrive(&[fate]),
                Step::Poll(nth) => place(nth, &scene).into_iter().for_each(|caller| scene.poll(caller)),
                Step::Drop(nth) => {
                    if let Some(caller) = place(nth, &scene).filter(|nth| scene.calls[*nth].is_some()) {
                        scene.drop_caller(caller);
                        dropped.push(caller);
                    }
                }
                Step::LetGo(transactions) => scene.let_go(transactions),
            }
        }
        scene.finish();
        let stored = scene.stored();
        for caller in 0..scene.calls.len() {
            let places: Vec<_> = (1..).zip(&stored).filter(|(_, number)| **number == caller as u64).collect();
            prop_assert!(places.len() <= 1, "{caller} is stored twice: {stored:?}");
            let place = places.first().map(|(place, _)| *place);
            match &scene.answers[caller] {
                Some(Ok(appended)) => prop_assert_eq!(Some(appended.head), place),
                Some(Err(AppendError::Failed(_))) => prop_assert_eq!(None, place),
                // It may be stored.
                Some(Err(AppendError::Unknown(_))) | None => {}
            }
        }
        for group in scene.begun() {
            prop_assert!(group.is_sorted(), "in the order of arrival: {:?}", group);
        }
    }
}
