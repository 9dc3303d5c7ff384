//! Counts, sales by day and month, rankings, customers. Each function returns the number of cells that it compared.
//!
//! The views leave cancelled orders out of rankings. The reference also has rankings of all orders. Those are compared
//! with the events as served: the log holds what was placed.

use super::facts::line_total;
use super::{Shop, pence, pounds};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use system_tests::views::list;

fn rows<'a>(shop: &'a Shop, pointer: &str) -> &'a Vec<Value> {
    shop.reference.pointer(pointer).and_then(Value::as_array).expect("the reference has this part")
}

pub async fn counts(shop: &Shop) -> usize {
    let counts = &shop.reference["counts"];
    let placed: Vec<&Value> =
        shop.events.iter().filter(|event| event["type"] == "OrderPlaced").collect();
    let lines = || placed.iter().flat_map(|event| event["data"]["lines"].as_array().unwrap());
    let units: i64 = lines().map(|line| line["quantity"].as_i64().unwrap()).sum();
    let total: i64 = lines().map(line_total).sum();
    let products: HashSet<_> = lines().map(|line| line["product_id"].as_str().unwrap()).collect();
    let customers: HashSet<_> =
        placed.iter().map(|event| event["data"]["customer"]["id"].as_str().unwrap()).collect();
    for (name, found) in [
        ("orders", placed.len() as i64),
        ("lines", lines().count() as i64),
        ("events", shop.events.len() as i64),
        ("customers", customers.len() as i64),
        ("products", products.len() as i64),
        ("units", units),
        ("total_minor", total),
    ] {
        assert_eq!(counts[name], found, "counts.{name}");
    }
    let by_status = shop.get("/v1/reports/status-counts").await;
    let mut cells = 7;
    for (status, count) in by_status["counts"].as_object().unwrap() {
        let expected = shop.reference["orders_by_final_status"].get(status).cloned();
        assert_eq!(*count, expected.unwrap_or(json!(0)), "{status}");
        cells += 1;
    }
    for (kind, event) in [("placed", "OrderPlaced"), ("cancelled", "OrderCancelled")] {
        let found = shop.events.iter().filter(|stored| stored["type"] == event).count();
        assert_eq!(shop.reference["events_by_kind"][kind], found);
        cells += 1;
    }
    for (name, event) in
        [("first_event_at", shop.events.first()), ("last_event_at", shop.events.last())]
    {
        let expected = shop.reference[name].as_str().unwrap().replace('Z', ".000000Z");
        assert_eq!(event.unwrap()["time"], expected, "{name}");
        cells += 1;
    }
    let every = list(&shop.client, "/v1/orders", shop.head).await;
    assert_eq!(every.len(), shop.facts.orders.len());
    let ids: BTreeSet<_> = every.iter().map(|row| row["order_id"].as_str().unwrap()).collect();
    assert_eq!(ids, shop.facts.orders.iter().map(|order| order.id.as_str()).collect());
    cells
}

pub async fn sales(shop: &Shop) -> usize {
    let mut cells = 0;
    for (interval, section, name) in
        [("day", "/revenue_by_day", "day"), ("month", "/revenue_by_month", "month")]
    {
        let report = shop.get(&format!("/v1/reports/sales?interval={interval}&currency=GBP")).await;
        let report = report["data"].as_array().unwrap();
        let expected = rows(shop, section);
        assert_eq!(report.len(), expected.len(), "{interval}: as many periods");
        for (found, expected) in report.iter().zip(expected) {
            let period = &expected[name];
            assert_eq!(&found["period"], period);
            assert_eq!(found["currency"], "GBP");
            assert_eq!(found["orders"], expected["orders_excluding_cancelled"], "{period}");
            let all =
                found["orders"].as_i64().unwrap() + found["cancelled_orders"].as_i64().unwrap();
            assert_eq!(expected["orders"], all, "{period}");
            let revenue = pence(&found["revenue"]);
            assert_eq!(expected["revenue_excluding_cancelled_minor"], revenue, "{period}");
            let all = revenue + pence(&found["cancelled_revenue"]);
            assert_eq!(expected["revenue_minor"], all, "{period}");
            cells += 5;
        }
        let kept: i64 = report.iter().map(|row| pence(&row["revenue"])).sum();
        assert_eq!(shop.reference["counts"]["total_excluding_cancelled_minor"], kept);
        cells += 1;
    }
    cells
}

pub async fn products(shop: &Shop) -> usize {
    let mut cells = 0;
    for (sort, section) in
        [("units", "top_products_by_units"), ("revenue", "top_products_by_revenue")]
    {
        let expected = rows(shop, &format!("/{section}/excluding_cancelled"));
        let limit = expected.len();
        let best = shop.get(&format!("/v1/products?currency=GBP&sort=-{sort}&limit={limit}")).await;
        let best = best["data"].as_array().unwrap();
        assert_eq!(best.len(), limit);
        for (found, expected) in best.iter().zip(expected) {
            is_product(found, expected);
            let path = format!("/v1/products/{}", expected["product_ref"].as_str().unwrap());
            is_product(&shop.get(&path).await, expected);
            cells += 8;
        }
        cells += of_all_orders(shop, sort, rows(shop, &format!("/{section}/all_orders")));
    }
    cells
}

fn is_product(found: &Value, expected: &Value) {
    let product = &expected["product_ref"];
    assert_eq!(&found["product_id"], product);
    assert_eq!(found["units"], expected["units"], "{product}");
    assert_eq!(found["orders"], expected["orders"], "{product}");
    let revenue = pounds(expected["revenue_minor"].as_i64().unwrap());
    let revenue = json!([{"currency": "GBP", "amount": revenue}]);
    assert_eq!(found["revenue"], revenue, "{product}");
}

/// The ranking of everything ever placed, from the events.
fn of_all_orders(shop: &Shop, sort: &str, expected: &[Value]) -> usize {
    let mut sold: BTreeMap<&str, (i64, i64, HashSet<&str>)> = BTreeMap::new();
    for event in shop.events.iter().filter(|event| event["type"] == "OrderPlaced") {
        for line in event["data"]["lines"].as_array().unwrap() {
            let entry = sold.entry(line["product_id"].as_str().unwrap()).or_default();
            entry.0 += line["quantity"].as_i64().unwrap();
            entry.1 += line_total(line);
            entry.2.insert(event["subject"].as_str().unwrap());
        }
    }
    let mut ranking: Vec<_> = sold.into_iter().collect();
    ranking.sort_by_key(|(product, (units, revenue, _))| {
        (-if sort == "units" { *units } else { *revenue }, *product)
    });
    for ((product, (units, revenue, orders)), expected) in ranking.iter().zip(expected) {
        let found = json!({"product_ref": product, "units": units, "revenue_minor": revenue, "orders": orders.len()});
        assert_eq!(&found, expected);
    }
    expected.len() * 4
}

pub async fn customers(shop: &Shop) -> usize {
    let mut cells = 0;
    for expected in rows(shop, "/customers") {
        let id = expected["customer_ref"].as_str().unwrap();
        let found = shop.get(&format!("/v1/customers/{id}")).await;
        let cancelled = found["cancelled_orders"].as_i64().unwrap();
        assert_eq!(expected["cancelled_orders"], cancelled, "{id}");
        assert_eq!(expected["orders"], found["orders"].as_i64().unwrap() + cancelled, "{id}");
        let lifetime = found["lifetime"].as_array().unwrap();
        let kept = lifetime.first().map_or(0, |entry| pence(&entry["amount"]));
        assert_eq!(expected["total_excluding_cancelled_minor"], kept, "{id}");
        for (member, name) in
            [("first_order_at", "first_placed_at"), ("last_order_at", "last_placed_at")]
        {
            let time = expected[name].as_str().unwrap().replace('Z', ".000000Z");
            assert_eq!(found[member], time, "{id}: {member}");
        }
        let own =
            list(&shop.client, &format!("/v1/customers/{id}/orders?sort=placed_at"), shop.head)
                .await;
        assert_eq!(own.len(), expected["order_refs"].as_array().unwrap().len(), "{id}");
        let total: i64 = own.iter().map(|row| pence(&row["total"])).sum();
        assert_eq!(expected["total_minor"], total, "{id}");
        let ids: BTreeSet<_> = own.iter().map(|row| row["order_id"].as_str().unwrap()).collect();
        let facts = shop.facts.orders.iter().filter(|order| order.customer == id);
        assert_eq!(ids, facts.map(|order| order.id.as_str()).collect(), "{id}");
        cells += 7;
    }
    cells
}
