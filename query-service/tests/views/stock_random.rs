//! Random stock: every view is what a plain count of the events says, now and at every moment of the past.

use crate::shop::{Answer, Shop};
use crate::stockroom::{Count, Stockroom, Units, reference, wished};
use chrono::{DateTime, Duration, Utc};
use domain::order::document::micros::Wire;
use domain::stock::{ITEM, item_id};
use proptest::prelude::*;
use rig::views::Views;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

fn item((product, warehouse): (&str, &str), units: &Units, count: Option<&Count>) -> Value {
    let available = units.available();
    let status = match available {
        ..0 => "short",
        0 => "out_of_stock",
        1.. => "in_stock",
    };
    let updated_at = DateTime::<Utc>::from_timestamp_micros(units.updated_at).unwrap();
    let mut item = json!({
        "product_id": product, "warehouse": warehouse, "status": status, "on_hand": units.on_hand,
        "reserved": units.reserved, "available": available, "committed_total": units.committed,
        "version": units.version, "updated_at": Wire(updated_at)});
    if let Some(count) = count.filter(|_| available < 0) {
        let mut newest = count.soft_on(product, warehouse);
        newest.truncate(20);
        item["to_release"] = json!(newest);
    }
    item
}

/// A product as the view shows it; `None` if no warehouse has it. Only the present names what to release.
fn product(count: &Count, product: &str, warehouse: Option<&str>, present: bool) -> Option<Value> {
    let items = count.items.iter().filter(|((its, place), _)| {
        its == product && warehouse.is_none_or(|warehouse| warehouse == place)
    });
    let items: Vec<_> = items.collect();
    let sum = |units: fn(&Units) -> i64| items.iter().map(|(_, its)| units(its)).sum::<i64>();
    let shown = |((product, place), units): &(&(String, String), &Units)| {
        item((product, place), units, present.then_some(count))
    };
    (!items.is_empty()).then(|| {
        json!({
            "product_id": product, "on_hand": sum(|its| its.on_hand), "reserved": sum(|its| its.reserved),
            "available": sum(Units::available), "committed_total": sum(|its| its.committed),
            "items": items.iter().map(shown).collect::<Vec<_>>()})
    })
}

fn assert_shows(answer: &Answer, expected: Option<Value>, path: &str) {
    match expected {
        Some(expected) => {
            assert_eq!((answer.status.as_u16(), answer.json()), (200, expected), "{path}")
        }
        None => assert_eq!(answer.code(), (404, "stock-not-found".into()), "{path}"),
    }
}

const SHOWN: [&str; 5] = ["tea", "cup", "pot:1", "A.b_c-9", "never-seen"];

async fn assert_products(shop: &Shop, count: &Count, moment: &str) {
    let present = moment.is_empty();
    for name in SHOWN {
        for warehouse in [None, Some("north"), Some("south")] {
            let place = warehouse.map(|warehouse| format!("&warehouse={warehouse}"));
            let path = format!("/v1/stock/{name}?{moment}{}", place.unwrap_or_default());
            let answer = shop.get(&path).await;
            assert_shows(&answer, product(count, name, warehouse, present), &path);
            let began = answer.headers.contains_key("memento-datetime");
            assert_eq!(began, !present && answer.status == 200, "{path}");
        }
    }
}

async fn assert_list(shop: &Shop, count: &Count) {
    for (below, warehouse) in [
        (None, None),
        (Some(0), None),
        (Some(4), None),
        (Some(9), Some("south")),
        (None, Some("north")),
    ] {
        let meets = |((_, place), units): &(&(String, String), &Units)| {
            below.is_none_or(|below| units.available() < below)
                && warehouse.is_none_or(|warehouse| warehouse == place)
        };
        let items = count.items.iter().filter(meets);
        let expected: Vec<Value> = items
            .map(|((product, place), units)| item((product, place), units, Some(count)))
            .collect();
        let below = below.map(|below| format!("&below={below}")).unwrap_or_default();
        let place = warehouse.map(|its| format!("&warehouse={its}")).unwrap_or_default();
        let path = format!("/v1/stock?limit=3{below}{place}");
        assert_eq!(shop.all(&path).await, expected, "{path}");
    }
}

/// The history of each product is its events, in the order of the log, however they are paged.
async fn assert_histories(shop: &Shop, room: &Stockroom) {
    for name in SHOWN {
        for warehouse in [None, Some("south")] {
            let ids: Vec<Uuid> = ["north", "south"]
                .iter()
                .filter(|place| warehouse.is_none_or(|warehouse| warehouse == **place))
                .map(|place| item_id(&reference(place), &reference(name)))
                .collect();
            let its =
                room.happened.iter().filter(|its| its.stream_type == ITEM && ids.contains(&its.id));
            let expected: Vec<(u64, &str, String)> = its
                .map(|its| (its.version, its.event.stored_name(), Wire(its.at).to_string()))
                .collect();
            let place = warehouse.map(|its| format!("&warehouse={its}")).unwrap_or_default();
            let path = format!("/v1/stock/{name}/history?limit=3{place}");
            if expected.is_empty() {
                assert_eq!(shop.get(&path).await.code(), (404, "stock-not-found".into()), "{path}");
                continue;
            }
            let rows = shop.all(&path).await;
            let positions: Vec<u64> =
                rows.iter().map(|row| row["position"].as_u64().unwrap()).collect();
            assert!(positions.is_sorted_by(|one, next| one < next), "{path}");
            let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
            let shown: Vec<_> = rows
                .iter()
                .map(|row| {
                    (row["version"].as_u64().unwrap(), text(row, "type"), text(row, "occurred_at"))
                })
                .collect();
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(version, kind, at)| (version, kind.to_owned(), at))
                .collect();
            assert_eq!(shown, expected, "{path}");
            assert!(rows.iter().all(|row| row["data"]["product_id"] == *name));
        }
    }
}

async fn assert_reservations(shop: &Shop, room: &Stockroom) {
    let count = room.count();
    for (id, held) in &count.reservations {
        let path = format!("/v1/stock/reservations/{id}");
        let present = shop.get(&path).await;
        let document = present.json();
        assert_eq!(document["status"], held.status);
        assert_eq!(document["version"], held.version);
        assert_eq!(document["lines"], json!(held.lines));
        assert_eq!(document["order_id"], json!(held.order_id));
        assert_eq!(present.header("etag"), format!("\"{}\"", held.version));
        let replayed = shop.get(&format!("{path}?version={}", held.version)).await;
        assert_eq!(replayed.body, present.body, "projected and replayed differ");
        let history = shop.all(&format!("{path}/history?limit=1")).await;
        let its: Vec<_> = room.happened.iter().filter(|its| its.id == *id).collect();
        assert_eq!(history.len(), its.len());
        assert!(history.iter().zip(&its).all(|(row, its)| row["type"] == its.event.stored_name()));
        for its in its {
            for (moment, then) in [
                (format!("as_of={}", Wire(its.at)), room.as_of(its.at)),
                (format!("known_at={}", Wire(its.recorded_at)), room.known_at(its.recorded_at)),
            ] {
                let then = &then.reservations[id];
                let shown = shop.ok(&format!("{path}?{moment}")).await;
                assert_eq!(
                    (&shown["status"], &shown["version"]),
                    (&json!(then.status), &json!(then.version))
                );
            }
        }
    }
}

/// Moments worth looking at: just before, at and after what happened, by either time.
fn moments(room: &Stockroom) -> Vec<DateTime<Utc>> {
    let step = (room.happened.len() / 4).max(1);
    let mut moments = vec![room.now + Duration::days(3)];
    for its in room.happened.iter().step_by(step) {
        let before = Duration::microseconds(1);
        moments.extend([its.at, its.at - before, its.recorded_at, its.recorded_at - before]);
    }
    moments
}

async fn play(views: Views, wishes: &[(usize, u8, u8)]) {
    let shop = Shop::with_stock(views).await;
    let mut room = Stockroom::new();
    let reservations: Vec<Uuid> = (0..8).map(|_| Uuid::now_v7()).collect();
    for wish in wishes {
        let (id, command) = wished(&reservations, room.now, *wish);
        room.tell(&shop.log, id, &command).await;
    }
    shop.project().await;
    let count = room.count();
    assert_products(&shop, &count, "").await;
    assert_list(&shop, &count).await;
    assert_histories(&shop, &room).await;
    assert_reservations(&shop, &room).await;
    for at in moments(&room) {
        assert_products(&shop, &room.as_of(at), &format!("as_of={}", Wire(at))).await;
        assert_products(&shop, &room.known_at(at), &format!("known_at={}", Wire(at))).await;
    }
}

fn wishes() -> impl Strategy<Value = Vec<(usize, u8, u8)>> {
    prop::collection::vec((0_usize..8, 0_u8..19, any::<u8>()), 20..70)
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Six logs, or as many as `PROPTEST_CASES` asks for: each is asked some thousand questions.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn stock_is_what_a_plain_count_says_on_sqlite(wishes in wishes()) {
        runtime().block_on(play(Views::sqlite(), &wishes));
    }

    #[test]
    fn stock_is_what_a_plain_count_says_on_postgres(wishes in wishes()) {
        runtime().block_on(async {
            if let Some(views) = Views::postgres("views of stock in PostgreSQL").await {
                play(views, &wishes).await;
            }
        });
    }
}
