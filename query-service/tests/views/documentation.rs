//! The document tells the truth: real answers have the documented shapes, real statuses are documented.

use crate::shop::{Shop, create, drafted};
use domain::order::OrderCommand;
use domain::{Note, Reference};
use query_service::schema;
use rig::views::Views;
use serde::de::DeserializeOwned;
use uuid::Uuid;

async fn fits<T: DeserializeOwned>(shop: &Shop, path: &str) {
    let answer = shop.get(path).await;
    assert_eq!(answer.status, 200, "{path}");
    if let Err(error) = serde_json::from_slice::<T>(&answer.body) {
        panic!("{path}: {error}: {answer:?}");
    }
}

async fn busy_shop(views: Views) -> (Shop, Uuid) {
    let mut shop = Shop::on(views).await;
    let order = shop.place("ann", &[("tea", 2, 450)]).await;
    shop.must(order, OrderCommand::AddNote { text: Note::parse("hm").unwrap() }).await;
    shop.must(order, OrderCommand::Confirm).await;
    let id = |id: &str| Reference::parse(id).unwrap();
    shop.must(
        order,
        OrderCommand::RecordPayment {
            payment_id: id("p"),
            amount: "9.00".into(),
            currency: None,
            method: None,
        },
    )
    .await;
    shop.must(
        order,
        OrderCommand::Ship {
            shipment_id: id("s"),
            carrier: None,
            tracking_number: None,
            lines: None,
        },
    )
    .await;
    shop.must(
        order,
        OrderCommand::RecordRefund {
            refund_id: id("r"),
            amount: "1.00".into(),
            currency: None,
            reason: None,
        },
    )
    .await;
    shop.must(Uuid::now_v7(), drafted(create("bob", "EUR", &[]))).await;
    shop.project().await;
    (shop, order)
}

pub async fn every_answer_has_its_documented_shape(views: Views) {
    let (shop, order) = busy_shop(views).await;
    let order = format!("/v1/orders/{order}");
    fits::<schema::Order>(&shop, &order).await;
    fits::<schema::Order>(&shop, &format!("{order}?version=2")).await;
    fits::<schema::Order>(&shop, &format!("{order}?include=customer,products,timeline")).await;
    fits::<schema::History>(&shop, &format!("{order}/history")).await;
    fits::<Vec<schema::PatchOperation>>(&shop, &format!("{order}/diff?from=1&to=6")).await;
    fits::<schema::Orders>(&shop, "/v1/orders?status=draft,confirmed").await;
    fits::<schema::Orders>(&shop, "/v1/orders?as_of=2026-04-01T00:00:00Z").await;
    fits::<schema::Orders>(&shop, "/v1/customers/ann/orders").await;
    fits::<schema::CustomerSummary>(&shop, "/v1/customers/ann").await;
    fits::<schema::Products>(&shop, "/v1/products").await;
    fits::<schema::ProductSummary>(&shop, "/v1/products/tea").await;
    fits::<schema::SalesReport>(&shop, "/v1/reports/sales").await;
    fits::<schema::StatusCounts>(&shop, "/v1/reports/status-counts").await;
    fits::<Vec<schema::ProjectionStatus>>(&shop, "/v1/projections").await;
    fits::<schema::Events>(&shop, "/v1/events").await;
}

pub async fn every_view_is_documented_with_its_statuses_and_examples(views: Views) {
    let shop = Shop::on(views).await;
    let document = serde_json::to_value(&shop.api).unwrap();
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 13);
    for (path, item) in paths {
        let statuses = item["get"]["responses"].as_object().unwrap();
        for status in ["200", "400", "404", "500", "503"] {
            assert!(statuses.contains_key(status), "{path} {status}");
        }
        assert!(item["get"]["summary"].is_string(), "{path}");
    }
    assert!(paths["/v1/orders/{id}"]["get"]["responses"]["304"].is_object());
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for name in
        ["Order", "OrderSummary", "CustomerSummary", "ProductSummary", "SalesPeriod", "CloudEvent"]
    {
        assert!(schemas[name]["example"].is_object(), "{name}");
    }
}
