//! What an order adds to the sums when it is placed, and takes back when it is cancelled: of its customer, its products, its
//! day of sale.

#![allow(clippy::unwrap_used)]

use super::customers::CustomersFold;
use super::products::ProductsFold;
use super::sales::SalesFold;
use super::tests::recorded;
use super::{DAY, OrderSums as _, day};
use crate::projection::Pace;
use domain::order::{CancelledLine, Customer, Line, OrderEvent};
use domain::{Currency, Money, Name, Reason, Reference, Timestamp};
use event_store::RecordedEvent;
use read_model::write::sales::SalesFigures;

const TWO_DAYS: i64 = 2 * DAY;

fn eur(minor: i64) -> Money {
    Money::from_minor(minor, Currency::from_code("EUR").unwrap())
}

fn id(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

/// 2 cups at 3.50 and 1 at 4.00, and 5 bags of tea at 2.00.
const LINES: [(u32, &str, &str, u32, i64); 3] =
    [(1, "cup", "Cup", 2, 350), (2, "tea", "Tea", 5, 200), (3, "cup", "Large cup", 1, 400)];
const TOTAL: i64 = 2_100;

fn placed(name: Option<&str>) -> OrderEvent {
    let line = |(line_id, product, name, quantity, price): (u32, &str, &str, u32, i64)| Line {
        line_id,
        product_id: id(product),
        name: Name::parse(name).unwrap(),
        quantity,
        unit_price: eur(price),
        shipped: 0,
        delivered: 0,
    };
    let name = name.map(|name| Name::parse(name).unwrap());
    OrderEvent::OrderPlaced {
        customer: Customer { id: id("ada"), name, email: None },
        currency: eur(0).currency(),
        lines: LINES.map(line).to_vec(),
        total: eur(TOTAL),
        note: None,
    }
}

fn cancelled(placed_at: i64) -> OrderEvent {
    let line = |(line_id, product, _, quantity, price): (u32, &str, &str, u32, i64)| {
        let line_total = eur(price * i64::from(quantity));
        CancelledLine { line_id, product_id: id(product), quantity, line_total }
    };
    OrderEvent::OrderCancelled {
        reason: Reason::parse("changed my mind").unwrap(),
        customer_id: id("ada"),
        placed_at: Timestamp::from_timestamp_micros(placed_at).unwrap(),
        total: eur(TOTAL),
        lines: LINES.map(line).to_vec(),
    }
}

/// An event at this position, that many microseconds after 1970.
fn at(position: u64, micros: i64) -> RecordedEvent {
    let occurred_at = Timestamp::from_timestamp_micros(micros).unwrap();
    RecordedEvent { position, occurred_at, ..recorded(1, position) }
}

#[test]
fn a_customer_has_what_was_placed_less_what_was_cancelled() {
    let mut fold = CustomersFold::new(Pace::Following);
    fold.fold(&placed(Some("Ada")), &at(1, 30));
    fold.fold(&placed(Some("Ada L.")), &at(2, 10));
    fold.fold(&placed(None), &at(3, 20));
    fold.fold(&OrderEvent::OrderConfirmed, &at(4, 50));
    fold.fold(&cancelled(10), &at(5, 60));
    let changes = fold.changes();
    let [customer] = changes.customers.try_into().unwrap();
    assert_eq!(customer.customer_id, "ada");
    assert_eq!((customer.orders, customer.cancelled_orders), (2, 1));
    assert_eq!((customer.first_order_at, customer.last_order_at), (10, 30));
    let named = customer.named.unwrap();
    assert_eq!((named.name.as_str(), named.at, named.position), ("Ada", 30, 1));
    let [lifetime] = changes.lifetimes.try_into().unwrap();
    assert_eq!((lifetime.customer_id.as_str(), lifetime.currency), ("ada", "EUR"));
    assert_eq!(lifetime.amount, i128::from(2 * TOTAL));
    assert!(fold.changes().customers.is_empty(), "it is taken once");
}

#[test]
fn a_product_counts_each_order_once_and_its_units_and_revenue_by_line() {
    let mut fold = ProductsFold::default();
    for position in 1..=3 {
        fold.fold(&placed(None), &at(position, 10));
    }
    let whole = fold.changes();
    let sums = |id: &str, changes: &read_model::write::products::ProductsChanges| {
        let product = changes.products.iter().find(|its| its.product_id == id).unwrap();
        let sales = changes.sales.iter().find(|its| its.product_id == id).unwrap();
        assert_eq!((product.orders, product.units), (sales.orders, sales.units));
        assert_eq!(sales.currency, "EUR");
        (sales.orders, sales.units, sales.revenue)
    };
    assert_eq!((whole.products.len(), whole.sales.len()), (2, 2));
    assert_eq!(sums("cup", &whole), (3, 9, 3_300));
    assert_eq!(sums("tea", &whole), (3, 15, 3_000));
    // Of an order's lines for one product, the last one names it.
    let named = whole.products[0].named.as_ref().unwrap();
    assert_eq!((named.name.as_str(), named.at, named.position), ("Large cup", 10, 3));

    fold.fold(&cancelled(10), &at(4, 20));
    let back = fold.changes();
    assert_eq!(sums("cup", &back), (-1, -3, -1_100));
    assert_eq!(sums("tea", &back), (-1, -5, -1_000));
    assert!(back.products.iter().all(|product| product.named.is_none()));
}

#[test]
fn a_day_of_sale_has_what_was_placed_then_and_what_each_later_day_changed() {
    let mut fold = SalesFold::default();
    fold.fold(&placed(None), &at(1, 10));
    fold.fold(&placed(None), &at(2, 20));
    fold.fold(&OrderEvent::OrderConfirmed, &at(3, 30));
    fold.fold(&cancelled(10), &at(4, TWO_DAYS));
    fold.fold(&cancelled(20), &at(5, TWO_DAYS + 1));
    let (total, units) = (i128::from(TOTAL), 8);
    let once = SalesFigures { orders: 1, units, revenue: total, ..SalesFigures::default() };
    let taken_back = SalesFigures {
        orders: -1,
        units: -units,
        revenue: -total,
        cancelled_orders: 1,
        cancelled_revenue: total,
    };
    let twice = SalesFigures { orders: 2, units: 2 * units, revenue: 2 * total, ..once };
    let both_back = SalesFigures {
        orders: -2,
        units: -2 * units,
        revenue: -2 * total,
        cancelled_orders: 2,
        cancelled_revenue: 2 * total,
    };
    let changes = fold.changes();
    let days: Vec<_> = changes.days.iter().map(|its| (its.changed_day, its.figures)).collect();
    assert_eq!(days, [(0, twice), (day(TWO_DAYS), both_back)]);
    assert!(changes.days.iter().all(|its| (its.placed_day, its.currency) == (0, "EUR")));
    let each: Vec<_> = changes.changes.iter().map(|its| (its.position, its.figures)).collect();
    assert_eq!(each, [(1, once), (2, once), (4, taken_back), (5, taken_back)]);
    let moments: Vec<_> = changes.changes.iter().map(|its| its.changed_at).collect();
    assert_eq!(moments, [10, 20, TWO_DAYS, TWO_DAYS + 1]);
    assert!(changes.changes.iter().all(|its| (its.placed_day, its.currency) == (0, "EUR")));
}
