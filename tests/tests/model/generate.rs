//! Random commands: mostly those that move an order on, often ones that must be refused.

use crate::texts;
use oracle::ask::{Ask, AskedLine, Creation, Parcel, Transfer};
use oracle::fact::Customer;
use oracle::money::{LIMIT, LIVE, digits, show};
use oracle::order::{Order, Status};
use rig::rng::Rng;

/// Customers and products are few, so that walkers share them.
const CUSTOMERS: u64 = 6;
const PRODUCTS: u64 = 8;
/// Payments, refunds and shipments have few ids, so that these repeat.
const IDS: u64 = 4;

pub fn customer_id(rng: &mut Rng) -> String {
    format!("c-{}", rng.below(CUSTOMERS))
}

pub fn product_id(rng: &mut Rng) -> String {
    format!("p.{}", rng.below(PRODUCTS))
}

/// Every customer and product that walks use.
pub fn shared() -> (Vec<String>, Vec<String>) {
    let customers = (0..CUSTOMERS).map(|number| format!("c-{number}"));
    let products = (0..PRODUCTS).map(|number| format!("p.{number}"));
    (customers.collect(), products.collect())
}

fn maybe(rng: &mut Rng, percent: u64, text: impl FnOnce(&mut Rng) -> String) -> Option<String> {
    rng.chance(percent).then(|| text(rng))
}

/// A new order.
pub fn creation(rng: &mut Rng, currency: &str) -> Creation {
    let customer = Customer {
        id: customer_id(rng),
        name: maybe(rng, 80, texts::name),
        email: maybe(rng, 60, texts::email),
    };
    let draft = rng.chance(45);
    let least = u64::from(!draft || rng.chance(70));
    let lines = (0..least + rng.below(3)).map(|_| line(rng, currency)).collect();
    let note = maybe(rng, 20, |rng| texts::note(rng, 2_000));
    Creation { customer, currency: currency.to_owned(), lines, draft, note }
}

pub fn live_currency(rng: &mut Rng) -> &'static str {
    rng.pick::<&str>(&LIVE)
}

fn line(rng: &mut Rng, currency: &str) -> AskedLine {
    let product_id = product_id(rng);
    let name = match rng.chance(70) {
        true => format!("Product {product_id} {}", rng.below(3)),
        false => texts::name(rng),
    };
    let (quantity, price) = match rng.below(40) {
        0 => (100_000, rng.below(9_000) + 1),
        1 => (1 + rng.below(3), 0),
        // Totals near the limit, sometimes above it.
        2 => (2, u64::try_from(LIMIT).expect("positive") / 2 + rng.below(3)),
        _ => (1 + rng.below(4), 1 + rng.below(5_000)),
    };
    let unit_price = shortened(rng, &show(i128::from(price), currency));
    AskedLine { product_id, name, quantity, unit_price }
}

/// An amount may be given with fewer digits.
fn shortened(rng: &mut Rng, amount: &str) -> String {
    match (rng.chance(30), amount.contains('.')) {
        (true, true) => amount.trim_end_matches('0').trim_end_matches('.').to_owned(),
        _ => amount.to_owned(),
    }
}

/// A command for an existing order.
pub fn next(rng: &mut Rng, order: &Order) -> Ask {
    if rng.chance(15) {
        return any(rng, order);
    }
    match order.status {
        Status::Draft => drafting(rng, order),
        Status::Placed => match rng.below(12) {
            0..=5 => Ask::Confirm,
            6..=8 => pay(rng, order),
            9 => Ask::Cancel { reason: texts::note(rng, 500) },
            _ => any(rng, order),
        },
        Status::Confirmed => match rng.below(12) {
            0..=3 => ship(rng, order),
            4..=6 => deliver(rng, order),
            7..=9 => pay(rng, order),
            10 => refund(rng, order),
            _ => any(rng, order),
        },
        _ => any(rng, order),
    }
}

fn drafting(rng: &mut Rng, order: &Order) -> Ask {
    match rng.below(12) {
        0..=2 => Ask::AddLine(line(rng, &order.currency)),
        3 | 4 => change(rng, order),
        5 => Ask::RemoveLine { line_id: line_id(rng, order) },
        6..=9 => place(rng, order),
        10 if rng.chance(30) => Ask::Discard,
        _ => any(rng, order),
    }
}

fn any(rng: &mut Rng, order: &Order) -> Ask {
    match rng.below(12) {
        0 => Ask::AddLine(line(rng, &order.currency)),
        1 => change(rng, order),
        2 => Ask::RemoveLine { line_id: line_id(rng, order) },
        3 => place(rng, order),
        4 if rng.chance(30) => Ask::Discard,
        5 => Ask::Confirm,
        6 => pay(rng, order),
        7 => refund(rng, order),
        8 => ship(rng, order),
        9 => deliver(rng, order),
        10 if rng.chance(30) => Ask::Cancel { reason: texts::note(rng, 500) },
        _ => Ask::Note { text: texts::note(rng, 2_000) },
    }
}

fn line_id(rng: &mut Rng, order: &Order) -> u64 {
    match order.lines.is_empty() || rng.chance(10) {
        true => 1 + rng.below(9),
        false => rng.pick(&order.lines).line_id,
    }
}

fn change(rng: &mut Rng, order: &Order) -> Ask {
    Ask::ChangeQuantity { line_id: line_id(rng, order), quantity: 1 + rng.below(5) }
}

fn place(rng: &mut Rng, order: &Order) -> Ask {
    let total = order.total();
    let expected_total = match rng.below(10) {
        0..=3 => None,
        4..=7 => Some(show(total, &order.currency)),
        8 => Some(show(total + 1, &order.currency)),
        _ => Some(format!("{}1", padded(total, &order.currency))),
    };
    Ask::Place { expected_total }
}

/// The amount with all of its currency's digits, so that one more digit is too many.
fn padded(minor: i128, currency: &str) -> String {
    match digits(currency) {
        0 => format!("{}.", show(minor, currency)),
        _ => show(minor, currency),
    }
}

fn transfer(rng: &mut Rng, order: &Order, kind: &str, wanted: i128) -> Transfer {
    let currency = &order.currency;
    let amount = match rng.below(24) {
        0 => show(0, currency),
        1 => format!("-{}", show(1, currency)),
        2 => format!("{}5", padded(wanted, currency)),
        3 => show(wanted + 1 + i128::from(rng.below(900)), currency),
        4..=7 => show((wanted / 2).max(1), currency),
        _ => show(wanted.max(1), currency),
    };
    let text = maybe(rng, 60, texts::name);
    let named = match rng.below(12) {
        0 => Some(live_currency(rng).to_owned()),
        // The contract does not say whether a live command may name a withdrawn currency.
        1..=3 => Some(currency.clone()).filter(|own| LIVE.contains(&own.as_str())),
        _ => None,
    };
    let amount = shortened(rng, &amount);
    Transfer { id: format!("{kind}-{}", rng.below(IDS)), amount, currency: named, text }
}

fn pay(rng: &mut Rng, order: &Order) -> Ask {
    let known = order.payments.iter().map(|payment| payment.amount).next_back();
    let due = (order.total() - order.paid() + order.refunded()).max(1);
    let wanted = known.filter(|_| rng.chance(25)).unwrap_or(due);
    Ask::Pay(transfer(rng, order, "pay", wanted))
}

fn refund(rng: &mut Rng, order: &Order) -> Ask {
    let known = order.refunds.iter().map(|refund| refund.amount).next_back();
    let left = (order.paid() - order.refunded()).max(1);
    let wanted = known.filter(|_| rng.chance(25)).unwrap_or(left);
    Ask::Refund(transfer(rng, order, "back", wanted))
}

fn ship(rng: &mut Rng, order: &Order) -> Ask {
    let id = format!("ship-{}", rng.below(IDS));
    let known = order.shipments.iter().find(|shipment| shipment.id == id);
    if let Some(known) = known.filter(|_| rng.chance(50)) {
        let lines = rng.chance(70).then(|| known.lines.clone());
        let (carrier, tracking) = (known.carrier.clone(), known.tracking.clone());
        return Ask::Ship(Parcel { id, carrier, tracking, lines });
    }
    let lines = match rng.below(10) {
        0..=5 => None,
        6 => Some(vec![(line_id(rng, order), 1 + rng.below(9))]),
        7 => Some(vec![(1, 1), (1, 1)]),
        _ => {
            let left = order.remaining();
            let some = left.iter().map(|(id, units)| (*id, 1 + rng.below(*units))).collect();
            Some(some).filter(|some: &Vec<_>| !some.is_empty())
        }
    };
    let (carrier, tracking) = (maybe(rng, 50, texts::name), maybe(rng, 30, texts::name));
    Ask::Ship(Parcel { id, carrier, tracking, lines })
}

fn deliver(rng: &mut Rng, order: &Order) -> Ask {
    let id = match order.shipments.is_empty() || rng.chance(15) {
        true => format!("ship-{}", rng.below(IDS)),
        false => rng.pick(&order.shipments).id.clone(),
    };
    Ask::Deliver { id }
}
