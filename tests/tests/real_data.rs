//! Twenty thousand real orders through the command line, and every answer held against figures that were computed
//! from the raw rows by somebody else, cell by cell. `ORDERLOG_REAL_DATA` names the folder that holds both.
//!
//! The reference calls orders by their invoice numbers, which the file does not; an order at an instant is therefore
//! found by what the reference says of it: how many orders of that total are in that status then.

#![allow(clippy::unwrap_used, missing_docs)]

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use system_tests::client::Client;
use system_tests::program::Program;
use system_tests::server::{Launch, Server};
use tempfile::TempDir;

/// Rows of a page of `/v1/orders`.
const PAGE: usize = 200;
/// More pages than any list here has.
const MAX_PAGES: usize = 200;

struct Imported {
    server: Server,
    client: Client,
    data: TempDir,
    file: PathBuf,
    reference: Value,
}

#[tokio::test]
async fn real_orders_give_the_answers_that_were_computed_without_us() {
    let Ok(folder) = std::env::var("ORDERLOG_REAL_DATA") else {
        println!("NOT TESTED: real orders, because ORDERLOG_REAL_DATA names no folder");
        return;
    };
    let shop = import(Path::new(&folder)).await;
    check_everything(&shop).await;

    let again = run_import(&shop.server, &shop.file).await;
    assert_eq!(again["applied"], 0, "a second import applies nothing");
    assert_eq!(again["unchanged"], 20_059);
    assert_eq!(again["events"], 0);
    assert_eq!(again["position"], 20_059);

    let before = all_orders(&shop.client, "/v1/orders").await;
    let rebuilt = Launch::new(Program::Orderlog)
        .args(["--rebuild", "--data-dir"])
        .args([shop.data.path()])
        .run()
        .await;
    assert!(rebuilt.status.success(), "{}", String::from_utf8_lossy(&rebuilt.stderr));
    assert_eq!(all_orders(&shop.client, "/v1/orders").await, before, "a rebuild changes nothing");
    check_everything(&shop).await;

    let verified = Launch::new(Program::Orderlog)
        .args(["verify", "--data-dir"])
        .args([shop.data.path()])
        .run()
        .await;
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    shop.server.stop().await;
}

async fn import(folder: &Path) -> Imported {
    let reference = std::fs::read(folder.join("online-retail.reference.json")).unwrap();
    let reference: Value = serde_json::from_slice(&reference).unwrap();
    let file = folder.join("online-retail.ndjson.gz");
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let summary = run_import(&server, &file).await;
    assert_eq!(summary["lines"], 20_059);
    assert_eq!(summary["applied"], 20_059);
    assert_eq!(summary["failed"], 0);
    assert_eq!(summary["events"], reference["counts"]["events"]);
    let client = server.client().await;
    let position = summary["position"].as_u64().unwrap();
    client.get_at("/v1/orders?limit=1", position).await.ok();
    client.get_at("/v1/reports/sales?interval=month", position).await.ok();
    Imported { server, client, data, file, reference }
}

async fn run_import(server: &Server, file: &Path) -> Value {
    let output = Launch::new(Program::Orderlog)
        .args(["import"])
        .args([file])
        .args(["--url", server.base()])
        .run()
        .await;
    let answers = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{answers}{}", String::from_utf8_lossy(&output.stderr));
    let last: Value = serde_json::from_str(answers.lines().last().unwrap()).unwrap();
    last["summary"].clone()
}

async fn check_everything(shop: &Imported) {
    check_counts(shop).await;
    check_sales(shop, "day", "revenue_by_day").await;
    check_sales(shop, "month", "revenue_by_month").await;
    check_products(shop).await;
    check_customers(shop).await;
    check_instants(shop).await;
    check_orders_at_instants(shop).await;
}

/// `12345` as GBP: `123.45`.
fn pounds(minor: &Value) -> String {
    let minor = minor.as_u64().unwrap();
    format!("{}.{:02}", minor / 100, minor % 100)
}

fn minor(amount: &Value) -> u64 {
    let (whole, fraction) = amount.as_str().unwrap().split_once('.').unwrap();
    whole.parse::<u64>().unwrap() * 100 + fraction.parse::<u64>().unwrap()
}

/// A list to its last page.
async fn all_orders(client: &Client, path: &str) -> Vec<Value> {
    let join = if path.contains('?') { '&' } else { '?' };
    let mut rows = Vec::new();
    let mut next = format!("{path}{join}limit={PAGE}");
    for _ in 0..MAX_PAGES {
        let page = client.get(&next).await.ok();
        rows.extend(page["data"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else { return rows };
        next = format!("{path}{join}limit={PAGE}&cursor={cursor}");
    }
    panic!("{path} has more than {MAX_PAGES} pages");
}

async fn check_counts(shop: &Imported) {
    let counts = shop.client.get("/v1/reports/status-counts").await.ok();
    for status in ["draft", "placed", "confirmed", "completed", "cancelled", "discarded"] {
        let expected = shop.reference["orders_by_final_status"].get(status).cloned();
        assert_eq!(counts["counts"][status], expected.unwrap_or(json!(0)), "{status}");
    }
    assert_eq!(
        counts["payment_counts"]["unpaid"].as_u64().unwrap()
            + counts["payment_counts"]["paid"].as_u64().unwrap(),
        19_859
    );
    let rows = all_orders(&shop.client, "/v1/orders").await;
    assert_eq!(rows.len() as u64, shop.reference["counts"]["orders"].as_u64().unwrap());
    let total: u64 = rows.iter().map(|row| minor(&row["total"])).sum();
    assert_eq!(total, shop.reference["counts"]["total_minor"].as_u64().unwrap());
    let units: u64 = rows.iter().map(|row| row["units"].as_u64().unwrap()).sum();
    assert_eq!(units, shop.reference["counts"]["units"].as_u64().unwrap());
    let lines: u64 = rows.iter().map(|row| row["line_count"].as_u64().unwrap()).sum();
    assert_eq!(lines, shop.reference["counts"]["lines"].as_u64().unwrap());
}

async fn check_sales(shop: &Imported, interval: &str, section: &str) {
    let report = shop.client.get(&format!("/v1/reports/sales?interval={interval}")).await.ok();
    let rows = report["data"].as_array().unwrap();
    let expected = shop.reference[section].as_array().unwrap();
    assert_eq!(rows.len(), expected.len(), "{section}");
    for (row, expected) in rows.iter().zip(expected) {
        let period = &expected[interval];
        assert_eq!(&row["period"], period);
        assert_eq!(row["currency"], "GBP");
        assert_eq!(row["orders"], expected["orders_excluding_cancelled"], "{period}");
        let revenue = pounds(&expected["revenue_excluding_cancelled_minor"]);
        assert_eq!(row["revenue"], revenue, "{period}");
        let all = row["orders"].as_u64().unwrap() + row["cancelled_orders"].as_u64().unwrap();
        assert_eq!(json!(all), expected["orders"], "{period}");
        let all = minor(&row["revenue"]) + minor(&row["cancelled_revenue"]);
        assert_eq!(json!(all), expected["revenue_minor"], "{period}");
    }
}

async fn check_products(shop: &Imported) {
    let sections = [("units", "top_products_by_units"), ("revenue", "top_products_by_revenue")];
    for (sort, section) in sections {
        let expected = shop.reference[section]["excluding_cancelled"].as_array().unwrap();
        // One more than is compared: the reference leaves the freight line out of its rankings.
        let path = format!("/v1/products?currency=GBP&sort=-{sort}&limit={}", expected.len() + 1);
        let list = shop.client.get(&path).await.ok();
        let products = list["data"].as_array().unwrap().iter();
        let products: Vec<_> = products.filter(|row| row["product_id"] != "freight").collect();
        for (row, expected) in products.iter().zip(expected) {
            let product = expected["product_ref"].as_str().unwrap();
            assert_eq!(row["product_id"], product);
            assert_product(row, expected);
            let alone = shop.client.get(&format!("/v1/products/{product}")).await.ok();
            assert_product(&alone, expected);
        }
    }
}

fn assert_product(row: &Value, expected: &Value) {
    let product = &expected["product_ref"];
    assert_eq!(row["units"], expected["units"], "{product}");
    assert_eq!(row["orders"], expected["orders"], "{product}");
    let revenue = json!([{"currency": "GBP", "amount": pounds(&expected["revenue_minor"])}]);
    assert_eq!(row["revenue"], revenue, "{product}");
}

async fn check_customers(shop: &Imported) {
    for expected in shop.reference["customers"].as_array().unwrap() {
        let id = expected["customer_ref"].as_str().unwrap();
        let customer = shop.client.get(&format!("/v1/customers/{id}")).await.ok();
        let cancelled = expected["cancelled_orders"].as_u64().unwrap();
        let all = expected["orders"].as_u64().unwrap();
        assert_eq!(customer["orders"], all - cancelled, "{id}");
        assert_eq!(customer["cancelled_orders"], cancelled, "{id}");
        let amount = pounds(&expected["total_excluding_cancelled_minor"]);
        assert_eq!(customer["lifetime"], json!([{"currency": "GBP", "amount": amount}]), "{id}");
        for (member, column) in
            [("first_order_at", "first_placed_at"), ("last_order_at", "last_placed_at")]
        {
            let expected = expected[column].as_str().unwrap().replace('Z', ".000000Z");
            assert_eq!(customer[member], expected, "{id}");
        }
        let orders = all_orders(&shop.client, &format!("/v1/customers/{id}/orders")).await;
        assert_eq!(orders.len() as u64, all, "{id}");
        assert_eq!(orders.len(), expected["order_refs"].as_array().unwrap().len(), "{id}");
        let total: u64 = orders.iter().map(|order| minor(&order["total"])).sum();
        assert_eq!(json!(total), expected["total_minor"], "{id}");
    }
}

/// The forty instants: counts by status, and revenue as of then.
async fn check_instants(shop: &Imported) {
    for expected in shop.reference["as_of"].as_array().unwrap() {
        let instant = expected["t"].as_str().unwrap();
        let path = format!("/v1/reports/status-counts?as_of={instant}");
        let counts = shop.client.get(&path).await.ok();
        for (status, count) in counts["counts"].as_object().unwrap() {
            let expected = expected["by_status"].get(status).cloned().unwrap_or(json!(0));
            assert_eq!(*count, expected, "{status} at {instant}");
        }
        let path = format!("/v1/reports/sales?interval=month&as_of={instant}");
        let report = shop.client.get(&path).await.ok();
        let sum = |member: &str| -> u64 {
            report["data"].as_array().unwrap().iter().map(|row| minor(&row[member])).sum()
        };
        let revenue = json!(sum("revenue"));
        assert_eq!(revenue, expected["revenue_excluding_cancelled_minor"], "{instant}");
        let all = json!(sum("revenue") + sum("cancelled_revenue"));
        assert_eq!(all, expected["revenue_minor"], "{instant}");
    }
}

/// The two hundred pairs of an order and an instant.
async fn check_orders_at_instants(shop: &Imported) {
    let orders = all_orders(&shop.client, "/v1/orders").await;
    let mut by_total = BTreeMap::<u64, Vec<&str>>::new();
    for order in &orders {
        by_total
            .entry(minor(&order["total"]))
            .or_default()
            .push(order["order_id"].as_str().unwrap());
    }
    for pair in shop.reference["orders_as_of"].as_array().unwrap() {
        let (order, instant) = (&pair["order_ref"], pair["t"].as_str().unwrap());
        let Some(total) = pair["total_minor"].as_u64() else {
            check_not_yet_placed(shop, &orders, pair).await;
            continue;
        };
        let mut found = 0;
        for id in &by_total[&total] {
            let past = shop.client.get(&format!("/v1/orders/{id}?as_of={instant}")).await;
            if past.status == 404 {
                continue;
            }
            let past = past.ok();
            let matches = past["status"] == pair["status"]
                && past["version"] == pair["events"]
                && minor(&past["total"]) == total
                && past["paid"] == "0.00";
            found += usize::from(matches);
        }
        assert!(found > 0, "no order of {total} was {} at {instant}: {order}", pair["status"]);
    }
}

/// A second before its last event an order of one event was not there: some order was placed just then.
async fn check_not_yet_placed(shop: &Imported, orders: &[Value], pair: &Value) {
    assert_eq!(pair["events"], 0);
    let instant = pair["t"].as_str().unwrap();
    let just_after: chrono::DateTime<chrono::Utc> = instant.parse().unwrap();
    let just_after = just_after + chrono::TimeDelta::seconds(1);
    let placed_at = just_after.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    let mut found = 0;
    for order in orders.iter().filter(|order| order["placed_at"] == placed_at) {
        let id = order["order_id"].as_str().unwrap();
        let past = shop.client.get(&format!("/v1/orders/{id}?as_of={instant}")).await;
        assert_eq!(past.status, 404, "{id} at {instant}");
        assert_eq!(past.json()["code"], "not-yet-created");
        found += 1;
    }
    assert!(found > 0, "no order was placed at {placed_at}");
}
