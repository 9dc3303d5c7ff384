//! The lifecycle of a reservation as a table: every status × every command, each cell stated.

#![allow(clippy::unwrap_used, missing_docs)]

mod shelves;

use domain::stock::{StockCommand, StockRejection};
use shelves::*;

/// The expected outcome of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// Accepted, with these events.
    Do(&'static [&'static str]),
    /// `reservation-unknown`.
    Unknown,
    /// `reservation-conflict`.
    Conflict,
    /// `reservation-not-firm`.
    NotFirm,
    /// `reservation-lost`.
    Lost,
    /// `reservation-committed`.
    Left,
}
use Cell::{Conflict, Do, Left, Lost, NotFirm, Unknown};

/// Accepted, without an event.
const NO: Cell = Do(&[]);
const MADE: Cell = Do(&["ReservationMade", "StockReserved", "StockReserved"]);
const REFUSED: Cell = Do(&["ReservationRefused"]);
const FIRMED: Cell = Do(&["ReservationFirmed"]);
const TOMB: Cell = Do(&["ReservationReleased"]);
const BACK: Cell = Do(&["ReservationReleased", "StockReleased", "StockReleased"]);
const GONE: Cell = Do(&["ReservationCommitted", "StockCommitted", "StockCommitted"]);
const OVER: Cell = Do(&["ReservationExpired", "StockReleased", "StockReleased"]);

/// Two teas and three pots, of ten each; the reservation's time ends at second 100.
fn wish() -> StockCommand {
    reserve(1, &[("tea", 1), ("pot", 3), ("tea", 1)])
}

fn other() -> StockCommand {
    reserve(1, &[("tea", 2), ("pot", 4)])
}

/// The reservation with number 1 in each status.
fn in_status(status: &str) -> Shelves {
    let stock = [receive(901, "tea", "north", 10), receive(902, "pot", "north", 10)];
    let then: &[StockCommand] = match status {
        "none" => &[],
        "none, nothing left" => &[adjust(903, "tea", "north", -9), adjust(904, "pot", "north", -9)],
        "soft" => &[wish()],
        "firm" => &[wish(), StockCommand::Firm],
        "refused" => &[adjust(903, "tea", "north", -9), wish(), receive(904, "tea", "north", 9)],
        "released" => &[wish(), release()],
        "released firm" => &[wish(), StockCommand::Firm, release()],
        "expired" => &[wish(), expire(100)],
        "tombstone" => &[release()],
        "committed" => &[wish(), StockCommand::Firm, commit()],
        unknown => panic!("{unknown}"),
    };
    given(&[&stock, then].concat())
}

#[rustfmt::skip]
const TABLE: [(&str, [Cell; 6]); 10] = [
    //                      reserve  other     firm     release  commit   expire (due)
    ("none",               [MADE,    MADE,     Unknown, TOMB,    Unknown, NO]),
    ("none, nothing left", [REFUSED, REFUSED,  Unknown, TOMB,    Unknown, NO]),
    ("soft",               [NO,      Conflict, FIRMED,  BACK,    NotFirm, OVER]),
    ("firm",               [NO,      Conflict, NO,      BACK,    GONE,    NO]),
    ("refused",            [NO,      Conflict, Lost,    NO,      Lost,    NO]),
    ("released",           [Lost,    Conflict, Lost,    NO,      Lost,    NO]),
    ("released firm",      [Lost,    Conflict, Lost,    NO,      Lost,    NO]),
    ("expired",            [Lost,    Conflict, Lost,    NO,      Lost,    NO]),
    ("tombstone",          [Lost,    Lost,     Lost,    NO,      Lost,    NO]),
    ("committed",          [NO,      Conflict, NO,      Left,    NO,      NO]),
];

#[test]
fn every_status_meets_every_command() {
    let commands = [wish(), other(), StockCommand::Firm, release(), commit(), expire(100)];
    for (status, row) in TABLE {
        let shelves = in_status(status);
        for (command, expected) in commands.iter().zip(row) {
            let outcome = shelves.when(1, command);
            let holds = match (expected, &outcome) {
                (Do(expected), Ok(events)) => events == expected,
                (Unknown, Err(StockRejection::ReservationUnknown))
                | (Conflict, Err(StockRejection::ReservationConflict))
                | (NotFirm, Err(StockRejection::ReservationNotFirm))
                | (Lost, Err(StockRejection::ReservationLost))
                | (Left, Err(StockRejection::ReservationCommitted)) => true,
                _ => false,
            };
            assert!(holds, "{status} × {command:?}: expected {expected:?}, came {outcome:?}");
        }
    }
}

#[test]
fn each_status_has_its_name_and_holds_what_it_should() {
    #[rustfmt::skip]
    let table = [
        // status              name         reserved teas and pots, teas and pots on hand
        ("none",               "absent",    (0, 0), (10, 10)),
        ("soft",               "soft",      (2, 3), (10, 10)),
        ("firm",               "firm",      (2, 3), (10, 10)),
        ("refused",            "refused",   (0, 0), (10, 10)),
        ("released",           "released",  (0, 0), (10, 10)),
        ("released firm",      "released",  (0, 0), (10, 10)),
        ("expired",            "expired",   (0, 0), (10, 10)),
        ("tombstone",          "released",  (0, 0), (10, 10)),
        ("committed",          "committed", (0, 0), (8, 7)),
    ];
    for (status, name, reserved, on_hand) in table {
        let shelves = in_status(status);
        assert_eq!(shelves.state(("reservation", uuid(1))).status(), name);
        let (tea, pot) =
            (shelves.item("tea", "north").unwrap(), shelves.item("pot", "north").unwrap());
        assert_eq!((tea.reserved, pot.reserved), reserved, "{status}");
        assert_eq!((tea.on_hand, pot.on_hand), on_hand, "{status}");
        let left = if status == "committed" { (2, 3) } else { (0, 0) };
        assert_eq!((tea.committed_total, pot.committed_total), left, "{status}");
    }
}

/// The wish with another time, or for another order.
fn wish_of(order: Option<u128>, until: Option<i64>) -> StockCommand {
    let mut wish = wish();
    if let StockCommand::Reserve { order_id, expires_at, .. } = &mut wish {
        (*order_id, *expires_at) = (order.map(uuid), until.map(at));
    }
    wish
}

#[test]
fn only_a_soft_reservation_expires_and_only_when_its_time_has_come() {
    let expires = |until, now| {
        let mut shelves = in_status("none");
        shelves.tell(1, &wish_of(None, until)).unwrap();
        !shelves.when(1, &expire(now)).unwrap().is_empty()
    };
    assert!(!expires(Some(100), 99));
    assert!(expires(Some(100), 100));
    assert!(expires(Some(100), 101));
    assert!(!expires(None, i64::from(i32::MAX)));
}

#[test]
fn a_repeat_may_name_another_time_but_no_other_order() {
    let soft = given(&[
        receive(901, "tea", "north", 10),
        receive(902, "pot", "north", 10),
        wish_of(Some(5), Some(100)),
    ]);
    assert_eq!(soft.when(1, &wish_of(Some(5), Some(500))), Ok(vec![]));
    for order in [None, Some(6)] {
        let refused = soft.when(1, &wish_of(order, Some(100)));
        assert_eq!(refused, Err(StockRejection::ReservationConflict));
    }
}
