//! Random commands and erasures: followed live, rebuilt and folded afresh the rows are the same, and counts over time add up.

use crate::shop::{Shop, create};
use domain::order::{OrderCommand, ShippedLine};
use domain::{Note, Reason, Reference};
use projector::{Registry, Show};
use proptest::prelude::*;
use rig::views::Views;
use std::collections::BTreeMap;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A command for one of a few orders, by numbers.
type Wish = (usize, u8, u8);

const ORDERS: usize = 5;

fn command((_, kind, size): Wish) -> OrderCommand {
    let quantity = u32::from(size % 4) + 1;
    let id = |prefix: &str| Reference::parse(format!("{prefix}{}", size % 6)).unwrap();
    let products = ["tea", "cup", "pot"];
    let line = (products[usize::from(size) % 3], quantity, i64::from(size) * 10);
    let lines = [line, ("cup", 1, 250)];
    match kind {
        0 | 1 => create(["ann", "bob"][usize::from(size) % 2], &lines),
        2 => match create("ann", &lines[..usize::from(size) % 3]) {
            OrderCommand::Create { customer, currency, lines, .. } => {
                let note = Some(Note::parse("mind the step").unwrap());
                OrderCommand::Create { customer, currency, lines, draft: true, note }
            }
            other => other,
        },
        3 => OrderCommand::ChangeLineQuantity { line_id: 1, quantity },
        4 => OrderCommand::RemoveLine { line_id: quantity },
        5 => OrderCommand::Place { expected_total: None },
        6 => OrderCommand::Discard,
        7 | 8 => OrderCommand::Confirm,
        9 | 10 => OrderCommand::RecordPayment {
            payment_id: id("p"),
            amount: format!("{}.5", size % 40),
            currency: None,
            method: None,
        },
        11 => OrderCommand::RecordRefund {
            refund_id: id("r"),
            amount: "1".into(),
            currency: None,
            reason: None,
        },
        12 | 13 => OrderCommand::Ship {
            shipment_id: id("s"),
            carrier: None,
            tracking_number: None,
            lines: (size % 2 == 0).then(|| vec![ShippedLine { line_id: 1, quantity: 1 }]),
        },
        14 => OrderCommand::Deliver { shipment_id: id("s") },
        15 => OrderCommand::Cancel { reason: Reason::parse("no").unwrap() },
        _ => OrderCommand::AddNote { text: Note::parse("noted").unwrap() },
    }
}

/// One wish in nineteen erases a customer's data.
async fn grant(shop: &mut Shop, orders: &[Uuid], wish: Wish) {
    match wish {
        (_, 18, size) => shop.erase(["ann", "bob"][usize::from(size) % 2]).await,
        _ => {
            shop.command(orders[wish.0], &command(wish)).await;
        }
    }
}

async fn play(views: Views, wishes: &[Wish]) {
    let mut shop = Shop::on(views).await;
    let orders: Vec<Uuid> = (0..ORDERS).map(|_| Uuid::now_v7()).collect();
    let (first, second) = wishes.split_at(wishes.len() / 2);
    for wish in first {
        grant(&mut shop, &orders, *wish).await;
    }
    shop.project().await;
    // A projector that remembers nothing goes on from the rows.
    let projector = shop.follow();
    for wish in second {
        grant(&mut shop, &orders, *wish).await;
    }
    shop.caught_up().await;
    projector.stop().await;
    shop.assert_sound().await;
    assert_counts(&shop).await;
    let shutdown = CancellationToken::new();
    projector::rebuild(
        &shop.source(),
        &shop.model,
        Registry::standard().projections(),
        Show::Log,
        &shutdown,
    )
    .await
    .unwrap();
    shop.assert_sound().await;
}

/// Counts by day from the table, against a count of the orders' versions by hand.
async fn assert_counts(shop: &Shop) {
    let versions: Vec<(Uuid, i64, i16, i16, i16)> = shop
        .rows(
            "SELECT order_id, occurred_at, status, payment_status, fulfillment_status \
             FROM order_versions ORDER BY order_id, version",
        )
        .await;
    let changes: Vec<(i64, i16, i16, i64)> =
        shop.rows("SELECT day, dimension, code, change FROM order_count_changes").await;
    let days: Vec<i64> =
        versions.iter().map(|version| version.1.div_euclid(86_400_000_000)).collect();
    for day in days {
        let mut last = BTreeMap::new();
        for version in versions.iter().filter(|version| version.1.div_euclid(86_400_000_000) <= day)
        {
            last.insert(version.0, version);
        }
        let mut expected: BTreeMap<(i16, i16), i64> = BTreeMap::new();
        for (_, _, status, payment, fulfillment) in last.into_values() {
            *expected.entry((0, *status)).or_default() += 1;
            if (1..=3).contains(status) {
                *expected.entry((1, *payment)).or_default() += 1;
                *expected.entry((2, *fulfillment)).or_default() += 1;
            }
        }
        let mut found: BTreeMap<(i16, i16), i64> = BTreeMap::new();
        for (_, dimension, code, change) in changes.iter().filter(|change| change.0 <= day) {
            *found.entry((*dimension, *code)).or_default() += change;
        }
        found.retain(|_, count| *count != 0);
        assert_eq!(found, expected, "as of the end of day {day}");
    }
}

fn wishes() -> impl Strategy<Value = Vec<Wish>> {
    prop::collection::vec((0..ORDERS, 0_u8..19, any::<u8>()), 50..120)
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]
    #[test]
    fn live_rebuilt_and_fresh_rows_are_the_same_on_sqlite(wishes in wishes()) {
        runtime().block_on(play(Views::sqlite(), &wishes));
    }

    #[test]
    fn live_rebuilt_and_fresh_rows_are_the_same_on_postgres(wishes in wishes()) {
        runtime().block_on(async {
            if let Some(views) = Views::postgres("random projections kept in PostgreSQL").await {
                play(views, &wishes).await;
            }
        });
    }
}
