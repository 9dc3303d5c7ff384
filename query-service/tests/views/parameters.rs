//! Bad parameters, one line a case: no 5xx, the right code, nothing echoed.

use crate::shop::Shop;
use axum::http::Method;
use rig::views::Views;

const ID: &str = "0198c1c2-7b1e-7d4a-9a55-0d6c2b3f4e5a";

pub async fn bad_parameters_are_refused_by_name(views: Views) {
    let shop = Shop::on(views).await;
    let (invalid, unknown) = ("invalid-parameter", "unknown-parameter");
    for (path, code) in [
        ("/v1/orders/{id}?colour=zzz", unknown),
        ("/v1/orders/{id}?version=zzz", invalid),
        ("/v1/orders/{id}?version=-1", invalid),
        ("/v1/orders/{id}?version=1&version=2", invalid),
        ("/v1/orders/{id}?version=1&as_of=2026-03-03T00:00:00Z", invalid),
        ("/v1/orders/{id}?known_at=2026-03-03T00:00:00Z&as_of=2026-03-03T00:00:00Z", invalid),
        ("/v1/orders/{id}?as_of=zzz", invalid),
        ("/v1/orders/{id}?as_of=2999-01-01T00:00:00Z", invalid),
        ("/v1/orders/{id}?known_at=2999-01-01T00:00:00Z", invalid),
        ("/v1/orders/{id}?include=zzz", invalid),
        ("/v1/orders/{id}?include=", invalid),
        ("/v1/orders/{id}?include=customer&version=1", invalid),
        ("/v1/orders/zzz", invalid),
        ("/v1/orders/%ff", invalid),
        ("/v1/orders/{id}/history?limit=0", invalid),
        ("/v1/orders/{id}/history?limit=201", invalid),
        ("/v1/orders/{id}/history?after=1", unknown),
        ("/v1/orders/{id}/history?cursor=zzz", "invalid-cursor"),
        ("/v1/orders/{id}/diff", invalid),
        ("/v1/orders/{id}/diff?from=1", invalid),
        ("/v1/orders/{id}/diff?from=zzz&to=1", invalid),
        ("/v1/orders?colour=zzz", unknown),
        ("/v1/orders?status=zzz", invalid),
        ("/v1/orders?status=", invalid),
        ("/v1/orders?status=placed,zzz", invalid),
        ("/v1/orders?payment_status=zzz", invalid),
        ("/v1/orders?fulfillment_status=zzz", invalid),
        ("/v1/orders?customer_id=", invalid),
        ("/v1/orders?customer_id=zzz%20", invalid),
        ("/v1/orders?product_id=zzz%00", invalid),
        ("/v1/orders?currency=zzz", invalid),
        ("/v1/orders?currency=XAU", invalid),
        ("/v1/orders?placed_from=zzz", invalid),
        ("/v1/orders?placed_to=2026-02-30", invalid),
        ("/v1/orders?sort=zzz", invalid),
        ("/v1/orders?sort=total", invalid),
        ("/v1/orders?sort=-total", invalid),
        ("/v1/orders?sort=-total&as_of=2026-03-03T00:00:00Z", invalid),
        ("/v1/customers/ann/orders?sort=total", invalid),
        ("/v1/customers/ann/orders?sort=-total&as_of=2026-03-03T00:00:00Z", invalid),
        ("/v1/orders?limit=0", invalid),
        ("/v1/orders?limit=201", invalid),
        ("/v1/orders?limit=1.5", invalid),
        ("/v1/orders?as_of=2026-03-03", invalid),
        ("/v1/orders?as_of=2999-01-01T00:00:00Z", invalid),
        ("/v1/orders?cursor=zzz", "invalid-cursor"),
        ("/v1/customers/zzz%20z", invalid),
        ("/v1/customers/ann?zzz=1", unknown),
        ("/v1/customers/ann/orders?customer_id=bob", unknown),
        ("/v1/products/zzz%2Fz", invalid),
        ("/v1/products/tea?zzz=1", unknown),
        ("/v1/products?sort=units", invalid),
        ("/v1/products?sort=-revenue", invalid),
        ("/v1/products?limit=201", invalid),
        ("/v1/products?cursor=zzz", "invalid-cursor"),
        ("/v1/reports/sales?interval=year", invalid),
        ("/v1/reports/sales?from=zzz", invalid),
        ("/v1/reports/sales?from=2026-03-03T12:00:00Z", invalid),
        ("/v1/reports/sales?to=2026-03-03T00:00:00%2B01:00", invalid),
        ("/v1/reports/sales?from=0000-12-31", invalid),
        ("/v1/reports/status-counts?as_of=0000-12-31T00:00:00Z", invalid),
        ("/v1/reports/sales?as_of=2999-01-01T00:00:00Z", invalid),
        ("/v1/reports/status-counts?as_of=zzz", invalid),
        ("/v1/reports/status-counts?zzz=1", unknown),
        ("/v1/projections?zzz=1", unknown),
        ("/v1/events?after=-1", invalid),
        ("/v1/events?limit=0", invalid),
        ("/v1/events?limit=1001", invalid),
        ("/v1/events/stream?after=zzz", invalid),
        ("/v1/events/stream?limit=1", unknown),
        ("/v1/log/checkpoint?zzz=1", unknown),
        ("/v1/log/proof?position=zzz&size=1", invalid),
        ("/v1/log/proof?position=1&size=-1", invalid),
        ("/v1/log/consistency?from=1&to=zzz", invalid),
        ("/v1/orders/zzz/proof", invalid),
        ("/v1/orders/{id}/proof?limit=201", invalid),
        ("/v1/orders/{id}/proof?cursor=zzz", "invalid-cursor"),
    ] {
        let path = path.replace("{id}", ID);
        let answer = shop.get(&path).await;
        assert_eq!(answer.code(), (400, code.to_owned()), "{path}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(!detail.contains("zzz"), "{path} echoes: {detail}");
    }
    for id in ["zzz", "-1", ""] {
        let answer = shop.get_with("/v1/events/stream", &[("last-event-id", id)]).await;
        assert_eq!(answer.code(), (400, invalid.to_owned()), "{id:?}");
    }
}

pub async fn other_methods_are_refused_with_what_is_allowed(views: Views) {
    let shop = Shop::on(views).await;
    for path in ["/v1/orders/{id}/history", "/v1/projections", "/v1/events", "/v1/reports/sales"] {
        let path = path.replace("{id}", ID);
        for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::POST] {
            let answer = shop.ask(method, &path, &[]).await;
            assert_eq!(answer.code(), (405, "method-not-allowed".into()), "{path}");
            assert!(answer.header("allow").contains("GET"));
        }
    }
}

pub async fn an_empty_read_model_has_answers_too(views: Views) {
    let shop = Shop::on(views).await;
    for path in [
        "/v1/orders",
        "/v1/orders?as_of=2026-03-03T00:00:00Z&status=draft",
        "/v1/customers/ann/orders",
        "/v1/products",
        "/v1/reports/sales?as_of=2026-03-03T00:00:00Z",
        "/v1/events",
    ] {
        let answer = shop.get(path).await;
        assert_eq!(answer.json()["data"], serde_json::json!([]), "{path}");
        assert_eq!(answer.header("consistency-token"), "0");
    }
    assert_eq!(shop.ok("/v1/reports/status-counts").await["counts"]["draft"], 0);
    assert_eq!(shop.ok("/v1/projections").await, serde_json::json!([]));
}
