//! Consistency tokens over HTTP: a client reads its own writes, or gets the answer that the view is behind.

use crate::shop::Shop;
use projector::{Registry, Source};
use rig::views::Views;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

pub async fn a_view_that_is_behind_says_by_how_much(views: Views) {
    let mut shop = Shop::on(views).await;
    shop.place("ann", &[("tea", 1, 100)]).await;
    shop.project().await;
    for wait in ["wait=0", "wait=1"] {
        let headers = [("consistency-token", "12"), ("prefer", wait)];
        let answer = shop.get_with("/v1/orders", &headers).await;
        assert_eq!(answer.code(), (503, "read-model-behind".into()));
        assert_eq!(answer.json()["lag_events"], 11);
        assert_eq!(answer.header("retry-after"), "1");
    }
    for token in ["0", "1"] {
        let headers = [("consistency-token", token), ("prefer", "wait=0")];
        assert_eq!(shop.get_with("/v1/orders", &headers).await.status, 200, "{token}");
    }
    let malformed = shop.get_with("/v1/orders", &[("consistency-token", "soon")]).await;
    assert_eq!(malformed.code(), (400, "invalid-parameter".into()));
}

pub async fn a_request_that_waits_sees_what_was_written(views: Views) {
    let mut shop = Shop::on(views).await;
    let shutdown = CancellationToken::new();
    let source = Source::new(shop.log.clone(), Registry::standard());
    let (condition, _reported) = tokio::sync::watch::channel(Ok(()));
    let model = shop.model.clone();
    let run = tokio::spawn(projector::run(source, model, condition, shutdown.clone()));
    for _ in 0..20 {
        let order = shop.place("ann", &[("tea", 1, 100)]).await;
        let token = shop.head().await.to_string();
        for path in [
            format!("/v1/orders/{order}"),
            format!("/v1/orders/{order}?include=customer,products,timeline"),
            format!("/v1/orders/{order}/history"),
            format!("/v1/orders/{order}?version=1"),
            "/v1/customers/ann".into(),
            "/v1/products/tea".into(),
            "/v1/reports/sales".into(),
            "/v1/reports/status-counts".into(),
            "/v1/events".into(),
            "/v1/projections".into(),
        ] {
            let answer = shop.get_with(&path, &[("consistency-token", &token)]).await;
            assert_eq!(answer.status, 200, "{path} {answer:?}");
            let applied: u64 = answer.header("consistency-token").parse().unwrap();
            assert!(applied >= token.parse().unwrap(), "{path}");
        }
    }
    shutdown.cancel();
    run.await.unwrap().unwrap();
}

pub async fn many_waiters_are_woken_together(views: Views) {
    let mut shop = Shop::on(views).await;
    shop.place("ann", &[("tea", 1, 100)]).await;
    let began = Instant::now();
    let headers = [("consistency-token", "1"), ("prefer", "wait=30")];
    let waiters = futures::future::join_all((0..64).map(|_| shop.get_with("/v1/orders", &headers)));
    let (answers, ()) = tokio::join!(waiters, shop.project());
    for answer in answers {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["data"].as_array().unwrap().len(), 1);
    }
    assert!(began.elapsed().as_secs() < 20);
}
