//! Everything that the views show, as one value, for comparisons of before and after.

use serde_json::{Map, Value};

use crate::client::Client;

/// Orders on one page.
const PAGE: usize = 200;
/// More pages than any test fills.
const MAX_PAGES: usize = 1_000;

/// The lists and reports that take no id.
const FIXED: [&str; 6] = [
    "/v1/products?currency=USD&sort=-units&limit=100",
    "/v1/products?currency=USD&sort=-revenue&limit=100",
    "/v1/reports/sales?interval=day",
    "/v1/reports/sales?interval=month",
    "/v1/products/tea",
    "/v1/products/cup",
];

/// Reads every list to its end, every order with its history, every customer of [`crate::load`] and every report, at
/// `position`.
pub async fn everything(client: &Client, position: u64) -> Value {
    let mut shown = Map::new();
    let orders = list(client, "/v1/orders", position).await;
    for order in &orders {
        let path = format!("/v1/orders/{}", order["order_id"].as_str().unwrap_or_default());
        for path in [path.clone(), format!("{path}/history")] {
            let body = client.get_at(&path, position).await.ok();
            shown.insert(path, body);
        }
    }
    shown.insert("/v1/orders".to_owned(), Value::Array(orders));
    for path in FIXED {
        shown.insert(path.to_owned(), client.get_at(path, position).await.ok());
    }
    for number in 0..20 {
        let path = format!("/v1/customers/customer-{number}");
        let answer = client.get_at(&path, position).await;
        shown.insert(path, answer.json().get("lifetime").cloned().unwrap_or_default());
    }
    let counts = client.get_at("/v1/reports/status-counts", position).await.ok();
    shown.insert("/v1/reports/status-counts".to_owned(), counts["counts"].clone());
    Value::Object(shown)
}

/// Reads a list to its end.
///
/// # Panics
/// When the list has no end.
pub async fn list(client: &Client, path: &str, position: u64) -> Vec<Value> {
    let join = if path.contains('?') { '&' } else { '?' };
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    for _ in 0..MAX_PAGES {
        let page = format!("{path}{join}limit={PAGE}{cursor}");
        let page = client.get_at(&page, position).await.ok();
        rows.extend(page["data"].as_array().expect("a list has data").iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
    }
    panic!("{path} has no end");
}
