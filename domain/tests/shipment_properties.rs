//! Laws that hold for every shipment, whatever customers, warehouse, staff and carriers do, in whatever order it is heard.

#![allow(clippy::unwrap_used, missing_docs)]

mod carrier_model;
mod parcel_support;

use carrier_model::Carriers;
use carrier_model::ledger::{owed_by, progress};
use domain::shipment::{
    Call, CallKind, CarrierState, MOST_STRAYS, OpenCall, Shipment, ShipmentAggregate,
    ShipmentCommand, ShipmentEvent, ShipmentStatus, open_calls,
};
use domain::{Aggregate, CallFailure, Tries};
use parcel_support::*;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use std::collections::{BTreeSet, HashSet};

/// Something that happens.
#[derive(Debug, Clone)]
enum Step {
    /// A worker makes an open call.
    Work(Index, Luck, CallFailure),
    /// Something that a carrier once said is heard, perhaps again, perhaps late.
    Hear(Index),
    /// Something happens at a carrier.
    Carrier(Index, CarrierState),
    /// The carriers perform what they were sent long ago.
    CatchUp,
    /// The warehouse hands the parcel over, and tells nobody.
    HandOver,
    /// Somebody commands.
    Command(ShipmentCommand),
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy)]
enum Luck {
    Answered,
    AnswerLost,
    PerformedLater,
    Lost,
    Refused,
}

fn any_command() -> impl Strategy<Value = ShipmentCommand> {
    let fail = (any::<bool>(), 1_u32..4, 0_u32..14, select(&CallFailure::ALL));
    prop_oneof![
        1 => Just(planned()),
        3 => Just(ShipmentCommand::Dispatch),
        2 => Just(cancel()),
        4 => select(&["post", "courier", "bike"]).prop_map(rebook),
        3 => Just(retry()),
        3 => fail.prop_map(|(book, booking, attempt, class)| {
            let call = if book { Call::book(booking) } else { Call::cancel(booking, None) };
            ShipmentCommand::FailCall { call, attempt, class, retry_at: at(attempt as usize) }
        }),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let luck = prop_oneof![
        3 => Just(Luck::Answered),
        3 => Just(Luck::AnswerLost),
        3 => Just(Luck::PerformedLater),
        5 => Just(Luck::Lost),
        2 => Just(Luck::Refused),
    ];
    let work = (any::<Index>(), luck, select(&CallFailure::ALL));
    prop_oneof![
        6 => work.prop_map(|(which, luck, class)| Step::Work(which, luck, class)),
        5 => any::<Index>().prop_map(Step::Hear),
        3 => (any::<Index>(), select(&CarrierState::ALL)).prop_map(|(at, to)| Step::Carrier(at, to)),
        1 => Just(Step::CatchUp),
        1 => Just(Step::HandOver),
        2 => any_command().prop_map(Step::Command),
    ]
}

/// Some shipments are left alone for long, so that calls get stuck; some are called off early.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(any_step(), 100..160)
}

/// The shipment, the world outside, and what was heard.
#[derive(Default)]
struct World {
    story: Story<ShipmentAggregate>,
    carriers: Carriers,
    /// How many parcels have physically left.
    left: u32,
}

impl World {
    fn begun() -> Self {
        let mut world = Self::default();
        world.story.tell(&planned()).unwrap();
        world
    }

    fn shipment(&self) -> &Shipment {
        self.story.state.as_ref().unwrap()
    }

    /// The command of a step, if the step tells the shipment anything.
    fn command(&mut self, step: &Step) -> Option<ShipmentCommand> {
        match step {
            Step::Work(which, luck, class) => {
                let open = open_calls(self.shipment());
                if open.is_empty() {
                    return None;
                }
                self.work(which.get(&open), *luck, *class)
            }
            Step::Hear(_) if self.carriers.said.is_empty() => None,
            Step::Hear(which) => {
                Some(ShipmentCommand::Observe(which.get(&self.carriers.said).clone()))
            }
            Step::Carrier(at, to) => {
                let books = self.carriers.books.len();
                if books > 0 {
                    self.carriers.move_on(at.index(books), *to);
                }
                None
            }
            Step::CatchUp => {
                self.carriers.catch_up();
                None
            }
            Step::HandOver => {
                self.hand_over();
                None
            }
            Step::Command(command) => Some(command.clone()),
        }
    }

    fn work(&mut self, call: &OpenCall, luck: Luck, class: CallFailure) -> Option<ShipmentCommand> {
        let answer = match luck {
            Luck::Answered => self.carriers.perform(call),
            Luck::Refused => self.carriers.refuse(call),
            Luck::AnswerLost => {
                self.carriers.perform(call);
                None
            }
            Luck::PerformedLater => {
                self.carriers.delay(call);
                None
            }
            Luck::Lost => None,
        };
        let (attempt, retry_at) = (call.attempt, at(500));
        Some(match answer {
            Some(snapshot) => ShipmentCommand::Observe(snapshot),
            None => ShipmentCommand::FailCall { call: call.call.clone(), attempt, class, retry_at },
        })
    }

    /// The warehouse hands a parcel over only if it has a label, and the shipment is not known to be called off.
    fn hand_over(&mut self) {
        let ready = matches!(
            self.shipment().status,
            ShipmentStatus::Booked | ShipmentStatus::CancelRequested | ShipmentStatus::Dispatched
        );
        let label = self.shipment().carrier_id.clone();
        if let Some(label) = label.filter(|_| ready)
            && self.carriers.pick_up(label.as_str())
        {
            self.left += 1;
        }
    }

    /// The outside heals: calls are performed and answered, everything is read, staff retry what is stuck.
    fn settle(&mut self) {
        self.carriers.catch_up();
        for _ in 0..500 {
            for snapshot in self.carriers.say_all() {
                let _ = self.story.tell(&ShipmentCommand::Observe(snapshot));
            }
            let _ = self.story.tell(&retry());
            let Some(call) = open_calls(self.shipment()).first().cloned() else { return };
            if let Some(answer) = self.carriers.perform(&call) {
                let _ = self.story.tell(&ShipmentCommand::Observe(answer));
            }
        }
        panic!("not settled: {:?}", self.shipment());
    }
}

fn count(events: &[ShipmentEvent], name: &str) -> usize {
    events.iter().filter(|event| event.stored_name() == name).count()
}

fn check(world: &World) -> Result<(), TestCaseError> {
    let (shipment, events) = (world.shipment(), &world.story.events);
    for once in ["ShipmentDispatched", "ShipmentCancelled", "ShipmentArrived", "ShipmentReturned"] {
        prop_assert!(count(events, once) <= 1, "{} twice", once);
    }
    let ends = ["ShipmentArrived", "ShipmentReturned", "ShipmentCancelled"];
    prop_assert!(ends.iter().map(|end| count(events, end)).sum::<usize>() <= 1);
    let (left, cancelled) =
        (count(events, "ShipmentDispatched"), count(events, "ShipmentCancelled"));
    prop_assert!(left + cancelled <= 1, "cancelled and dispatched");
    prop_assert!(world.left == 0 || cancelled == 0, "a parcel left that is called cancelled");
    let waits = |kind, status| {
        let calls = || shipment.owed.iter().filter(|owed| owed.call.kind == kind);
        calls().any(|owed| owed.call.booking == shipment.booking()) == (shipment.status == status)
    };
    prop_assert!(waits(CallKind::Book, ShipmentStatus::Planned));
    let owed: HashSet<_> = shipment.owed.iter().map(|owed| owed.call.clone()).collect();
    prop_assert_eq!(owed.len(), shipment.owed.len(), "a call is owed twice");
    prop_assert_eq!(&owed, &owed_by(events));
    let open = open_calls(shipment);
    let keys: HashSet<_> = open.iter().map(|call| &call.key).collect();
    prop_assert_eq!(keys.len(), open.len(), "two calls share a key");
    let worn_out = |tries: &Tries| tries.failed >= tries.granted && !tries.stuck;
    prop_assert!(!shipment.owed.iter().any(|owed| worn_out(&owed.tries)));
    let stuck = shipment.owed.iter().filter(|owed| owed.tries.stuck).count();
    prop_assert_eq!(open.len() + stuck, owed.len());
    Ok(())
}

proptest! {
    #[test]
    fn every_step_keeps_the_invariants(steps in steps()) {
        let mut world = World::begun();
        for step in &steps {
            let Some(command) = world.command(step) else { continue };
            let before = world.story.state.clone();
            let was = progress(world.shipment().status);
            match world.story.tell(&command) {
                Ok(_) => {
                    let again = ShipmentAggregate::decide(&world.story.state, &command);
                    prop_assert_eq!(again, Ok(vec![]), "{:?} is recorded twice", command);
                }
                Err(_) => prop_assert_eq!(&before, &world.story.state),
            }
            let anew = matches!(command, ShipmentCommand::Rebook { .. });
            prop_assert!(anew || progress(world.shipment().status) >= was, "{:?} went back", command);
            check(&world)?;
        }
        prop_assert_eq!(&fold::<ShipmentAggregate>(None, &world.story.events, 1), &world.story.state);
    }

    /// When the outside heals, no carrier expects a parcel that will not come, and one that is booked is expected once.
    #[test]
    fn carriers_and_shipment_agree_in_the_end(steps in steps()) {
        let mut world = World::begun();
        for step in &steps {
            if let Some(command) = world.command(step) {
                let _ = world.story.tell(&command);
            }
        }
        prop_assume!(world.shipment().strays.len() + world.carriers.books.len() < MOST_STRAYS);
        world.settle();
        check(&world)?;
        let shipment = world.shipment();
        prop_assert!(!matches!(shipment.status, ShipmentStatus::Planned | ShipmentStatus::CancelRequested));
        let expected = world.carriers.books.iter().filter(|real| real.state == CarrierState::Booked);
        for real in expected {
            prop_assert_eq!(Some(real.carrier_id.as_str()), shipment.carrier_id.as_ref().map(|id| id.as_str()));
            prop_assert_ne!(shipment.status, ShipmentStatus::Cancelled);
        }
        if shipment.status == ShipmentStatus::Booked {
            let mut counts = world.carriers.books.iter().filter(|real| real.state == CarrierState::Booked);
            prop_assert_eq!(counts.next().map(|real| id(&real.carrier_id)), shipment.carrier_id.clone());
        }
        let heard = world.carriers.say_all();
        for snapshot in heard {
            let late = ShipmentAggregate::decide(&world.story.state, &ShipmentCommand::Observe(snapshot.clone()));
            prop_assert_eq!(late, Ok(vec![]), "{:?} is news", snapshot);
        }
    }

    /// The journey of a booked parcel ends the same, in whatever order its steps are heard.
    #[test]
    fn the_order_of_hearing_does_not_matter(
        journey in select(vec![
            vec![CarrierState::Booked, CarrierState::InTransit, CarrierState::Arrived],
            vec![CarrierState::Booked, CarrierState::InTransit, CarrierState::Failed, CarrierState::Arrived],
            vec![CarrierState::Booked, CarrierState::InTransit, CarrierState::Failed, CarrierState::Returned],
            vec![CarrierState::Booked, CarrierState::InTransit, CarrierState::Failed],
            vec![CarrierState::Booked, CarrierState::Cancelled],
        ]),
        heard in prop::collection::vec(any::<Index>(), 0..12),
        wanted in any::<bool>(),
    ) {
        let story = || {
            let mut story = Story::<ShipmentAggregate>::default();
            story.tell(&planned()).unwrap();
            story.tell(&observe(1, Some("k-1"), CarrierState::Booked)).unwrap();
            if wanted {
                story.tell(&cancel()).unwrap();
            }
            story
        };
        let (mut plain, mut mixed) = (story(), story());
        for state in &journey {
            plain.tell(&observe(1, Some("k-1"), *state)).unwrap();
        }
        for which in heard {
            mixed.tell(&observe(1, Some("k-1"), *which.get(&journey))).unwrap();
        }
        // Whatever was heard before, the newest state is read in the end.
        mixed.tell(&observe(1, Some("k-1"), *journey.last().unwrap())).unwrap();
        prop_assert_eq!(plain.state.unwrap().status, mixed.state.unwrap().status);
    }

    #[test]
    fn replay_snapshot_and_storage_lose_nothing(steps in steps(), cut in any::<Index>()) {
        let mut world = World::begun();
        for step in &steps {
            if let Some(command) = world.command(step) {
                let _ = world.story.tell(&command);
            }
        }
        let Story { state, events } = &world.story;
        let cut = cut.index(events.len() + 1);
        let first = fold::<ShipmentAggregate>(None, &events[..cut], 1);
        let bytes = serde_json::to_vec(&first).unwrap();
        let restored: Option<Shipment> = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(&restored, &first);
        prop_assert_eq!(&fold::<ShipmentAggregate>(restored, &events[cut..], cut + 1), state);
        for event in events {
            let stored = ShipmentAggregate::encode(event);
            let read = ShipmentAggregate::decode(stored.event_type, stored.schema_version, &stored.payload);
            prop_assert_eq!(read.as_ref(), Ok(event));
        }
    }
}

/// A generator that misses statuses or facts would prove little.
#[test]
fn random_worlds_reach_every_status_and_every_fact() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut statuses, mut facts) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..2_000 {
        let mut world = World::begun();
        for step in &steps().new_tree(&mut runner).unwrap().current() {
            if let Some(command) = world.command(step) {
                let _ = world.story.tell(&command);
                statuses.insert(world.shipment().status);
            }
        }
        facts.extend(world.story.events.iter().map(ShipmentEvent::stored_name));
    }
    assert!(statuses.iter().eq(&ShipmentStatus::ALL), "{statuses:?}");
    let all: BTreeSet<_> = domain::shipment::EVENT_TYPES.iter().map(|(name, _)| *name).collect();
    assert_eq!(facts, all);
}
