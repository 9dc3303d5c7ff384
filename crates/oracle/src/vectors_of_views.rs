//! The oracle against documents written by hand, as the contract's page shows them. They are an order, and figures of
//! three orders at the edge of a day, in two currencies: one is cancelled later, and one is never placed.

use super::compose::{allowed, compose, sorted};
use super::fact::{Beginning, Customer, Event, Fact, Line, Time};
use super::figures::{Sales, customer, product, sales, status_counts};
use super::lists::{Asked, check};
use super::stream::Stream;
use super::world::{Then, World};
use serde_json::{Value, json};
use uuid::Uuid;

const PLACED_LATE: &str = "2017-11-24T23:59:59.999999Z";
const PLACED_EARLY: &str = "2017-11-25T00:00:00.000000Z";
const CANCELLED: &str = "2017-12-01T08:00:00.000000Z";
const DRAFTED: &str = "2017-11-20T12:00:00.000000Z";

fn at(text: &str) -> Time {
    super::fact::read_time(text).expect("a time as the wire has it")
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn stream(number: u128, facts: Vec<(u64, &str, Fact)>) -> Stream {
    let mut stream = Stream::empty(id(number));
    for (position, time, fact) in facts {
        stream.push(Event {
            fact,
            version: stream.version() + 1,
            position,
            event_id: String::new(),
            occurred_at: at(time),
            recorded_at: at(time),
            correlation: None,
        });
    }
    stream
}

fn beginning(name: Option<&str>, currency: &str, unit_price: i128) -> Beginning {
    let customer = Customer { id: "c".to_owned(), name: name.map(str::to_owned), email: None };
    let (product_id, name) = ("p".to_owned(), format!("Thing in {currency}"));
    let lines = vec![Line { line_id: 1, product_id, name, quantity: 2, unit_price }];
    Beginning { customer, currency: currency.to_owned(), lines, note: None }
}

/// Of the first two orders, the one placed last comes first in the log.
fn world() -> World {
    let yen = Fact::Begun(beginning(Some("Bea"), "JPY", 250));
    let dollars = Fact::Begun(beginning(Some("Ada"), "USD", 500));
    let draft = Fact::Drafted(beginning(Some("Cid"), "USD", 100));
    let cancelled = Fact::Cancelled { reason: "late".to_owned() };
    let streams = [
        stream(1, vec![(1, PLACED_EARLY, yen)]),
        stream(2, vec![(2, PLACED_LATE, dollars), (4, CANCELLED, cancelled)]),
        stream(3, vec![(3, DRAFTED, draft)]),
    ];
    World(streams.into_iter().map(|stream| (stream.id, stream)).collect())
}

fn then(as_of: Option<&str>) -> Vec<Then> {
    world().at(as_of.map(at))
}

/// The right document is accepted, and one with a changed member is not.
fn only(right: &Value, member: &str, wrong: Value, holds: impl Fn(&Value) -> Result<(), String>) {
    assert_eq!(holds(right), Ok(()));
    let mut changed = right.clone();
    *changed.pointer_mut(member).expect("it is there") = wrong;
    assert!(holds(&changed).is_err(), "{member} is not checked");
}

#[test]
fn the_oracle_knows_a_customer_by_hand() {
    let now = json!({"customer_id": "c", "name": "Bea", "orders": 1, "cancelled_orders": 1,
        "lifetime": [{"currency": "JPY", "amount": "500"}],
        "first_order_at": PLACED_LATE, "last_order_at": PLACED_EARLY});
    let holds = |got: &Value| customer(&then(None), "c", Some(got));
    only(&now, "/name", json!("Ada"), holds);
    only(&now, "/lifetime/0/amount", json!("500.00"), holds);
    only(&now, "/cancelled_orders", json!(0), holds);
    let before = json!({"customer_id": "c", "name": "Bea", "orders": 2, "cancelled_orders": 0,
        "lifetime": [{"currency": "JPY", "amount": "500"}, {"currency": "USD", "amount": "10.00"}],
        "first_order_at": PLACED_LATE, "last_order_at": PLACED_EARLY});
    only(&before, "/orders", json!(1), |got| customer(&then(Some(PLACED_EARLY)), "c", Some(got)));
    assert!(customer(&then(Some(DRAFTED)), "c", None).is_ok(), "a draft makes no customer");
}

#[test]
fn the_oracle_knows_a_product_by_hand() {
    let now = json!({"product_id": "p", "name": "Thing in JPY", "orders": 1, "units": 2,
        "revenue": [{"currency": "JPY", "amount": "500"}]});
    only(&now, "/name", json!("Thing in USD"), |got| product(&then(None), "p", Some(got)));
    only(&now, "/units", json!(4), |got| product(&then(None), "p", Some(got)));
}

#[test]
fn the_oracle_knows_sales_by_hand() {
    let row = |period: &str, currency: &str, kept: (u64, u64, &str), cancelled: (u64, &str)| {
        json!({"period": period, "currency": currency, "orders": kept.0, "units": kept.1,
            "revenue": kept.2, "cancelled_orders": cancelled.0, "cancelled_revenue": cancelled.1})
    };
    let yen = |period| row(period, "JPY", (1, 2, "500"), (0, "0"));
    let asked = |interval, from, to| Sales { interval, from, to, currency: None, as_of: None };
    let late = "2017-11-24";
    for (then, asked, rows) in [
        (
            None,
            asked("day", None, None),
            vec![row(late, "USD", (0, 0, "0.00"), (1, "10.00")), yen("2017-11-25")],
        ),
        (
            Some(PLACED_EARLY),
            asked("day", None, Some("2017-11-25")),
            vec![row(late, "USD", (1, 2, "10.00"), (0, "0.00"))],
        ),
        (None, asked("month", Some("2017-11-25"), None), vec![yen("2017-11")]),
    ] {
        let right = json!({"data": rows});
        only(&right, "/data/0/orders", json!(7), |got| sales(&self::then(then), &asked, got));
    }
}

#[test]
fn the_oracle_knows_counts_by_hand() {
    let counts = |placed: u64, cancelled: u64| {
        json!({"as_of": null,
        "counts": {"draft": 1, "placed": placed, "confirmed": 0, "completed": 0,
            "cancelled": cancelled, "discarded": 0},
        "payment_counts": {"unpaid": placed, "partially_paid": 0, "paid": 0, "overpaid": 0,
            "partially_refunded": 0, "refunded": 0},
        "fulfillment_counts": {"unfulfilled": placed, "partially_shipped": 0, "shipped": 0,
            "partially_delivered": 0, "delivered": 0}})
    };
    let holds = |got: &Value| status_counts(&then(None), got);
    only(&counts(1, 1), "/payment_counts/unpaid", json!(2), holds);
    only(&counts(1, 1), "/counts/draft", json!(0), holds);
    only(&counts(2, 0), "/counts/cancelled", json!(1), |got| {
        status_counts(&then(Some(PLACED_EARLY)), got)
    });
}

#[test]
fn the_oracle_knows_lists_by_hand() {
    let row = |number: u128, status: &str, total: &str, currency: &str| json!({"order_id": id(number), "status": status, "total": total, "currency": currency});
    let (yen, dollars) = (row(1, "placed", "500", "JPY"), row(2, "cancelled", "10.00", "USD"));
    let open = row(2, "placed", "10.00", "USD");
    let draft = row(3, "draft", "2.00", "USD");
    let asked = Asked { sort: "-placed_at", ..Asked::default() };
    let by = |status| Asked { statuses: vec![status], ..asked.clone() };
    let holds = |then: Option<&str>, asked: &Asked, rows: &[&Value]| {
        let rows: Vec<Value> = rows.iter().map(|row| (*row).clone()).collect();
        check(&self::then(then), asked, &rows)
    };
    assert_eq!(holds(None, &asked, &[&yen, &dollars]), Ok(()));
    assert_eq!(holds(Some(PLACED_EARLY), &asked, &[&yen, &open]), Ok(()));
    assert_eq!(holds(None, &by("draft"), &[&draft]), Ok(()));
    let rising = Asked { sort: "placed_at", ..asked.clone() };
    assert_eq!(holds(None, &rising, &[&dollars, &yen]), Ok(()));
    let half_open = Asked { placed_to: Some(at(PLACED_EARLY)), ..asked.clone() };
    assert_eq!(holds(None, &half_open, &[&dollars]), Ok(()));
    for wrong in [vec![&dollars, &yen], vec![&yen], vec![&yen, &dollars, &draft], vec![&yen, &open]]
    {
        assert!(holds(None, &asked, &wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn the_oracle_composes_an_order_as_the_contract_shows_it() {
    let world = world();
    let (version, position) = (2, 4);
    let order = world.0[&id(2)].order_at(version).expect("it is there");
    assert_eq!(allowed(&order), ["record-payment", "add-note"]);
    let shown = sorted(compose(id(2), version, position, &order));
    let line = json!({"line_id": 1, "product_id": "p", "name": "Thing in USD", "quantity": 2,
        "unit_price": "5.00", "line_total": "10.00", "shipped": 0, "delivered": 0});
    let expected = json!({"order_id": id(2), "status": "cancelled", "payment_status": "unpaid",
        "fulfillment_status": "unfulfilled", "version": 2, "position": 4,
        "customer": {"id": "c", "name": "Ada", "email": null}, "currency": "USD", "lines": [line],
        "total": "10.00", "paid": "0.00", "refunded": "0.00", "balance_due": "0.00",
        "payments": [], "refunds": [], "shipments": [], "notes": [], "cancel_reason": "late",
        "created_at": PLACED_LATE, "placed_at": PLACED_LATE, "confirmed_at": null,
        "completed_at": null, "cancelled_at": CANCELLED, "updated_at": CANCELLED,
        "allowed_commands": ["add-note", "record-payment"]});
    assert_eq!(shown, expected);
}
