//! Lists: cursors that hold while orders arrive, best sellers, the figures of customers and products.

use crate::shop::{Shop, create};
use chrono::Duration;
use domain::Reason;
use domain::order::OrderCommand;
use rig::views::Views;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;

fn ids(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| row["order_id"].as_str().unwrap().to_owned()).collect()
}

pub async fn a_traversal_shows_everything_once_while_orders_arrive(views: Views) {
    let mut shop = Shop::on(views).await;
    let mut first = BTreeSet::new();
    for index in 0..40 {
        // Several orders share a moment and a total: the id orders them.
        let order = Uuid::now_v7();
        let command = create("ann", "EUR", &[("tea", 1, 100 * (index / 10))]);
        let later = Duration::minutes(i64::from(index % 3 == 0));
        assert!(shop.command(order, &command, later).await);
        first.insert(order.to_string());
    }
    shop.project().await;
    for sort in ["-placed_at", "placed_at", "-total", "total"] {
        let mut shown = Vec::new();
        let mut cursor = String::new();
        loop {
            let page =
                shop.ok(&format!("/v1/orders?currency=EUR&sort={sort}&limit=7{cursor}")).await;
            shown.extend(ids(page["data"].as_array().unwrap()));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
            shop.place("bob", &[("cup", 1, 150)]).await;
            shop.project().await;
        }
        let unique: BTreeSet<String> = shown.iter().cloned().collect();
        assert_eq!(unique.len(), shown.len(), "{sort}: something was shown twice");
        assert!(first.is_subset(&unique), "{sort}: something was left out");
    }
}

pub async fn a_cursor_belongs_to_its_list(views: Views) {
    let mut shop = Shop::on(views).await;
    for _ in 0..3 {
        shop.place("ann", &[("tea", 1, 100)]).await;
    }
    shop.project().await;
    let page = shop.ok("/v1/orders?limit=1&customer_id=ann").await;
    let cursor = page["next_cursor"].as_str().unwrap().to_owned();
    let forged = cursor.replace(&cursor[..1], if cursor.starts_with('0') { "1" } else { "0" });
    for path in [
        format!("/v1/orders?cursor={cursor}"),
        format!("/v1/orders?customer_id=bob&cursor={cursor}"),
        format!("/v1/orders?customer_id=ann&currency=EUR&sort=total&cursor={cursor}"),
        format!("/v1/orders?customer_id=ann&as_of=2026-03-04T00:00:00Z&cursor={cursor}"),
        format!("/v1/customers/ann/orders?cursor={cursor}"),
        format!("/v1/products?cursor={cursor}"),
        format!("/v1/orders?customer_id=ann&cursor={forged}"),
        "/v1/orders?customer_id=ann&cursor=".into(),
        "/v1/orders?customer_id=ann&cursor=%00".into(),
        format!("/v1/orders?customer_id=ann&cursor={}", "a".repeat(4_000)),
    ] {
        assert_eq!(shop.get(&path).await.code(), (400, "invalid-cursor".into()), "{path}");
    }
    let next = shop.ok(&format!("/v1/orders?limit=2&customer_id=ann&cursor={cursor}")).await;
    assert_eq!(next["data"].as_array().unwrap().len(), 2);
    assert_eq!(next["next_cursor"], Value::Null);
}

pub async fn customers_and_products_count_placed_orders_and_cancelled_ones_separately(
    views: Views,
) {
    let mut shop = Shop::on(views).await;
    shop.place("ann", &[("tea", 2, 450), ("tea", 1, 100)]).await;
    let gone = shop.place("ann", &[("tea", 5, 450)]).await;
    shop.must(gone, OrderCommand::Cancel { reason: Reason::parse("no").unwrap() }).await;
    let yen = Uuid::now_v7();
    shop.must(yen, create("ann", "JPY", &[("tea", 1, 300)])).await;
    shop.project().await;
    let answer = shop.get("/v1/customers/ann").await;
    assert_eq!(answer.header("consistency-token"), "4");
    assert_eq!(
        answer.json(),
        json!({"customer_id": "ann", "name": "\"notes\":[] ann", "orders": 2, "cancelled_orders": 1,
            "lifetime": [{"currency": "EUR", "amount": "10.00"}, {"currency": "JPY", "amount": "300"}],
            "first_order_at": "2026-03-03T00:37:00.000000Z", "last_order_at": "2026-03-03T00:58:00.000000Z"})
    );
    assert_eq!(
        shop.ok("/v1/products/tea").await,
        json!({"product_id": "tea", "name": "The tea", "orders": 2, "units": 4,
            "revenue": [{"currency": "EUR", "amount": "10.00"}, {"currency": "JPY", "amount": "300"}]})
    );
    assert_eq!(shop.get("/v1/customers/bob").await.code(), (404, "not-found".into()));
    assert_eq!(shop.get("/v1/products/pot").await.code(), (404, "not-found".into()));
    assert_eq!(shop.all("/v1/customers/bob/orders?").await, Vec::<Value>::new());
}

pub async fn best_sellers_are_ranked_and_ties_go_to_the_smaller_id(views: Views) {
    let mut shop = Shop::on(views).await;
    shop.place("ann", &[("b", 3, 100), ("a", 3, 50), ("d", 9, 1), ("c", 3, 900)]).await;
    let yen = Uuid::now_v7();
    shop.must(yen, create("ann", "JPY", &[("e", 20, 1), ("a", 1, 7)])).await;
    shop.project().await;
    let ranked = async |query: &str| -> Vec<(String, u64)> {
        let rows = shop.all(&format!("/v1/products?limit=2&{query}")).await;
        let row = |row: &Value| {
            (row["product_id"].as_str().unwrap().to_owned(), row["units"].as_u64().unwrap())
        };
        rows.iter().map(row).collect()
    };
    let of = |rows: &[(&str, u64)]| -> Vec<(String, u64)> {
        rows.iter().map(|(id, units)| ((*id).to_owned(), *units)).collect()
    };
    assert_eq!(ranked("").await, of(&[("e", 20), ("d", 9), ("a", 4), ("b", 3), ("c", 3)]));
    assert_eq!(ranked("currency=EUR").await, of(&[("d", 9), ("a", 3), ("b", 3), ("c", 3)]));
    assert_eq!(
        ranked("currency=EUR&sort=-revenue").await,
        of(&[("c", 3), ("b", 3), ("a", 3), ("d", 9)])
    );
    let rows = shop.ok("/v1/products?currency=JPY&limit=1").await;
    assert_eq!(rows["data"][0]["revenue"], json!([{"currency": "JPY", "amount": "20"}]));
    let refused = shop.get("/v1/products?sort=-revenue").await;
    assert_eq!(refused.code(), (400, "invalid-parameter".into()));
    assert!(refused.json()["detail"].as_str().unwrap().contains("currency=USD"));
}

pub async fn the_sales_report_takes_dates_times_months_and_currencies(views: Views) {
    let mut shop = Shop::on(views).await;
    shop.place("ann", &[("tea", 1, 100)]).await;
    shop.now = "2026-03-04T23:50:00Z".parse().unwrap();
    shop.place("ann", &[("tea", 1, 200)]).await;
    shop.place("ann", &[("tea", 1, 400)]).await;
    shop.now = "2026-04-01T00:00:00Z".parse().unwrap();
    shop.must(Uuid::now_v7(), create("ann", "JPY", &[("tea", 1, 5)])).await;
    shop.project().await;
    let periods = async |query: &str| -> Vec<String> {
        let report = shop.ok(&format!("/v1/reports/sales?{query}")).await;
        let row = |row: &Value| format!("{} {}", row["period"], row["revenue"]).replace('"', "");
        report["data"].as_array().unwrap().iter().map(row).collect()
    };
    for (query, expected) in [
        ("", vec!["2026-03-03 1.00", "2026-03-04 2.00", "2026-03-05 4.00", "2026-04-01 5"]),
        ("from=2026-03-04&to=2026-03-05", vec!["2026-03-04 2.00"]),
        ("from=2026-03-04T00:00:00Z&to=2026-03-05T01:00:00%2B01:00", vec!["2026-03-04 2.00"]),
        ("interval=month", vec!["2026-03 7.00", "2026-04 5"]),
        ("interval=month&currency=JPY", vec!["2026-04 5"]),
        ("as_of=2026-03-04T23:57:00Z", vec!["2026-03-03 1.00", "2026-03-04 2.00"]),
        ("as_of=2026-03-04T23:56:59Z", vec!["2026-03-03 1.00"]),
        ("from=2027-01-01", vec![]),
    ] {
        assert_eq!(periods(query).await, expected, "{query}");
    }
}
