//! Lists, figures and reports over a few orders whose every number is known.

#![allow(clippy::unwrap_used, missing_docs)]

use serde_json::{Value, json};
use system_tests::client::Client;
use system_tests::orders::{self, line, new_id};
use system_tests::server::Server;
use system_tests::views::list;
use tempfile::TempDir;
use uuid::Uuid;

struct Shop {
    client: Client,
    _server: Server,
    _data: TempDir,
    position: u64,
    /// placed, confirmed, completed, cancelled, draft
    orders: Vec<Uuid>,
}

/// Five orders in five statuses: three of them count (34.00 + 34.00 + 10.00 USD), one is cancelled, one is a draft.
async fn shop() -> Shop {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let client = server.client().await;
    let (placed, _) = orders::place(&client, "ann").await;
    let (confirmed, _) = orders::place(&client, "bob").await;
    orders::apply(&client, confirmed, &orders::until_delivery()).await;
    let (completed, cancelled, draft) = (new_id(), new_id(), new_id());
    for (order, customer, is_draft) in
        [(completed, "ann", false), (cancelled, "ann", false), (draft, "bob", true)]
    {
        let body = json!({"order_id": order, "customer": {"id": customer, "name": customer.to_uppercase()},
            "currency": "USD", "lines": [line("tea", 1, "10.00")], "draft": is_draft});
        client.post("/v1/orders", &body).await.expect(201);
    }
    let ending = [
        ("confirm", json!({})),
        ("record-payment", json!({"payment_id": "p", "amount": "10.00"})),
        ("ship", json!({"shipment_id": "s"})),
        ("deliver", json!({"shipment_id": "s"})),
    ];
    orders::apply(&client, completed, &ending).await;
    let last = orders::command(&client, cancelled, "cancel", json!({"reason": "no"})).await;
    last.ok();
    let orders = vec![placed, confirmed, completed, cancelled, draft];
    Shop { client, _server: server, _data: data, position: last.token(), orders }
}

impl Shop {
    async fn get(&self, path: &str) -> Value {
        self.client.get_at(path, self.position).await.ok()
    }

    /// The orders of a list, by their numbers in the shop.
    async fn numbers(&self, path: &str) -> Vec<usize> {
        let rows = list(&self.client, path, self.position).await;
        rows.iter()
            .map(|row| {
                let id = Uuid::parse_str(row["order_id"].as_str().unwrap()).unwrap();
                self.orders.iter().position(|order| *order == id).unwrap()
            })
            .collect()
    }
}

#[tokio::test]
async fn lists_are_filtered_sorted_and_paged() {
    let shop = shop().await;
    for (path, expected) in [
        ("/v1/orders", vec![3, 2, 1, 0]),
        ("/v1/orders?sort=-placed_at", vec![3, 2, 1, 0]),
        ("/v1/orders?sort=placed_at", vec![0, 1, 2, 3]),
        ("/v1/orders?status=placed", vec![0]),
        ("/v1/orders?status=draft", vec![4]),
        ("/v1/orders?status=cancelled,completed", vec![3, 2]),
        ("/v1/orders?payment_status=paid", vec![2, 1]),
        ("/v1/orders?fulfillment_status=shipped", vec![1]),
        ("/v1/orders?fulfillment_status=unfulfilled", vec![3, 0]),
        ("/v1/orders?customer_id=bob", vec![1]),
        ("/v1/orders?customer_id=bob&status=draft,confirmed", vec![4, 1]),
        ("/v1/orders?product_id=cup", vec![1, 0]),
        ("/v1/orders?currency=EUR", vec![]),
        ("/v1/orders?placed_from=2999-01-01T00:00:00Z", vec![]),
        ("/v1/orders?placed_to=2001-01-01T00:00:00Z", vec![]),
        (
            "/v1/orders?placed_from=2001-01-01T00:00:00Z&placed_to=2999-01-01T00:00:00Z",
            vec![3, 2, 1, 0],
        ),
        ("/v1/customers/ann/orders", vec![3, 2, 0]),
        ("/v1/customers/ann/orders?status=completed", vec![2]),
    ] {
        assert_eq!(shop.numbers(path).await, expected, "{path}");
    }
    for (path, totals) in [
        ("/v1/orders?currency=USD&sort=-total", ["34.00", "34.00", "10.00", "10.00"]),
        ("/v1/orders?currency=USD&sort=total", ["10.00", "10.00", "34.00", "34.00"]),
    ] {
        let rows = list(&shop.client, path, shop.position).await;
        let seen: Vec<_> = rows.iter().map(|row| row["total"].as_str().unwrap()).collect();
        assert_eq!(seen, totals, "{path}");
    }
}

/// The order ids of a list, read page by page; `between` runs after each page.
async fn paged(
    shop: &Shop,
    path: &str,
    limit: usize,
    mut between: impl AsyncFnMut(),
) -> Vec<Value> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    for _ in 0..100 {
        let page = shop.get(&format!("{path}&limit={limit}{cursor}")).await;
        ids.extend(page["data"].as_array().unwrap().iter().map(|row| row["order_id"].clone()));
        let Some(next) = page["next_cursor"].as_str() else { return ids };
        cursor = format!("&cursor={next}");
        between().await;
    }
    panic!("{path} has no end");
}

#[tokio::test]
async fn every_sort_pages_to_the_same_list() {
    let shop = shop().await;
    for sort in ["-placed_at", "placed_at", "-total", "total"] {
        let path = format!("/v1/orders?currency=USD&sort={sort}");
        let whole = paged(&shop, &path, 200, async || {}).await;
        assert_eq!(whole.len(), 4);
        for limit in 1..=4 {
            assert_eq!(paged(&shop, &path, limit, async || {}).await, whole, "{path} by {limit}");
        }
    }
}

#[tokio::test]
async fn a_cursor_goes_on_where_the_page_ended_though_orders_arrive() {
    let shop = shop().await;
    let before = paged(&shop, "/v1/orders?sort=-placed_at", 200, async || {}).await;
    let arriving = async || {
        let (_, answer) = orders::place(&shop.client, "late").await;
        shop.client.get_at("/v1/orders", answer.token()).await.ok();
    };
    // With the newest first, new orders come before the page.
    assert_eq!(paged(&shop, "/v1/orders?sort=-placed_at", 1, arriving).await, before);
}

#[tokio::test]
async fn figures_count_placed_orders_and_leave_cancelled_ones_apart() {
    let shop = shop().await;
    let ann = shop.get("/v1/customers/ann").await;
    assert_eq!(ann["customer_id"], "ann");
    assert_eq!(ann["orders"], 2);
    assert_eq!(ann["cancelled_orders"], 1);
    assert_eq!(ann["lifetime"], json!([{"currency": "USD", "amount": "44.00"}]));
    assert!(ann["first_order_at"].as_str().unwrap() < ann["last_order_at"].as_str().unwrap());
    shop.client.get_at("/v1/customers/nobody", shop.position).await.problem(404, "not-found");

    let tea = shop.get("/v1/products/tea").await;
    assert_eq!(tea["orders"], 3);
    assert_eq!(tea["units"], 5);
    assert_eq!(tea["revenue"], json!([{"currency": "USD", "amount": "68.00"}]));
    shop.client.get_at("/v1/products/nothing", shop.position).await.problem(404, "not-found");

    for (sort, first, last) in [("-units", "tea", "cup"), ("-revenue", "tea", "cup")] {
        let best = shop.get(&format!("/v1/products?currency=USD&sort={sort}&limit=20")).await;
        let best = best["data"].as_array().unwrap();
        assert_eq!(best[0]["product_id"], first);
        assert_eq!(best[1]["product_id"], last);
        assert_eq!(best.len(), 2);
    }
    for interval in ["day", "month"] {
        let report = shop.get(&format!("/v1/reports/sales?interval={interval}")).await;
        let placed = shop.get(&format!("/v1/orders/{}", shop.orders[0])).await;
        let period =
            &placed["placed_at"].as_str().unwrap()[..if interval == "day" { 10 } else { 7 }];
        let expected = json!([{"period": period, "currency": "USD", "orders": 3, "units": 7,
            "revenue": "78.00", "cancelled_orders": 1, "cancelled_revenue": "10.00"}]);
        assert_eq!(report["data"], expected, "a run across midnight may be repeated");
    }
}

#[tokio::test]
async fn status_counts_name_every_state() {
    let shop = shop().await;
    let report = shop.get("/v1/reports/status-counts").await;
    let counts = json!({"draft": 1, "placed": 1, "confirmed": 1, "completed": 1, "cancelled": 1, "discarded": 0});
    assert_eq!(report["counts"], counts);
    let payments = json!({"unpaid": 1, "partially_paid": 0, "paid": 2, "overpaid": 0,
        "partially_refunded": 0, "refunded": 0});
    assert_eq!(report["payment_counts"], payments);
    let fulfilment = json!({"unfulfilled": 1, "partially_shipped": 0, "shipped": 1,
        "partially_delivered": 0, "delivered": 1});
    assert_eq!(report["fulfillment_counts"], fulfilment);
    let before = shop.get("/v1/reports/status-counts?as_of=2001-01-01T00:00:00Z").await;
    assert!(before["counts"].as_object().unwrap().values().all(|count| *count == 0), "{before}");
}

#[tokio::test]
async fn reports_and_lists_as_of_a_moment_stand_as_they_stood_then() {
    let shop = shop().await;
    let placed = shop.get(&format!("/v1/orders/{}", shop.orders[3])).await;
    let moment = placed["placed_at"].as_str().unwrap();
    let then = shop.get(&format!("/v1/reports/status-counts?as_of={moment}")).await;
    assert_eq!(then["counts"]["cancelled"], 0);
    assert_eq!(then["counts"]["placed"], 3, "{then}");
    assert_eq!(then["counts"]["confirmed"], 1);
    assert_eq!(shop.numbers(&format!("/v1/orders?as_of={moment}")).await, vec![3, 2, 1, 0]);
    assert_eq!(
        shop.numbers(&format!("/v1/orders?as_of={moment}&status=cancelled")).await,
        Vec::<usize>::new()
    );
    assert_eq!(shop.numbers(&format!("/v1/orders?as_of={moment}&status=confirmed")).await, vec![1]);
    let sales = shop.get(&format!("/v1/reports/sales?interval=day&as_of={moment}")).await;
    assert_eq!(sales["data"][0]["orders"], 4);
    assert_eq!(sales["data"][0]["cancelled_orders"], 0);
    assert_eq!(sales["data"][0]["revenue"], "88.00");
}

#[tokio::test]
async fn projections_show_their_positions() {
    let shop = shop().await;
    shop.get("/v1/orders").await;
    let projections = shop.get("/v1/projections").await;
    let projections = projections.as_array().expect("an array");
    assert!(projections.len() >= 5);
    for projection in projections {
        assert_eq!(projection["state"], "live", "{projection}");
        assert_eq!(projection["parked_streams"], 0);
        assert_eq!(projection["rebuild"], Value::Null);
        for member in ["name", "position", "head", "lag_events", "lag_ms"] {
            assert!(!projection[member].is_null(), "no {member} in {projection}");
        }
    }
    assert!(projections.iter().any(|p| p["position"] == shop.position), "{projections:?}");
}
