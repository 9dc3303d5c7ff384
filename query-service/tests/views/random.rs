//! Random histories: every answer about every past moment equals a brute-force replay.

use crate::oracle::{self, Then};
use crate::shop::{Shop, create, drafted};
use chrono::{DateTime, Duration, Utc};
use domain::order::document::micros::Wire;
use domain::order::{OrderCommand, ShippedLine};
use domain::{Note, Reason, Reference};
use proptest::prelude::*;
use rig::views::Views;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

/// A command for one of a few orders, by numbers, and the minutes before it.
type Wish = (usize, u8, u8, i64);

const ORDERS: usize = 7;

fn command((_, kind, size, _): Wish) -> OrderCommand {
    let quantity = u32::from(size % 4) + 1;
    let id = |prefix: &str| Reference::parse(format!("{prefix}{}", size % 6)).unwrap();
    let line = (["tea", "cup", "pot"][usize::from(size) % 3], quantity, i64::from(size) * 10);
    let customer = ["ann", "bob"][usize::from(size) % 2];
    let currency = ["EUR", "JPY"][usize::from(size / 2) % 2];
    match kind {
        0 | 1 => create(customer, currency, &[line, ("cup", 1, 250)]),
        2..=4 => drafted(create(customer, currency, &[line, ("cup", 1, 250)])),
        5 => OrderCommand::ChangeLineQuantity { line_id: 1, quantity },
        6 => OrderCommand::RemoveLine { line_id: quantity },
        7 => OrderCommand::Place { expected_total: None },
        8 => OrderCommand::Discard,
        9 | 10 => OrderCommand::Confirm,
        11 | 12 => OrderCommand::RecordPayment {
            payment_id: id("p"),
            amount: (u32::from(size) + 1).to_string(),
            currency: None,
            method: None,
        },
        13 => OrderCommand::RecordRefund {
            refund_id: id("r"),
            amount: "1".into(),
            currency: None,
            reason: None,
        },
        14 | 15 => OrderCommand::Ship {
            shipment_id: id("s"),
            carrier: None,
            tracking_number: None,
            lines: (size % 2 == 0).then(|| vec![ShippedLine { line_id: 1, quantity: 1 }]),
        },
        16 => OrderCommand::Deliver { shipment_id: id("s") },
        17 => OrderCommand::Cancel { reason: Reason::parse("no").unwrap() },
        _ => OrderCommand::AddNote { text: Note::parse("a \"note\"").unwrap() },
    }
}

async fn play(views: Views, wishes: &[Wish]) -> Shop {
    let mut shop = Shop::on(views).await;
    let orders: Vec<Uuid> = (0..ORDERS).map(|_| Uuid::now_v7()).collect();
    for wish in wishes {
        shop.command(orders[wish.0], &command(*wish), Duration::minutes(wish.3)).await;
    }
    shop.project().await;
    shop
}

/// Moments worth looking at: just before, at and after what happened, and the ends of days.
fn moments(shop: &Shop) -> Vec<DateTime<Utc>> {
    let step = (shop.happened.len() / 6).max(1);
    let mut moments = vec!["2026-03-03T00:00:00Z".parse().unwrap()];
    for happened in shop.happened.iter().step_by(step) {
        let midnight = happened.at.date_naive().and_hms_opt(0, 0, 0).unwrap().and_utc();
        moments.extend([happened.at, happened.at - Duration::microseconds(1), midnight]);
    }
    moments.extend(shop.happened.last().map(|last| last.at + Duration::days(3)));
    moments
}

type Pick = fn(&Then) -> bool;

/// Filters, and what they must let through.
const FILTERS: &[(&str, Pick)] = &[
    ("", |then| then.is_placed()),
    ("status=draft,discarded", |then| !then.is_placed()),
    ("status=draft", |then| then.order.status.as_str() == "draft"),
    ("status=draft,placed,cancelled", |then| {
        ["draft", "placed", "cancelled"].contains(&then.order.status.as_str())
    }),
    ("status=confirmed", |then| then.order.status.as_str() == "confirmed"),
    ("payment_status=unpaid,paid", |then| {
        then.is_placed() && ["unpaid", "paid"].contains(&then.order.payment_status().as_str())
    }),
    ("fulfillment_status=unfulfilled", |then| {
        then.is_placed() && then.order.fulfillment_status().as_str() == "unfulfilled"
    }),
    ("customer_id=ann", |then| then.is_placed() && then.order.customer.id.as_str() == "ann"),
    ("product_id=tea", |then| then.is_placed() && then.holds("tea")),
    ("product_id=tea&status=draft,discarded,placed", |then| {
        then.holds("tea") && ["draft", "discarded", "placed"].contains(&then.order.status.as_str())
    }),
    ("currency=JPY", |then| then.is_placed() && then.order.currency.code() == "JPY"),
    ("placed_from=2026-03-04&placed_to=2026-03-06T12:00:00Z", |then| {
        let from = "2026-03-04T00:00:00Z".parse::<DateTime<Utc>>().unwrap();
        let to = "2026-03-06T12:00:00Z".parse::<DateTime<Utc>>().unwrap();
        then.order.placed_at.is_some_and(|at| from <= at && at < to)
    }),
];

const SORTS: [&str; 4] = ["-placed_at", "placed_at", "-total", "total"];

fn sorted(mut orders: Vec<&Then>, sort: &str) -> Vec<Value> {
    let key = |then: &&Then| match sort.trim_start_matches('-') {
        "total" => (then.order.total.minor(), then.id),
        _ => (then.listed_at().timestamp_micros(), then.id),
    };
    orders.sort_by_key(key);
    if sort.starts_with('-') {
        orders.reverse();
    }
    orders.into_iter().map(Then::summary).collect()
}

async fn assert_lists(shop: &Shop, at: Option<DateTime<Utc>>) {
    let orders = oracle::at(shop, at.unwrap_or(shop.now));
    let as_of = at.map(|at| format!("&as_of={}", Wire(at))).unwrap_or_default();
    for (index, (filter, pick)) in FILTERS.iter().enumerate() {
        let sort = SORTS[index % SORTS.len()];
        for (sort, currency) in [(sort, "EUR"), (sort, "JPY"), ("-placed_at", "")] {
            // Totals have an order within one currency only.
            let (only, currency) = match filter.contains("currency") || !sort.ends_with("total") {
                true => ("", ""),
                false => ("&currency=", currency),
            };
            let held = |then: &&Then| currency.is_empty() || then.order.currency.code() == currency;
            let picked = orders.iter().filter(|then| pick(then)).filter(held);
            let path = format!("/v1/orders?{filter}{only}{currency}&sort={sort}&limit=2{as_of}");
            assert_eq!(shop.all(&path).await, sorted(picked.collect(), sort), "{path}");
        }
    }
    let placed = orders.iter().filter(|then| then.is_placed());
    let placed = placed.filter(|then| then.order.currency.code() == "EUR");
    let mut expected = sorted(placed.collect(), "total");
    expected.retain(|summary| summary["customer"]["id"] == "bob");
    let path = format!("/v1/customers/bob/orders?currency=EUR&sort=total{as_of}");
    assert_eq!(shop.all(&path).await, expected, "{path}");
}

async fn assert_reports(shop: &Shop, at: Option<DateTime<Utc>>) {
    let orders = oracle::at(shop, at.unwrap_or(shop.now));
    let as_of = at.map(|at| format!("&as_of={}", Wire(at))).unwrap_or_default();
    let report = shop.ok(&format!("/v1/reports/status-counts?{as_of}")).await;
    let names = ["counts", "payment_counts", "fulfillment_counts"];
    for (name, expected) in names.iter().zip(oracle::counts(&orders)) {
        for (status, count) in report[name].as_object().unwrap() {
            let expected = expected.get(status.as_str()).copied().unwrap_or(0);
            assert_eq!(count, expected, "{name} {status} {as_of}");
        }
    }
    for (interval, format) in [("day", "%Y-%m-%d"), ("month", "%Y-%m")] {
        let report = shop.ok(&format!("/v1/reports/sales?interval={interval}{as_of}")).await;
        assert_eq!(report, oracle::sales(&orders, format), "{interval} {as_of}");
    }
}

async fn assert_orders(shop: &Shop, at: DateTime<Utc>) {
    for then in oracle::at(shop, shop.now) {
        let path = format!("/v1/orders/{}", then.id);
        let as_of = shop.get(&format!("{path}?as_of={}", Wire(at))).await;
        let born = oracle::at(shop, at).into_iter().find(|found| found.id == then.id);
        match born {
            None => assert_eq!(as_of.code(), (404, "not-yet-created".into())),
            Some(born) => {
                let order = as_of.json();
                assert_eq!(order["version"], born.version);
                assert_eq!(order["status"], born.order.status.as_str());
                assert_eq!(order["balance_due"], born.order.balance_due().to_string());
                assert_eq!(order, shop.ok(&format!("{path}?version={}", born.version)).await);
            }
        }
    }
}

/// A dozen histories, or as many as `PROPTEST_CASES` asks for.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(12)
}

/// Lists, reports and single orders, now and at every moment worth looking at.
async fn assert_views(shop: &Shop) {
    assert_lists(shop, None).await;
    assert_reports(shop, None).await;
    for at in moments(shop) {
        assert_lists(shop, Some(at)).await;
        assert_reports(shop, Some(at)).await;
        assert_orders(shop, at).await;
    }
    for then in oracle::at(shop, shop.now) {
        let path = format!("/v1/orders/{}", then.id);
        let present = shop.ok(&path).await;
        let replayed = shop.ok(&format!("{path}?version={}", then.version)).await;
        assert_eq!(present, replayed, "projected and replayed differ");
    }
}

fn wishes() -> impl Strategy<Value = Vec<Wish>> {
    prop::collection::vec((0..ORDERS, 0..19_u8, any::<u8>(), 0..240_i64), 30..90)
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn the_past_is_what_a_replay_says_on_sqlite(wishes in wishes()) {
        runtime().block_on(async {
            assert_views(&play(Views::sqlite(), &wishes).await).await;
        });
    }

    #[test]
    fn the_past_is_what_a_replay_says_on_postgres(wishes in wishes()) {
        runtime().block_on(async {
            if let Some(views) = Views::postgres("the past as PostgreSQL tells it").await {
                assert_views(&play(views, &wishes).await).await;
            }
        });
    }
}
