//! Facts that no decision wrote: any sequence of them folds, and no decision on what comes of it is wrong in silence.

#![allow(clippy::unwrap_used, missing_docs)]

mod shelves;

use domain::stock::{
    Movement, MovementChange, ReleaseCause, ReservedLine, Shortage, StockAggregate, StockCommand,
    StockEvent, StockItem, StockRejection, StockState, Wanted, item_id,
};
use domain::{Aggregate, Partner, Reason, Reference};
use proptest::prelude::*;
use shelves::*;

const NAMES: [&str; 4] = ["tea", "pot", "north", "south"];

fn name() -> impl Strategy<Value = Reference> {
    prop::sample::select(&NAMES[..]).prop_map(id)
}

fn units() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 1_u64..9, Just(u64::MAX), Just(u64::MAX - 3), any::<u64>()]
}

fn difference() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), -9_i64..9, Just(i64::MIN), Just(i64::MAX), any::<i64>()]
}

fn lines() -> impl Strategy<Value = Vec<ReservedLine>> {
    let line = (name(), name(), units(), any::<bool>());
    let line = line.prop_map(|(product_id, warehouse, quantity, tracked)| ReservedLine {
        product_id,
        warehouse,
        quantity,
        tracked,
    });
    prop::collection::vec(line, 0..4)
}

fn wanted() -> impl Strategy<Value = Vec<Wanted>> {
    let wanted = (name(), units());
    let wanted = wanted.prop_map(|(product_id, quantity)| Wanted { product_id, quantity });
    prop::collection::vec(wanted, 0..3)
}

fn item_event() -> impl Strategy<Value = StockEvent> {
    let parts = (name(), name(), units(), difference(), any::<bool>());
    (parts, 0..7).prop_map(|((product_id, warehouse, quantity, delta, flag), which)| {
        let (movement_id, reservation_id) = (uuid(5), uuid(6));
        match which {
            0 => StockEvent::StockReceived { product_id, warehouse, movement_id, quantity },
            1 => {
                let reason = why();
                StockEvent::StockAdjusted { product_id, warehouse, movement_id, delta, reason }
            }
            2 => StockEvent::StockReturned {
                product_id,
                warehouse,
                movement_id,
                quantity,
                restocked: flag,
            },
            3 => StockEvent::StockReserved { product_id, warehouse, reservation_id, quantity },
            4 => {
                let why = if flag { ReleaseCause::Released } else { ReleaseCause::Expired };
                StockEvent::StockReleased { product_id, warehouse, reservation_id, quantity, why }
            }
            5 => StockEvent::StockCommitted { product_id, warehouse, reservation_id, quantity },
            _ => StockEvent::StockShortfallFound { product_id, warehouse, available: delta },
        }
    })
}

fn other_event() -> impl Strategy<Value = StockEvent> {
    let parts = (name(), name(), units(), difference(), any::<bool>());
    (parts, lines(), wanted(), 0..7).prop_map(
        |((product_id, warehouse, quantity, delta, flag), lines, wanted, which)| {
            let (reservation_id, order_id) = (uuid(6), flag.then(|| uuid(9)));
            match which {
                0 => {
                    let change = match (flag, delta) {
                        (true, 0) => MovementChange::Receipt { quantity },
                        (true, _) => MovementChange::Adjustment { delta, reason: why() },
                        (false, _) => MovementChange::Return { quantity, restocked: delta > 0 },
                    };
                    StockEvent::MovementRecorded(Movement { product_id, warehouse, change })
                }
                1 => StockEvent::ReservationMade {
                    reservation_id,
                    order_id,
                    lines,
                    wanted,
                    expires_at: flag.then(|| at(delta % 1_000)),
                },
                2 => {
                    let short = vec![Shortage { product_id, wanted: quantity, available: 0 }];
                    StockEvent::ReservationRefused { reservation_id, order_id, wanted, short }
                }
                3 => StockEvent::ReservationFirmed,
                4 => {
                    let why = flag.then(|| Reason::parse("gone").unwrap());
                    StockEvent::ReservationReleased { why, lines }
                }
                5 => StockEvent::ReservationExpired { lines },
                _ => StockEvent::ReservationCommitted { shipment: Some(product_id), lines },
            }
        },
    )
}

fn event() -> impl Strategy<Value = StockEvent> {
    prop_oneof![item_event(), other_event()]
}

/// The fold of any facts, and mostly of facts about an item.
fn state() -> impl Strategy<Value = StockState> {
    let any_facts = prop::collection::vec(event(), 0..5);
    let of_an_item = prop::collection::vec(item_event(), 1..5);
    prop_oneof![any_facts, of_an_item].prop_map(|events| fold(StockState::Absent, &events))
}

fn fold(state: StockState, events: &[StockEvent]) -> StockState {
    events.iter().fold(state, |state, event| StockAggregate::evolve(state, event, at(0)))
}

fn command() -> impl Strategy<Value = StockCommand> {
    let number = difference();
    (number, units(), any::<bool>(), 0..8).prop_map(|(delta, quantity, flag, which)| match which {
        0 => receive(5, "tea", "north", quantity),
        1 => adjust(5, "tea", "north", delta),
        2 => take_back(5, "tea", "north", quantity, flag),
        3 => {
            let quantity = u32::try_from(quantity).unwrap_or(u32::MAX);
            reserve(6, &[("tea", quantity), ("pot", 1), ("tea", 1)])
        }
        4 => StockCommand::Firm,
        5 => release(),
        6 => commit(),
        _ => expire(delta % 1_000),
    })
}

/// A reservation with any lines that holds them still.
fn open_reservation() -> impl Strategy<Value = StockState> {
    (lines(), wanted(), any::<bool>()).prop_map(|(lines, wanted, firm)| {
        let (reservation_id, order_id, expires_at) = (uuid(6), None, Some(at(0)));
        let made =
            StockEvent::ReservationMade { reservation_id, order_id, lines, wanted, expires_at };
        let facts = [made, StockEvent::ReservationFirmed];
        fold(StockState::Absent, if firm { &facts } else { &facts[..1] })
    })
}

/// The item that a partner is, with any counters; the state before the first event if it is none or has none.
fn known_item(partner: Partner, on_hand: u64, reserved: u64) -> StockState {
    for product in NAMES {
        for warehouse in NAMES {
            let (product_id, warehouse) = (id(product), id(warehouse));
            if item_id(&warehouse, &product_id) == partner.id && (on_hand, reserved) != (0, 0) {
                let committed_total = on_hand;
                let item = StockItem { product_id, warehouse, on_hand, reserved, committed_total };
                return StockState::Item(item);
            }
        }
    }
    StockState::Absent
}

/// What a decision takes from an item that it was given; nothing may be more than there is.
fn takes_too_much(item: Option<&StockItem>, event: &StockEvent) -> bool {
    let (reserved, free) = item.map_or((0, 0), |item| (item.reserved, item.free()));
    match event {
        StockEvent::StockReleased { quantity, .. }
        | StockEvent::StockCommitted { quantity, .. } => *quantity > reserved,
        StockEvent::StockReserved { quantity, .. } => *quantity > free,
        _ => false,
    }
}

proptest! {
    #[test]
    fn every_sequence_folds_and_reads_back(events in prop::collection::vec(event(), 0..30)) {
        let mut state = StockState::Absent;
        for event in &events {
            let before = state.status();
            state = StockAggregate::evolve(state, event, at(0));
            let ended = matches!(before, "refused" | "released" | "expired" | "committed");
            prop_assert!(!ended || state.status() == before, "{} became {}", before, state.status());
            prop_assert!(before == "absent" || state.status() != "absent");
            let stored = StockAggregate::encode(event);
            let read = StockAggregate::decode(stored.event_type, stored.schema_version, &stored.payload);
            prop_assert_eq!(read.as_ref(), Ok(event));
        }
        let snapshot = serde_json::to_vec(&state).unwrap();
        prop_assert_eq!(serde_json::from_slice::<StockState>(&snapshot).unwrap(), state);
    }

    #[test]
    fn no_decision_takes_more_than_there_is(
        state in prop_oneof![state(), open_reservation()],
        command in command(),
        counters in prop::collection::vec((units(), units()), 1..6),
    ) {
        let partners = StockAggregate::partners(&state, &command);
        let states: Vec<_> = partners.iter().zip(counters.iter().cycle())
            .map(|(partner, (on_hand, reserved))| known_item(*partner, *on_hand, *reserved))
            .collect();
        let given: Vec<_> = states.iter().collect();
        let Ok(decision) = StockAggregate::decide_jointly(&state, &given, &command) else {
            let commits = state.status() == "firm" && matches!(command, StockCommand::Commit { .. });
            prop_assert!(!commits, "what has left is a fact");
            return Ok(());
        };
        prop_assert!(decision.partners.len() <= partners.len());
        for (partner, events) in states.iter().zip(&decision.partners) {
            let item = if let StockState::Item(item) = partner { Some(item) } else { None };
            prop_assert!(!events.iter().any(|event| takes_too_much(item, event)), "{:?}", events);
            let after = fold(partner.clone(), events);
            prop_assert_eq!(item.is_some(), matches!(after, StockState::Item(_)));
        }
    }

    #[test]
    fn too_few_or_too_many_partners_are_refused(
        state in state(), command in command(), count in 0_usize..6,
    ) {
        let partners = StockAggregate::partners(&state, &command);
        let states = vec![&StockState::Absent; count];
        let decision = StockAggregate::decide_jointly(&state, &states, &command);
        let accepted = decision.is_ok();
        prop_assert!(!accepted || count == partners.len(), "{} for {}", count, partners.len());
        if count == 0 && !partners.is_empty() {
            prop_assert_eq!(StockAggregate::decide(&state, &command), Err(StockRejection::WrongStreams));
        }
    }
}

#[test]
fn a_stream_of_another_kind_is_refused() {
    let shelves = given(&[receive(5, "tea", "north", 9), reserve(1, &[("tea", 1)])]);
    let item = shelves.state(Shelves::leader(0, &receive(5, "tea", "north", 1)));
    let reservation = shelves.state(("reservation", uuid(1)));
    let movement = shelves.state(("movement", uuid(5)));
    let absent = StockState::Absent;
    let wrong = |state, partners: &[&StockState], command: &StockCommand| {
        let decision = StockAggregate::decide_jointly(state, partners, command);
        assert_eq!(decision, Err(StockRejection::WrongStreams), "{command:?}");
    };
    let tea = receive(6, "tea", "north", 1);
    let pot = receive(6, "pot", "north", 1);
    for (state, known) in
        [(reservation, &absent), (movement, &absent), (item, reservation), (item, item)]
    {
        wrong(state, &[known], &tea);
    }
    wrong(item, &[&absent], &pot);
    for state in [item, movement] {
        for command in [StockCommand::Firm, release(), commit(), expire(0)] {
            wrong(state, &[], &command);
        }
        wrong(state, &[], &reserve(2, &[("tea", 1)]));
    }
    // The first partner is to be the tea in the north.
    wrong(&absent, &[&absent, item], &reserve(2, &[("tea", 1)]));
    wrong(&absent, &[reservation, &absent], &reserve(2, &[("tea", 1)]));
    wrong(reservation, &[movement], &release());
}

#[test]
fn an_item_that_has_less_reserved_than_it_should_is_left_at_zero() {
    let mut shelves = given(&[receive(5, "tea", "north", 9), reserve(1, &[("tea", 4)])]);
    let key = Shelves::leader(0, &receive(5, "tea", "north", 1));
    let Some(StockState::Item(item)) = shelves.states.get_mut(&key) else { panic!("no item") };
    item.reserved = 3;
    let told = shelves.clone().tell(1, &release()).unwrap();
    assert!(matches!(told[1].1, StockEvent::StockReleased { quantity: 3, .. }), "{told:?}");
    shelves.states.remove(&key);
    assert_eq!(shelves.when(1, &release()), Ok(vec!["ReservationReleased"]));
}
