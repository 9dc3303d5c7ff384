//! The past: status counts and revenue at forty instants, and two hundred orders at a moment each.

use super::{Shop, pence, pounds};
use serde_json::{Value, json};

pub async fn figures_as_of(shop: &Shop) -> usize {
    let mut cells = 0;
    for expected in shop.reference["as_of"].as_array().unwrap() {
        let at = expected["t"].as_str().unwrap();
        let report = shop.get(&format!("/v1/reports/status-counts?as_of={at}")).await;
        for (status, count) in report["counts"].as_object().unwrap() {
            let expected = expected["by_status"].get(status).cloned().unwrap_or(json!(0));
            assert_eq!(*count, expected, "{status} at {at}");
            cells += 1;
        }
        for interval in ["day", "month"] {
            let path = format!("/v1/reports/sales?interval={interval}&currency=GBP&as_of={at}");
            let sales = shop.get(&path).await;
            let sum = |member: &str| -> i64 {
                sales["data"].as_array().unwrap().iter().map(|row| pence(&row[member])).sum()
            };
            let count = |member: &str| -> i64 {
                let rows = sales["data"].as_array().unwrap();
                rows.iter().map(|row| row[member].as_i64().unwrap()).sum()
            };
            let (kept, lost) = (sum("revenue"), sum("cancelled_revenue"));
            assert_eq!(expected["revenue_excluding_cancelled_minor"], kept, "{interval} at {at}");
            assert_eq!(expected["revenue_minor"], kept + lost, "{interval} at {at}");
            let placed = count("orders") + count("cancelled_orders");
            assert_eq!(expected["orders_placed"], placed, "{interval} at {at}");
            cells += 3;
        }
    }
    cells
}

pub async fn orders_as_of(shop: &Shop) -> usize {
    let mut cells = 0;
    for expected in shop.reference["orders_as_of"].as_array().unwrap() {
        let at = expected["t"].as_str().unwrap();
        let meant = shop.facts.meant_by(expected);
        assert!(!meant.is_empty(), "no order fits {expected}");
        for order in meant {
            let path = format!("/v1/orders/{}?as_of={at}", order.id);
            let answer = shop.client.get_at(&path, shop.head).await;
            if expected["status"] == Value::Null {
                answer.problem(404, "not-yet-created");
                cells += 1;
                continue;
            }
            let then = answer.ok();
            assert_eq!(then["status"], expected["status"], "{expected}");
            assert_eq!(then["version"], expected["events"], "{expected}");
            let total = pounds(expected["total_minor"].as_i64().unwrap());
            assert_eq!(then["total"], total, "{expected}");
            cells += 3;
        }
    }
    cells
}
