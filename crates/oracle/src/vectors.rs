//! The oracle against vectors written by hand from the domain's page and the contract's: a tool of proof must itself be
//! proven. Allocation has no vector here, because it cannot be seen from outside.

use super::ask::{Ask, AskedLine, Condition, Parcel, Transfer};
use super::compose::allowed;
use super::decide::{Refusal, Verdict, completed, decide};
use super::fact::{Beginning, Customer, Fact, Line, Time};
use super::money::{LIMIT, NoAmount, digits_of, parse, show};
use super::order::Order;
use chrono::{TimeZone, Utc};
use serde_json::json;

fn at() -> Time {
    Utc.timestamp_opt(1_500_000_000, 0).single().expect("a moment")
}

/// Lines by quantity and unit price in cents; 2 × 3.00 and 1 × 4.00 make the usual total of 10.00.
fn beginning(lines: &[(u64, i128)]) -> Beginning {
    let line = |(index, (quantity, unit_price)): (usize, &(u64, i128))| Line {
        line_id: index as u64 + 1,
        product_id: format!("p{index}"),
        name: "Thing".to_owned(),
        quantity: *quantity,
        unit_price: *unit_price,
    };
    let customer = Customer { id: "c".to_owned(), name: None, email: None };
    let lines = lines.iter().enumerate().map(line).collect();
    Beginning { customer, currency: "USD".to_owned(), lines, note: None }
}

const TEN: &[(u64, i128)] = &[(2, 300), (1, 400)];

fn placed(lines: &[(u64, i128)], more: &[Fact]) -> Order {
    let first = Fact::Begun(beginning(lines));
    Order::after([&first].into_iter().chain(more).map(|fact| (fact, at()))).expect("it began")
}

fn drafted(lines: &[(u64, i128)], more: &[Fact]) -> Order {
    let first = Fact::Drafted(beginning(lines));
    Order::after([&first].into_iter().chain(more).map(|fact| (fact, at()))).expect("it began")
}

fn paid(amount: i128) -> Fact {
    Fact::Paid { id: format!("pay-{amount}"), amount, method: None }
}

fn refunded(amount: i128) -> Fact {
    Fact::Refunded { id: format!("back-{amount}"), amount, reason: None }
}

fn shipped(id: &str, lines: &[(u64, u64)]) -> Fact {
    Fact::Shipped { id: id.to_owned(), carrier: None, tracking: None, lines: lines.to_vec() }
}

fn delivered(id: &str) -> Fact {
    Fact::Delivered { id: id.to_owned() }
}

fn cancelled() -> Fact {
    Fact::Cancelled { reason: "late".to_owned() }
}

#[test]
fn the_oracle_has_the_digits_of_iso_4217() {
    for (codes, digits) in [
        ("JPY KRW VND CLP ISK UGX", Some(0)),
        ("HUF MGA MRU USD EUR HRK LTL", Some(2)),
        ("BHD KWD TND", Some(3)),
        ("CLF UYW", Some(4)),
        ("XAU XXX usd EURO", None),
    ] {
        codes.split(' ').for_each(|code| assert_eq!(digits_of(code), digits, "{code}"));
    }
}

#[test]
fn the_oracle_reads_and_shows_amounts_strictly() {
    for (text, currency, minor) in [
        ("1.234", "BHD", 1_234),
        ("10", "USD", 1_000),
        ("10.5", "USD", 1_050),
        ("-0.01", "USD", -1),
        ("9007199254740991", "JPY", LIMIT),
        ("90071992547409.91", "USD", LIMIT),
    ] {
        assert_eq!(parse(text, currency), Ok(minor), "{text} {currency}");
    }
    for (text, currency) in [("10.005", "USD"), ("1.5", "JPY"), ("1.2345", "BHD"), ("10.0", "JPY")]
    {
        assert_eq!(parse(text, currency), Err(NoAmount::TooPrecise), "{text} {currency}");
    }
    for text in ["1,000.00", "1e3", "NaN", "", " 1", "+1", ".5", "1.", "１２", "-", "--1"] {
        assert_eq!(parse(text, "USD"), Err(NoAmount::Malformed), "{text}");
    }
    assert_eq!(parse("9007199254740992", "JPY"), Err(NoAmount::OutOfRange));
    for (minor, currency, text) in
        [(1_000, "USD", "10.00"), (10, "JPY", "10"), (1_234, "BHD", "1.234"), (5, "CLF", "0.0005")]
    {
        assert_eq!(show(minor, currency), text);
    }
}

#[test]
fn the_oracle_derives_the_payment_status() {
    for (lines, facts, status, due) in [
        (TEN, vec![], "unpaid", 1_000),
        (TEN, vec![paid(400)], "partially_paid", 600),
        (TEN, vec![paid(400), paid(600)], "paid", 0),
        (TEN, vec![paid(1_200)], "overpaid", 0),
        (TEN, vec![paid(1_000), refunded(300)], "partially_refunded", 300),
        (TEN, vec![paid(1_750), refunded(750)], "partially_refunded", 0),
        (TEN, vec![paid(1_000), refunded(1_000)], "refunded", 1_000),
        (TEN, vec![cancelled()], "unpaid", 0),
        (&[(1, 0)], vec![], "paid", 0),
    ] {
        let order = placed(lines, &facts);
        assert_eq!((order.payment_status(), order.balance_due()), (status, due), "{facts:?}");
    }
    assert_eq!(drafted(&[(1, 0)], &[]).payment_status(), "unpaid");
    assert_eq!(drafted(TEN, &[Fact::Discarded]).balance_due(), 0);
}

#[test]
fn the_oracle_derives_the_fulfillment_status() {
    for (facts, status) in [
        (vec![], "unfulfilled"),
        (vec![shipped("a", &[(1, 1)])], "partially_shipped"),
        (vec![shipped("a", &[(1, 2), (2, 1)])], "shipped"),
        (vec![shipped("a", &[(1, 1)]), delivered("a")], "partially_delivered"),
        (
            vec![shipped("a", &[(1, 2)]), shipped("b", &[(2, 1)]), delivered("b")],
            "partially_delivered",
        ),
        (vec![shipped("a", &[(1, 2), (2, 1)]), delivered("a")], "delivered"),
    ] {
        assert_eq!(placed(TEN, &facts).fulfillment_status(), status, "{facts:?}");
    }
}

#[test]
fn the_oracle_completes_what_is_delivered_and_paid_after_refunds() {
    let arrived = [Fact::Confirmed, shipped("a", &[(1, 2), (2, 1)]), delivered("a")];
    for (transfers, complete) in [
        (vec![], false),
        (vec![paid(999)], false),
        (vec![paid(1_000)], true),
        (vec![paid(1_000), refunded(1)], false),
        (vec![paid(1_750), refunded(750)], true),
    ] {
        let order = placed(TEN, &[arrived.as_slice(), &transfers].concat());
        assert_eq!(completed(&order), complete, "{transfers:?}");
    }
    assert!(!completed(&placed(TEN, &[paid(1_000)])));
}

/// One command of each name that an order could accept.
fn every_ask() -> Vec<Ask> {
    let (product_id, name) = ("p".to_owned(), "Thing".to_owned());
    let line = AskedLine { product_id, name, quantity: 1, unit_price: "1".to_owned() };
    let transfer = |id: &str| Transfer {
        id: id.to_owned(),
        amount: "0.01".to_owned(),
        currency: None,
        text: None,
    };
    vec![
        Ask::AddLine(line),
        Ask::ChangeQuantity { line_id: 1, quantity: 7 },
        Ask::RemoveLine { line_id: 1 },
        Ask::Place { expected_total: None },
        Ask::Discard,
        Ask::Confirm,
        Ask::Pay(transfer("new")),
        Ask::Refund(transfer("new")),
        Ask::Ship(Parcel { id: "new".to_owned(), carrier: None, tracking: None, lines: None }),
        Ask::Deliver { id: "a".to_owned() },
        Ask::Cancel { reason: "late".to_owned() },
        Ask::Note { text: "hm".to_owned() },
    ]
}

#[test]
fn the_oracle_states_every_status_and_command() {
    let draft = "add-line change-line-quantity remove-line place discard add-note";
    let all = shipped("a", &[(1, 2), (2, 1)]);
    let way = [Fact::Confirmed, all, delivered("a"), paid(1_000), Fact::Completed];
    for (order, may) in [
        (drafted(&[], &[]), "add-line discard add-note"),
        (drafted(TEN, &[]), draft),
        (drafted(TEN, &[Fact::Discarded]), "add-note"),
        (placed(TEN, &[]), "confirm record-payment cancel add-note"),
        (placed(TEN, &[paid(1)]), "confirm record-payment record-refund cancel add-note"),
        (placed(TEN, &[cancelled()]), "record-payment add-note"),
        (placed(TEN, &[paid(1), cancelled()]), "record-payment record-refund add-note"),
        (placed(TEN, &way[..1]), "record-payment ship cancel add-note"),
        (placed(TEN, &way[..2]), "record-payment deliver add-note"),
        (placed(TEN, &way[..3]), "record-payment add-note"),
        (placed(TEN, &way), "record-payment record-refund add-note"),
    ] {
        assert_eq!(allowed(&order).join(" "), may, "{:?}", order.status);
        for ask in every_ask() {
            let verdicts = decide(Some(&order), &ask);
            let taken = matches!(verdicts.as_slice(), [Verdict::Facts(facts)] if !facts.is_empty());
            let name = ask.name();
            assert_eq!(taken, may.split(' ').any(|one| one == name), "{:?} {name}", order.status);
            let refused = verdicts.iter().any(|verdict| is(verdict, 409, "illegal-transition"));
            // An empty draft has its own codes; a second delivery of a shipment is accepted without an event.
            let own = order.lines.is_empty() || verdicts == [Verdict::Facts(vec![])];
            assert!(taken || refused || own, "{:?} {name}: {verdicts:?}", order.status);
        }
    }
}

fn is(verdict: &Verdict, status: u16, code: &str) -> bool {
    matches!(verdict, Verdict::Refused(refusal) if refusal.status == status && refusal.code == code)
}

#[test]
fn the_oracle_refuses_by_the_contracts_codes() {
    let transfer = |id: &str, amount: &str, currency: Option<&str>| Transfer {
        id: id.to_owned(),
        amount: amount.to_owned(),
        currency: currency.map(str::to_owned),
        text: None,
    };
    let parcel = |id: &str, lines: &[(u64, u64)]| {
        let lines = Some(lines.to_vec());
        Ask::Ship(Parcel { id: id.to_owned(), carrier: None, tracking: None, lines })
    };
    let total = |total: &str| Ask::Place { expected_total: Some(total.to_owned()) };
    let order = placed(TEN, &[Fact::Confirmed, paid(500), shipped("a", &[(1, 1)])]);
    for (order, ask, status, code) in [
        (None, Ask::Confirm, 404, "order-not-found"),
        (Some(drafted(&[], &[])), total("0"), 422, "empty-order"),
        (Some(drafted(TEN, &[])), total("10.01"), 409, "price-changed"),
        (Some(drafted(TEN, &[])), total("10.001"), 422, "validation"),
        (Some(drafted(TEN, &[])), Ask::RemoveLine { line_id: 9 }, 422, "validation"),
        (Some(order.clone()), Ask::Pay(transfer("pay-500", "6", None)), 409, "payment-conflict"),
        (Some(order.clone()), Ask::Pay(transfer("new", "0", None)), 422, "validation"),
        (Some(order.clone()), Ask::Pay(transfer("new", "1", Some("EUR"))), 422, "validation"),
        (
            Some(order.clone()),
            Ask::Refund(transfer("x", "5.01", None)),
            409,
            "refund-exceeds-captured",
        ),
        (Some(order.clone()), parcel("a", &[(1, 2)]), 409, "shipment-conflict"),
        (Some(order.clone()), parcel("b", &[(1, 2)]), 409, "quantity-exceeds-remaining"),
        (Some(order.clone()), parcel("b", &[(1, 1), (1, 1)]), 422, "validation"),
        (Some(order.clone()), parcel("b", &[(9, 1)]), 422, "validation"),
        (Some(order.clone()), Ask::Deliver { id: "b".to_owned() }, 422, "validation"),
    ] {
        let verdicts = decide(order.as_ref(), &ask);
        let right = !verdicts.is_empty() && verdicts.iter().all(|one| is(one, status, code));
        assert!(right, "expected {status} {code} to {ask:?}\ngot {verdicts:?}");
    }
    let known = [
        Ask::Pay(transfer("pay-500", "5", Some("USD"))),
        Ask::Pay(transfer("pay-500", "5.00", None)),
        parcel("a", &[(1, 1)]),
    ];
    for ask in known {
        assert_eq!(decide(Some(&order), &ask), [Verdict::Facts(vec![])], "{ask:?}");
    }
    let changed = Refusal::new(409, "price-changed").with("actual_total", json!("10.00"));
    assert_eq!(decide(Some(&drafted(TEN, &[])), &total("9")), [Verdict::Refused(changed)]);
}

#[test]
fn the_oracle_reads_conditions_as_http_does() {
    let tags = |tags: &[(u64, bool)]| Condition::Tags(tags.to_vec());
    for (condition, header, holds) in [
        (Condition::Star, "*", true),
        (tags(&[(1, false)]), "\"1\"", true),
        (tags(&[(2, false)]), "\"2\"", false),
        (tags(&[(9, false), (1, false)]), "\"9\", \"1\"", true),
        (tags(&[(1, true)]), "W/\"1\"", false),
    ] {
        assert_eq!((condition.header().as_str(), condition.holds(1)), (header, holds));
    }
    assert!(!Condition::Star.holds(0), "nothing matches a missing order");
}
