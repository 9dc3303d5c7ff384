//! Receipts, adjustments and returns: each item × each movement, each cell stated; and ids that are known.

#![allow(clippy::unwrap_used, missing_docs)]

mod shelves;

use domain::stock::{STOCK_LIMIT, StockCommand, StockEvent, StockRejection, StockState};
use shelves::*;

/// What a cell expects: events on the item and the counters after them, or a rule.
#[derive(Debug)]
enum Cell {
    /// One event on the item and the movement itself; then so much is on hand, and so much available.
    Now(&'static str, u64, i64),
    /// The same with `StockShortfallFound`.
    Short(u64, i64),
    /// `adjustment-exceeds-stock`, with what is on hand.
    Exceeds(u64),
    /// `stock-limit`.
    Limit,
    /// `validation`.
    Invalid,
}
use Cell::{Exceeds, Invalid, Limit, Now, Short};

fn item(state: &str) -> Shelves {
    let ten = receive(901, "tea", "north", 10);
    match state {
        "absent" => Shelves::default(),
        "empty" => given(&[ten, adjust(902, "tea", "north", -10)]),
        "ten, none reserved" => given(&[ten]),
        "ten, eight reserved" => given(&[ten, reserve(1, &[("tea", 8)])]),
        "four, eight reserved" => {
            given(&[ten, reserve(1, &[("tea", 8)]), adjust(902, "tea", "north", -6)])
        }
        "full" => given(&[receive(901, "tea", "north", STOCK_LIMIT)]),
        unknown => panic!("{unknown}"),
    }
}

#[rustfmt::skip]
fn table() -> Vec<(&'static str, StockCommand, Cell)> {
    const MAX: u64 = STOCK_LIMIT;
    let receive = |quantity| receive(5, "tea", "north", quantity);
    let adjust = |delta| adjust(5, "tea", "north", delta);
    let sound = |quantity| take_back(5, "tea", "north", quantity, true);
    let broken = |quantity| take_back(5, "tea", "north", quantity, false);
    let (received, adjusted, returned) = ("StockReceived", "StockAdjusted", "StockReturned");
    let full = i64::try_from(MAX).unwrap();
    vec![
        ("absent",               receive(3),       Now(received, 3, 3)),
        ("absent",               receive(MAX),     Now(received, MAX, full)),
        ("absent",               receive(MAX + 1), Limit),
        ("absent",               receive(0),       Invalid),
        ("absent",               adjust(3),        Now(adjusted, 3, 3)),
        ("absent",               adjust(0),        Invalid),
        ("absent",               adjust(-1),       Exceeds(0)),
        ("absent",               adjust(i64::MIN), Exceeds(0)),
        ("absent",               adjust(i64::MAX), Limit),
        ("absent",               sound(3),         Now(returned, 3, 3)),
        ("absent",               sound(0),         Invalid),
        ("absent",               broken(3),        Now(returned, 0, 0)),
        ("absent",               broken(0),        Invalid),
        ("absent",               broken(MAX + 1),  Limit),
        ("empty",                receive(3),       Now(received, 3, 3)),
        ("empty",                adjust(-1),       Exceeds(0)),
        ("ten, none reserved",   receive(3),       Now(received, 13, 13)),
        ("ten, none reserved",   adjust(3),        Now(adjusted, 13, 13)),
        ("ten, none reserved",   adjust(-10),      Now(adjusted, 0, 0)),
        ("ten, none reserved",   adjust(-11),      Exceeds(10)),
        ("ten, none reserved",   sound(3),         Now(returned, 13, 13)),
        ("ten, none reserved",   broken(3),        Now(returned, 10, 10)),
        ("ten, eight reserved",  receive(3),       Now(received, 13, 5)),
        ("ten, eight reserved",  adjust(3),        Now(adjusted, 13, 5)),
        ("ten, eight reserved",  adjust(-2),       Now(adjusted, 8, 0)),
        ("ten, eight reserved",  adjust(-3),       Short(7, -1)),
        ("ten, eight reserved",  adjust(-10),      Short(0, -8)),
        ("ten, eight reserved",  adjust(-11),      Exceeds(10)),
        ("ten, eight reserved",  sound(3),         Now(returned, 13, 5)),
        ("four, eight reserved", receive(3),       Now(received, 7, -1)),
        ("four, eight reserved", adjust(3),        Now(adjusted, 7, -1)),
        ("four, eight reserved", adjust(-1),       Short(3, -5)),
        ("full",                 receive(1),       Limit),
        ("full",                 adjust(1),        Limit),
        ("full",                 adjust(-1),       Now(adjusted, MAX - 1, full - 1)),
        ("full",                 sound(1),         Limit),
        ("full",                 broken(1),        Now(returned, MAX, full)),
        ("full",                 receive(u64::MAX), Limit),
    ]
}

#[test]
fn every_item_meets_every_movement() {
    for (state, command, expected) in table() {
        let mut shelves = item(state);
        let outcome = shelves.tell(0, &command).map(|events| {
            let names: Vec<_> = events.iter().map(|(_, event)| event.stored_name()).collect();
            let item = shelves.item("tea", "north").unwrap();
            (names, item.on_hand, item.available())
        });
        let holds = match (&expected, &outcome) {
            (Now(name, on_hand, available), Ok((names, now, free))) => {
                *names == [*name, "MovementRecorded"] && (now, free) == (on_hand, available)
            }
            (Short(on_hand, available), Ok((names, now, free))) => {
                *names == ["StockAdjusted", "StockShortfallFound", "MovementRecorded"]
                    && (now, free) == (on_hand, available)
            }
            (Exceeds(on_hand), Err(StockRejection::AdjustmentExceedsStock { on_hand: known })) => {
                on_hand == known
            }
            (Limit, Err(StockRejection::StockLimit))
            | (Invalid, Err(StockRejection::Invalid(_))) => true,
            _ => false,
        };
        assert!(holds, "{state} × {command:?}: expected {expected:?}, came {outcome:?}");
        let status = shelves.state(("stock", domain::stock::item_id(&id("north"), &id("tea"))));
        let expected = match shelves.item("tea", "north").map(|item| item.available()) {
            None => "absent",
            Some(..0) => "short",
            Some(0) => "out_of_stock",
            Some(1..) => "in_stock",
        };
        assert_eq!(status.status(), expected);
    }
}

#[test]
fn a_known_movement_is_not_recorded_again_and_its_id_is_taken() {
    let movements = [
        receive(5, "tea", "north", 3),
        adjust(5, "tea", "north", 3),
        take_back(5, "tea", "north", 3, true),
        take_back(5, "tea", "north", 3, false),
        receive(5, "tea", "north", 4),
        adjust(5, "tea", "north", -3),
        receive(5, "pot", "north", 3),
        receive(5, "tea", "south", 3),
    ];
    for first in &movements {
        let mut shelves = given(&[receive(901, "tea", "north", 10)]);
        shelves.tell(0, first).unwrap();
        assert_eq!(shelves.state(("movement", uuid(5))).status(), "recorded");
        for second in &movements {
            let expected =
                if first == second { Ok(vec![]) } else { Err(StockRejection::MovementConflict) };
            assert_eq!(shelves.when(0, second), expected, "{first:?} then {second:?}");
        }
        let later = receive(6, "tea", "north", 1);
        shelves.tell(0, &later).unwrap();
        assert_eq!(shelves.when(0, first), Ok(vec![]), "known for ever");
    }
}

#[test]
fn a_reason_is_part_of_an_adjustment() {
    let mut other = adjust(5, "tea", "north", 3);
    let shelves = given(std::slice::from_ref(&other));
    if let StockCommand::Adjust { reason, .. } = &mut other {
        *reason = domain::Reason::parse("found behind the shelf").unwrap();
    }
    assert_eq!(shelves.when(0, &other), Err(StockRejection::MovementConflict));
}

#[test]
fn nothing_is_reserved_while_too_little_is_there() {
    let mut shelves = item("four, eight reserved");
    let refused = shelves.when(2, &reserve(2, &[("tea", 1)]));
    assert_eq!(refused, Ok(vec!["ReservationRefused"]));
    shelves.tell(0, &receive(5, "tea", "north", 4)).unwrap();
    assert_eq!(shelves.item("tea", "north").unwrap().available(), 0);
    assert_eq!(shelves.when(2, &reserve(2, &[("tea", 1)])), Ok(vec!["ReservationRefused"]));
    shelves.tell(0, &receive(6, "tea", "north", 1)).unwrap();
    let made = shelves.when(2, &reserve(2, &[("tea", 1)]));
    assert_eq!(made, Ok(vec!["ReservationMade", "StockReserved"]));
}

#[test]
fn units_that_leave_uncounted_leave_none_on_hand() {
    let mut shelves = item("four, eight reserved");
    for command in [StockCommand::Firm, commit()] {
        shelves.tell(1, &command).unwrap();
    }
    let tea = shelves.item("tea", "north").unwrap();
    assert_eq!((tea.on_hand, tea.reserved, tea.committed_total), (0, 0, 8));
}

#[test]
fn the_state_of_an_item_does_not_grow() {
    let mut shelves = given(&[receive(901, "tea", "north", 500_000)]);
    let size = |shelves: &Shelves| {
        let key = ("stock", domain::stock::item_id(&id("north"), &id("tea")));
        serde_json::to_vec(shelves.state(key)).unwrap().len()
    };
    shelves.tell(0, &reserve(1_000, &[("tea", 100)])).unwrap();
    let first = size(&shelves);
    for number in 1_001..1_900 {
        shelves.tell(0, &reserve(number, &[("tea", 1)])).unwrap();
        shelves.tell(0, &receive(10_000 + number, "tea", "north", 1)).unwrap();
    }
    assert_eq!(shelves.item("tea", "north").unwrap().reserved, 999);
    assert_eq!(size(&shelves), first);
}

#[test]
fn a_shortfall_says_what_is_missing() {
    let shelves = item("ten, eight reserved");
    let decision = shelves.decide(0, &adjust(5, "tea", "north", -9)).unwrap();
    let found = StockEvent::StockShortfallFound {
        product_id: id("tea"),
        warehouse: id("north"),
        available: -7,
    };
    assert_eq!(decision.own.last(), Some(&found));
    assert!(matches!(shelves.state(("movement", uuid(5))), StockState::Absent));
}
