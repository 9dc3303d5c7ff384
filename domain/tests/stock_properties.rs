//! Laws that hold for all stock: random commands on several products, warehouses and reservations, checked after every
//! step, and compared with a plain ledger that knows the rules and none of the code.

#![allow(clippy::unwrap_used, missing_docs)]

mod ledger;
mod shelves;

use domain::Aggregate;
use domain::stock::{
    Auditor, ReservationStatus, StockAggregate, StockCommand, StockEvent, StockRejection,
    StockState, Untracked, WantedLine, item_id,
};
use ledger::{Answer, Ledger};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use shelves::*;
use std::collections::{BTreeMap, BTreeSet};

const PRODUCTS: [&str; 3] = ["cup", "pot", "tea"];
const WAREHOUSES: [&str; 3] = ["east", "north", "south"];

/// A command, and the reservation that it is on, if it is on one.
type Step = (u128, StockCommand);

fn product() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&PRODUCTS[..])
}

fn warehouse() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&WAREHOUSES[..])
}

/// Few enough that repetitions and conflicts are common.
fn movement() -> impl Strategy<Value = u128> {
    900_u128..960
}

fn wish() -> impl Strategy<Value = StockCommand> {
    let lines = prop::collection::vec((product(), 1_u32..6), 1..4);
    let warehouses = prop::collection::vec(warehouse(), 1..5);
    let rules =
        (prop::option::weighted(0.8, 0_i64..60), any::<bool>(), prop::option::of(0_u128..2));
    (0_u128..40, lines, warehouses, rules).prop_map(
        |(number, lines, warehouses, (expires_at, sell, order))| StockCommand::Reserve {
            reservation_id: uuid(number),
            order_id: order.map(uuid),
            lines: lines
                .into_iter()
                .map(|(product, quantity)| WantedLine { product_id: id(product), quantity })
                .collect(),
            warehouses: warehouses.into_iter().map(id).collect(),
            expires_at: expires_at.map(at),
            untracked: if sell { Untracked::Sell } else { Untracked::Refuse },
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let number = || 0_u128..40;
    let moved = || (movement(), product(), warehouse());
    prop_oneof![
        4 => (moved(), 1_u64..20).prop_map(|((m, p, w), q)| (0, receive(m, p, w, q))),
        2 => (moved(), -12_i64..6).prop_map(|((m, p, w), delta)| (0, adjust(m, p, w, delta))),
        1 => (moved(), 0_u64..4, any::<bool>())
            .prop_map(|((m, p, w), q, restocked)| (0, take_back(m, p, w, q, restocked))),
        12 => wish().prop_map(|wish| (0, wish)),
        6 => number().prop_map(|number| (number, StockCommand::Firm)),
        4 => number().prop_map(|number| (number, release())),
        5 => number().prop_map(|number| (number, commit())),
        6 => (number(), 0_i64..60).prop_map(|(number, now)| (number, expire(now))),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 200..240)
}

/// A repetition of a request that was told before, now and then.
fn told_again(steps: &[Step], index: usize) -> Option<&Step> {
    (index % 7 == 6).then(|| &steps[index * 5 / 7])
}

/// What an outcome is, in the ledger's words.
fn answer(outcome: &Outcome) -> Answer {
    match outcome {
        Ok(decision) if decision.own.is_empty() => Answer::Nothing,
        Ok(decision) => match decision.own[0] {
            StockEvent::ReservationRefused { .. } => Answer::Short,
            _ => Answer::Done,
        },
        Err(rejection) => Answer::Refused(match rejection {
            StockRejection::ReservationUnknown => "reservation-unknown",
            StockRejection::ReservationConflict => "reservation-conflict",
            StockRejection::ReservationNotFirm => "reservation-not-firm",
            StockRejection::ReservationLost => "reservation-lost",
            StockRejection::ReservationCommitted => "reservation-committed",
            StockRejection::MovementConflict => "movement-conflict",
            StockRejection::AdjustmentExceedsStock { .. } => "adjustment-exceeds-stock",
            StockRejection::StockLimit => "stock-limit",
            StockRejection::Invalid(_) => "validation",
            StockRejection::WrongStreams => "wrong-streams",
        }),
    }
}

/// Σ of the counted lines of all open reservations, by item.
fn held(shelves: &Shelves) -> BTreeMap<Key, u64> {
    let mut held = BTreeMap::new();
    for state in shelves.states.values() {
        let StockState::Reservation(reservation) = state else { continue };
        if !reservation.status.is_open() {
            continue;
        }
        for line in reservation.lines.iter().filter(|line| line.tracked) {
            let key = ("stock", item_id(&line.warehouse, &line.product_id));
            *held.entry(key).or_default() += line.quantity;
        }
    }
    held
}

fn check_counters(shelves: &Shelves, ledger: &Ledger) -> Result<(), TestCaseError> {
    let held = held(shelves);
    let known = |key| matches!(shelves.state(key), StockState::Item(_));
    prop_assert!(held.keys().all(|key| known(*key)), "units of nothing are held");
    for product in PRODUCTS {
        for warehouse in WAREHOUSES {
            let item = shelves.item(product, warehouse);
            let key = ("stock", item_id(&id(warehouse), &id(product)));
            let reserved = item.map_or(0, |item| item.reserved);
            prop_assert_eq!(reserved, held.get(&key).copied().unwrap_or(0));
            let available = item.map(|item| item.available());
            prop_assert_eq!(available, ledger.available(product, warehouse));
        }
    }
    Ok(())
}

/// The facts that one decision wrote, on the state after it.
fn check_written(shelves: &Shelves, written: &[(Key, StockEvent)]) -> Result<(), TestCaseError> {
    for (key, event) in written {
        if let StockEvent::StockReserved { product_id, warehouse, quantity, .. } = event {
            let item = shelves.item(product_id.as_str(), warehouse.as_str()).unwrap();
            prop_assert!(*quantity > 0 && item.available() >= 0, "{:?} left {:?}", event, item);
        }
        let stored = StockAggregate::encode(event);
        let read =
            StockAggregate::decode(stored.event_type, stored.schema_version, &stored.payload);
        prop_assert_eq!(read.as_ref(), Ok(event));
        let kind = match event.stored_name() {
            name if name.starts_with("Stock") => "stock",
            name if name.starts_with("Reservation") => "reservation",
            _ => "movement",
        };
        prop_assert_eq!(key.0, kind);
    }
    Ok(())
}

/// The auditor reads a decision's facts as the log has them: those of the command's own stream come last.
fn check_audit(auditor: &mut Auditor, written: &[(Key, StockEvent)]) -> Result<(), TestCaseError> {
    let own = written.first().map(|(key, _)| *key);
    let is_own = |(key, _): &&(Key, StockEvent)| Some(*key) == own;
    let partners = written.iter().filter(|part| !is_own(part));
    for (key, event) in partners.chain(written.iter().filter(is_own)) {
        prop_assert_eq!(auditor.read(key.1, event), [""; 0], "{:?}", event);
    }
    prop_assert_eq!(auditor.conclude(), [""; 0]);
    Ok(())
}

/// Each reservation's own stream: it ends at most once, is never made again, and a firm one does not expire.
fn check_lives(shelves: &Shelves) -> Result<(), TestCaseError> {
    for (key, events) in shelves.events.iter().filter(|(key, _)| key.0 == "reservation") {
        let names: Vec<_> = events.iter().map(StockEvent::stored_name).collect();
        let is_end = |name: &&str| {
            matches!(
                *name,
                "ReservationReleased"
                    | "ReservationExpired"
                    | "ReservationCommitted"
                    | "ReservationRefused"
            )
        };
        let end = names.iter().position(is_end);
        prop_assert!(end.is_none_or(|end| end == names.len() - 1), "{:?}: {:?}", key, names);
        let firm = names.contains(&"ReservationFirmed");
        prop_assert!(!(firm && names.contains(&"ReservationExpired")), "{:?}: {:?}", key, names);
        prop_assert!(firm || !names.contains(&"ReservationCommitted"), "{:?}: {:?}", key, names);
        prop_assert!(names.iter().skip(1).all(|name| *name != "ReservationMade"));
    }
    Ok(())
}

/// A command that needs partners is not decided without them, and no other is decided otherwise.
fn check_alone(shelves: &Shelves, (number, command): &Step) -> Result<(), TestCaseError> {
    let leader = Shelves::leader(*number, command);
    let state = shelves.state(leader);
    let partners = shelves.partners(leader, command);
    let distinct: BTreeSet<_> = partners.iter().chain([&leader]).collect();
    prop_assert_eq!(distinct.len(), partners.len() + 1, "a stream is asked for twice");
    let alone = StockAggregate::decide(state, command);
    if partners.is_empty() {
        prop_assert_eq!(alone, shelves.decide(*number, command).map(|decision| decision.own));
    } else {
        prop_assert_eq!(alone, Err(StockRejection::WrongStreams));
    }
    Ok(())
}

fn told(steps: &[Step]) -> Shelves {
    let mut shelves = Shelves::default();
    for (number, command) in steps {
        let _ = shelves.tell(*number, command);
    }
    shelves
}

fn fold(state: StockState, events: &[StockEvent]) -> StockState {
    events.iter().fold(state, |state, event| StockAggregate::evolve(state, event, at(0)))
}

proptest! {
    #[test]
    fn every_step_keeps_the_invariants_and_agrees_with_a_plain_ledger(steps in steps()) {
        let (mut shelves, mut ledger) = (Shelves::default(), Ledger::default());
        let mut auditor = Auditor::default();
        for (index, step) in steps.iter().enumerate() {
            let (number, command) = told_again(&steps, index).unwrap_or(step);
            check_alone(&shelves, &(*number, command.clone()))?;
            let outcome = shelves.decide(*number, command);
            let lines = outcome.as_ref().ok().and_then(|decision| decision.own.first());
            let expected = ledger.told(*number, command, lines);
            prop_assert_eq!(answer(&outcome), expected, "{:?}", command);
            let before = outcome.is_err().then(|| shelves.clone());
            match shelves.tell(*number, command) {
                Ok(written) => {
                    check_written(&shelves, &written)?;
                    check_audit(&mut auditor, &written)?;
                    prop_assert_eq!(shelves.when(*number, command), Ok(vec![]), "{:?} again", command);
                }
                Err(_) => prop_assert_eq!(before.map(|before| before.states), Some(shelves.states.clone())),
            }
            check_counters(&shelves, &ledger)?;
        }
        check_lives(&shelves)?;
    }

    #[test]
    fn a_fold_may_stop_anywhere_and_go_on_from_a_snapshot(steps in steps(), cut in any::<prop::sample::Index>()) {
        for (key, events) in &told(&steps).events {
            let whole = fold(StockState::Absent, events);
            let (first, second) = events.split_at(cut.index(events.len() + 1));
            let half = fold(StockState::Absent, first);
            prop_assert_eq!(&fold(half.clone(), second), &whole, "{:?}", key);
            let snapshot = serde_json::to_vec(&half).unwrap();
            let restored: StockState = serde_json::from_slice(&snapshot).unwrap();
            prop_assert_eq!(&restored, &half);
            prop_assert_eq!(fold(restored, second), whole, "{:?}", key);
            prop_assert!(key.0 != "stock" || snapshot.len() < 160, "{}", snapshot.len());
        }
    }

    #[test]
    fn states_that_are_loaded_from_snapshots_decide_alike(steps in steps(), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(steps.len());
        let mut kept = told(&steps[..cut]);
        let mut restored = kept.clone();
        for state in restored.states.values_mut() {
            *state = serde_json::from_slice(&serde_json::to_vec(state).unwrap()).unwrap();
        }
        for (number, command) in &steps[cut..] {
            prop_assert_eq!(kept.tell(*number, command), restored.tell(*number, command));
        }
        prop_assert_eq!(kept.states, restored.states);
    }
}

/// A generator that misses outcomes would prove little.
#[test]
fn random_commands_reach_every_status_event_and_rule() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut statuses, mut events, mut rules) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut split = false;
    for _ in 0..40 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        let mut shelves = Shelves::default();
        for (number, command) in &steps {
            if let Answer::Refused(rule) = answer(&shelves.decide(*number, command)) {
                rules.insert(rule);
            }
            let written = shelves.tell(*number, command).unwrap_or_default();
            let reserved = |(_, event): &&(Key, StockEvent)| event.stored_name() == "StockReserved";
            if let Some((_, StockEvent::ReservationMade { wanted, .. })) = written.first() {
                split |= written.iter().filter(reserved).count() > wanted.len();
            }
            statuses.extend(shelves.states.values().map(StockState::status));
        }
        events.extend(shelves.events.values().flatten().map(StockEvent::stored_name));
    }
    assert!(split, "no product was ever split over warehouses");
    let names = domain::stock::stored::EVENT_TYPES.map(|(name, _)| name);
    assert_eq!(events, BTreeSet::from(names));
    let mut all: BTreeSet<_> = ReservationStatus::ALL.map(ReservationStatus::as_str).into();
    all.extend(["in_stock", "out_of_stock", "short", "recorded"]);
    assert_eq!(statuses, all);
    let reached = [
        "adjustment-exceeds-stock",
        "movement-conflict",
        "reservation-committed",
        "reservation-conflict",
        "reservation-lost",
        "reservation-not-firm",
        "reservation-unknown",
        "validation",
    ];
    assert_eq!(rules, BTreeSet::from(reached));
}
