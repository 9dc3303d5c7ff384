//! What the auditor finds in logs that no honest decision makes: each law is broken once.

#![allow(clippy::unwrap_used, missing_docs)]

mod shelves;

use domain::stock::{Auditor, StockCommand, StockEvent};
use shelves::*;
use uuid::Uuid;

type Fact = (Uuid, StockEvent);

/// The facts of these commands in the log's order: a decision's own stream comes last.
fn log(commands: &[(u128, StockCommand)]) -> Vec<Fact> {
    let mut shelves = Shelves::default();
    let mut log = Vec::new();
    for (number, command) in commands {
        let written = shelves.tell(*number, command).unwrap();
        let own = written.first().map(|(key, _)| *key);
        let facts = written.into_iter().map(|(key, event)| (Some(key) == own, (key.1, event)));
        let (owned, partners): (Vec<_>, Vec<_>) = facts.partition(|(is_own, _)| *is_own);
        log.extend(partners.into_iter().chain(owned).map(|(_, fact)| fact));
    }
    log
}

/// Two units of tea and two cups; both teas and one cup are held, and made firm.
fn sold_out() -> Vec<(u128, StockCommand)> {
    vec![
        (0, receive(900, "tea", "north", 2)),
        (0, receive(901, "cup", "north", 2)),
        (1, reserve(1, &[("tea", 2), ("cup", 1)])),
        (1, StockCommand::Firm),
    ]
}

fn findings(log: &[Fact]) -> Vec<String> {
    let mut auditor = Auditor::default();
    let mut found: Vec<_> =
        log.iter().flat_map(|(stream, fact)| auditor.read(*stream, fact)).collect();
    found.extend(auditor.conclude());
    found
}

fn finds(log: &[Fact], law: &str) {
    let found = findings(log);
    assert!(found.iter().any(|finding| finding.contains(law)), "{law}: {found:?}");
}

#[test]
fn an_honest_log_has_no_findings() {
    let mut commands = sold_out();
    commands.extend([
        (1, commit()),
        (2, reserve(2, &[("cup", 1)])),
        (2, expire(100)),
        (3, reserve(3, &[("cup", 2), ("tea", 1)])),
        (4, release()),
        (0, take_back(902, "tea", "north", 1, true)),
        (5, reserve(5, &[("tea", 1)])),
        (0, adjust(903, "tea", "north", -1)),
    ]);
    assert_eq!(findings(&log(&commands)), [""; 0]);
}

#[test]
fn more_reserved_than_there_is_is_found_at_its_position() {
    let mut log = log(&sold_out());
    let mut again =
        self::log(&[(0, receive(900, "tea", "north", 9)), (9, reserve(9, &[("tea", 1)]))]);
    log.extend(again.split_off(2));
    finds(&log, "oversold by 1");
}

#[test]
fn a_decision_without_one_of_its_parts_is_found_whichever_it_is() {
    let log = log(&sold_out());
    for missing in 0..log.len() {
        let mut log = log.clone();
        let (_, fact) = log.remove(missing);
        assert!(
            !findings(&log).is_empty() || matches!(fact, StockEvent::ReservationFirmed),
            "without {fact:?}"
        );
    }
}

#[test]
fn a_fact_that_stands_twice_is_found() {
    let mut commands = sold_out();
    commands.push((1, commit()));
    let log = log(&commands);
    for twice in 0..log.len() {
        let mut log = log.clone();
        log.insert(twice, log[twice].clone());
        let harmless = matches!(log[twice].1, StockEvent::ReservationFirmed);
        assert!(harmless || !findings(&log).is_empty(), "twice {:?}", log[twice].1);
    }
}

#[test]
fn a_quantity_that_was_changed_is_found() {
    for (product, held) in [("tea", 2), ("cup", 1)] {
        let mut log = log(&sold_out());
        for (_, fact) in &mut log {
            if let StockEvent::StockReserved { product_id, quantity, .. } = fact
                && product_id.as_str() == product
            {
                assert_eq!(*quantity, held);
                *quantity += 1;
            }
        }
        finds(&log, "say different things");
    }
}

#[test]
fn a_firm_reservation_that_expires_is_found() {
    let mut soft = sold_out();
    soft.pop();
    soft.push((1, expire(100)));
    let mut log = log(&soft);
    assert_eq!(findings(&log), [""; 0]);
    // The same log, but it had been made firm before.
    let firm = (uuid(1), StockEvent::ReservationFirmed);
    let made = log.iter().position(|(_, fact)| matches!(fact, StockEvent::ReservationMade { .. }));
    log.insert(made.unwrap() + 1, firm);
    finds(&log, "a firm reservation expires");
}

#[test]
fn a_reservation_that_ends_twice_is_found() {
    let mut commands = sold_out();
    commands.push((1, release()));
    let mut log = log(&commands);
    let end = log.len() - 3;
    let again = log[end..].to_vec();
    log.extend(again);
    finds(&log, "ends twice");
    finds(&log, "less than nothing is reserved");
}

#[test]
fn a_reservation_in_the_middle_of_another_is_found() {
    let mut log = log(&sold_out());
    let made = log.iter().position(|(_, fact)| matches!(fact, StockEvent::ReservationMade { .. }));
    log.swap(made.unwrap() - 1, made.unwrap());
    finds(&log, "say different things");
    finds(&log, "in part");
}
