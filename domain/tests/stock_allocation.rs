//! Which warehouse gives which units: examples, laws on random numbers, and the same choice inside a decision.

#![allow(clippy::unwrap_used, missing_docs)]

mod shelves;

use domain::stock::allocation::{Demand, Part, allocate};
use domain::stock::{
    MAX_STREAMS, MAX_WAREHOUSES, STOCK_LIMIT, Shortage, StockCommand, StockEvent, StockRejection,
    Untracked, WantedLine, item_id,
};
use proptest::prelude::*;
use shelves::*;

type Parts<'a> = &'a [&'a [(usize, u64)]];

fn demands(rows: &[(u64, &[u64])]) -> Vec<Demand> {
    rows.iter().map(|(wanted, free)| Demand { wanted: *wanted, free: free.to_vec() }).collect()
}

fn check(rows: &[(u64, &[u64])], expected: Result<Parts<'_>, &[usize]>) {
    let parts = allocate(&demands(rows)).map(|demands| {
        let numbers = |parts: Vec<Part>| {
            parts.iter().map(|part| (part.warehouse, part.quantity)).collect::<Vec<_>>()
        };
        demands.into_iter().map(numbers).collect::<Vec<_>>()
    });
    let expected = match expected {
        Ok(parts) => Ok(parts.iter().map(|parts| parts.to_vec()).collect::<Vec<_>>()),
        Err(short) => Err(short.to_vec()),
    };
    assert_eq!(parts, expected, "{rows:?}");
}

#[test]
fn examples() {
    // Nothing is wanted.
    check(&[], Ok(&[]));
    check(&[(0, &[])], Ok(&[&[]]));
    check(&[(0, &[5])], Ok(&[&[]]));
    // One warehouse has everything: the first such, even if another has more.
    check(&[(2, &[2, 9])], Ok(&[&[(0, 2)]]));
    check(&[(2, &[1, 9, 2])], Ok(&[&[(1, 2)]]));
    check(&[(2, &[2, 2]), (3, &[2, 3])], Ok(&[&[(1, 2)], &[(1, 3)]]));
    // None has everything: each product from the first that has all of it.
    check(&[(2, &[2, 0]), (3, &[0, 3])], Ok(&[&[(0, 2)], &[(1, 3)]]));
    check(&[(2, &[1, 2, 9]), (3, &[3, 0, 0])], Ok(&[&[(1, 2)], &[(0, 3)]]));
    // None has all of a product: each in turn gives what it has.
    check(&[(7, &[3, 0, 2, 9])], Ok(&[&[(3, 7)]]));
    check(&[(7, &[3, 0, 2, 4])], Ok(&[&[(0, 3), (2, 2), (3, 2)]]));
    check(&[(7, &[3, 4]), (1, &[0, 1])], Ok(&[&[(0, 3), (1, 4)], &[(1, 1)]]));
    // Too little: every such product is named.
    check(&[(1, &[])], Err(&[0]));
    check(&[(8, &[3, 4])], Err(&[0]));
    check(&[(8, &[3, 4]), (1, &[1, 1]), (1, &[0, 0])], Err(&[0, 2]));
    // As many as there can be.
    check(&[(u64::MAX, &[u64::MAX - 1, u64::MAX])], Ok(&[&[(1, u64::MAX)]]));
    check(&[(u64::MAX, &[u64::MAX - 1, 5])], Ok(&[&[(0, u64::MAX - 1), (1, 1)]]));
}

fn any_demands() -> impl Strategy<Value = Vec<Demand>> {
    (1_usize..=4).prop_flat_map(|warehouses| {
        let demand = (0_u64..12, prop::collection::vec(0_u64..9, warehouses));
        prop::collection::vec(demand.prop_map(|(wanted, free)| Demand { wanted, free }), 0..5)
    })
}

proptest! {
    #[test]
    fn parts_add_up_and_nothing_is_given_twice(demands in any_demands()) {
        let has = |demand: &Demand, warehouse: usize| demand.free[warehouse] >= demand.wanted;
        let warehouses = demands.first().map_or(0, |demand| demand.free.len());
        match allocate(&demands) {
            Err(short) => {
                for (place, demand) in demands.iter().enumerate() {
                    let too_little = demand.free.iter().sum::<u64>() < demand.wanted;
                    prop_assert_eq!(short.contains(&place), too_little);
                }
                prop_assert!(!short.is_empty());
            }
            Ok(parts) => {
                prop_assert_eq!(parts.len(), demands.len());
                for (demand, parts) in demands.iter().zip(&parts) {
                    prop_assert_eq!(parts.iter().map(|part| part.quantity).sum::<u64>(), demand.wanted);
                    prop_assert!(parts.iter().all(|part| part.quantity > 0
                        && part.quantity <= demand.free[part.warehouse]));
                    prop_assert!(parts.is_sorted_by(|one, next| one.warehouse < next.warehouse));
                }
                let everything = (0..warehouses).find(|one| demands.iter().all(|demand| has(demand, *one)));
                for (demand, parts) in demands.iter().zip(&parts).filter(|(demand, _)| demand.wanted > 0) {
                    let alone = (0..warehouses).find(|one| has(demand, *one));
                    match everything.or(alone) {
                        Some(one) => prop_assert_eq!(
                            parts, &vec![Part { warehouse: one, quantity: demand.wanted }]),
                        None => prop_assert!(parts.iter().rev().skip(1).all(
                            |part| part.quantity == demand.free[part.warehouse])),
                    }
                }
            }
        }
    }
}

/// A request for these warehouses.
fn ask(lines: &[(&str, u32)], warehouses: &[&str], untracked: Untracked) -> StockCommand {
    let mut request = reserve(1, lines);
    if let StockCommand::Reserve { warehouses: names, untracked: rule, .. } = &mut request {
        *names = warehouses.iter().map(|name| id(name)).collect();
        *rule = untracked;
    }
    request
}

/// Product, warehouse, units, and whether they are counted; of each line that was made.
fn lines(shelves: &Shelves) -> Vec<(&str, &str, u64, bool)> {
    let lines = &shelves.reservation(1).unwrap().lines;
    let line = |line: &'_ domain::stock::ReservedLine| (line.quantity, line.tracked);
    lines
        .iter()
        .map(|it| (it.product_id.as_str(), it.warehouse.as_str(), line(it).0, line(it).1))
        .collect()
}

#[test]
fn a_decision_follows_the_order_of_the_warehouses() {
    let stock = [
        receive(901, "tea", "north", 5),
        receive(902, "tea", "south", 5),
        receive(903, "pot", "south", 5),
    ];
    let told = |request: StockCommand| {
        let mut shelves = given(&stock);
        shelves.tell(1, &request).unwrap();
        shelves
    };
    let request = ask(&[("tea", 2), ("pot", 2)], &["north", "south"], Untracked::Refuse);
    assert_eq!(lines(&told(request)), [("pot", "south", 2, true), ("tea", "south", 2, true)]);
    let request = ask(&[("tea", 2)], &["north", "south"], Untracked::Refuse);
    assert_eq!(lines(&told(request)), [("tea", "north", 2, true)]);
    let request = ask(&[("tea", 2)], &["south", "north", "south"], Untracked::Refuse);
    assert_eq!(lines(&told(request)), [("tea", "south", 2, true)]);
    let request = ask(&[("tea", 7)], &["south", "north"], Untracked::Refuse);
    let split = told(request);
    assert_eq!(lines(&split), [("tea", "south", 5, true), ("tea", "north", 2, true)]);
    assert_eq!(split.item("tea", "north").unwrap().reserved, 2);
    assert_eq!(split.item("tea", "south").unwrap().reserved, 5);
}

#[test]
fn lines_of_one_product_are_summed_before_anything_is_taken() {
    let mut shelves = given(&[receive(901, "tea", "north", 5)]);
    let request = reserve(1, &[("tea", 3), ("tea", 3)]);
    shelves.tell(1, &request).unwrap();
    let reservation = shelves.reservation(1).unwrap();
    let short = vec![Shortage { product_id: id("tea"), wanted: 6, available: 5 }];
    assert_eq!((reservation.status.as_str(), &reservation.short), ("refused", &short));
    assert_eq!(shelves.item("tea", "north").unwrap().reserved, 0);
}

#[test]
fn a_warehouse_that_is_short_takes_nothing_from_the_others() {
    let shelves = given(&[
        receive(901, "tea", "north", 5),
        reserve(1, &[("tea", 5)]),
        adjust(902, "tea", "north", -3),
        receive(903, "tea", "south", 2),
    ]);
    assert_eq!(shelves.item("tea", "north").unwrap().available(), -3);
    assert_eq!(
        shelves.when(2, &reserve(2, &[("tea", 2)])),
        Ok(vec!["ReservationMade", "StockReserved"])
    );
}

#[test]
fn only_a_product_that_no_warehouse_ever_received_is_sold_without_a_count() {
    let stock = [receive(901, "tea", "north", 1), receive(902, "pot", "south", 1)];
    let selling = |lines: &[(&str, u32)], warehouses: &[&str]| {
        let mut shelves = given(&stock);
        shelves.tell(1, &ask(lines, warehouses, Untracked::Sell)).unwrap();
        shelves
    };
    let both = ["north", "south"];
    let made = selling(&[("tea", 1), ("cup", 9)], &both);
    assert_eq!(lines(&made), [("cup", "north", 9, false), ("tea", "north", 1, true)]);
    assert!(made.item("cup", "north").is_none() && made.item("cup", "south").is_none());
    // Received in one of the warehouses that are asked: counted in all.
    assert_eq!(selling(&[("pot", 2)], &both).reservation(1).unwrap().status.as_str(), "refused");
    assert_eq!(lines(&selling(&[("pot", 2)], &["north"])), [("pot", "north", 2, false)]);
    let refusing = given(&stock);
    let refused = refusing.when(1, &ask(&[("cup", 9)], &both, Untracked::Refuse));
    assert_eq!(refused, Ok(vec!["ReservationRefused"]));
    // Nothing to give back, and nothing that leaves: no item is touched.
    let mut ended = selling(&[("cup", 9)], &both);
    assert_eq!(ended.when(1, &release()), Ok(vec!["ReservationReleased"]));
    assert_eq!(ended.when(1, &expire(100)), Ok(vec!["ReservationExpired"]));
    ended.tell(1, &StockCommand::Firm).unwrap();
    assert_eq!(ended.when(1, &commit()), Ok(vec!["ReservationCommitted"]));
}

/// Products and units.
type Lines<'a> = &'a [(&'a str, u32)];
/// Pointer and code of the field that is refused.
type Expected<'a> = Option<(&'a str, &'a str)>;

#[test]
fn requests_that_no_stock_could_meet_are_invalid() {
    let shelves = given(&[receive(901, "tea", "north", 5)]);
    let warehouses: Vec<String> = (0..=MAX_WAREHOUSES).map(|number| format!("w{number}")).collect();
    let warehouses: Vec<&str> = warehouses.iter().map(String::as_str).collect();
    let products: Vec<String> = (0..=MAX_STREAMS).map(|number| format!("p{number:05}")).collect();
    let many: Vec<(&str, u32)> = products.iter().map(|name| (name.as_str(), 1)).collect();
    let tea: &[(&str, u32)] = &[("tea", 1)];
    let most = MAX_STREAMS / MAX_WAREHOUSES;
    #[rustfmt::skip]
    let table: [(Lines<'_>, &[&str], Expected<'_>); 9] = [
        (tea,                      &["north"],                    None),
        (tea,                      &warehouses[..MAX_WAREHOUSES], None),
        (&many[..MAX_STREAMS],     &["north"],                    None),
        (&many[..most],            &warehouses[..MAX_WAREHOUSES], None),
        (&[],                      &["north"],                    Some(("/lines", "too-few"))),
        (&[("tea", 1), ("pot", 0)], &["north"],                   Some(("/lines/1/quantity", "out-of-range"))),
        (tea,                      &[],                           Some(("/warehouses", "too-few"))),
        (tea,                      &warehouses,                   Some(("/warehouses", "too-many"))),
        (&many[..=most],           &warehouses[..MAX_WAREHOUSES], Some(("/lines", "too-many"))),
    ];
    for (lines, warehouses, expected) in table {
        let request = ask(lines, warehouses, Untracked::Refuse);
        let partners = shelves.partners(Shelves::leader(1, &request), &request);
        match (shelves.decide(1, &request), expected) {
            (Ok(_), None) => assert_eq!(partners.len(), lines.len() * warehouses.len()),
            (Err(StockRejection::Invalid(fields)), Some((pointer, code))) => {
                assert_eq!(
                    (fields[0].0.as_str(), fields[0].1.code, fields.len()),
                    (pointer, code, 1)
                );
                assert!(partners.is_empty());
            }
            (outcome, expected) => panic!("{expected:?} expected, {outcome:?}"),
        }
    }
}

#[test]
fn the_partners_are_every_product_in_every_warehouse_and_each_once() {
    let shelves = Shelves::default();
    let lines = [("tea", 1), ("pot", 1), ("tea", 1)];
    let request = ask(&lines, &["south", "north", "south"], Untracked::Refuse);
    let partners = shelves.partners(Shelves::leader(1, &request), &request);
    let expected = [("pot", "south"), ("pot", "north"), ("tea", "south"), ("tea", "north")];
    let expected = expected.map(|(product, place)| ("stock", item_id(&id(place), &id(product))));
    assert_eq!(partners, expected);
}

#[test]
fn wishes_beyond_all_bounds_are_refused_by_number() {
    let most = WantedLine { product_id: id("tea"), quantity: u32::MAX };
    let mut shelves = given(&[receive(901, "tea", "north", STOCK_LIMIT)]);
    let mut request = reserve(1, &[]);
    if let StockCommand::Reserve { lines, .. } = &mut request {
        *lines = vec![most; 2_000_000];
    }
    let over = u64::from(u32::MAX) * 2_000_000;
    assert!(over < STOCK_LIMIT);
    let told = shelves.tell(1, &request).unwrap();
    assert!(
        matches!(&told[0].1, StockEvent::ReservationMade { wanted, .. } if wanted[0].quantity == over)
    );
    if let StockCommand::Reserve { lines, reservation_id, .. } = &mut request {
        lines.resize(2_097_153, WantedLine { product_id: id("tea"), quantity: u32::MAX });
        *reservation_id = uuid(2);
    }
    assert_eq!(shelves.when(2, &request), Err(StockRejection::StockLimit));
}
