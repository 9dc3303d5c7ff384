//! The OpenAPI document is true: real answers have the documented shapes, real statuses are documented.

use crate::shape::Shapes;
use crate::shop::{Shop, create, drafted};
use domain::order::OrderCommand;
use domain::{Note, Reference};
use rig::views::Views;
use uuid::Uuid;

/// The answer to `path` has the shape that the document gives for `template`.
async fn fits(shop: &Shop, template: &str, path: &str) {
    let answer = shop.get(path).await;
    assert_eq!(answer.status, 200, "{path}");
    let document = serde_json::to_value(&shop.api).unwrap();
    let content = &document["paths"][template]["get"]["responses"]["200"]["content"];
    let (_, content) = content.as_object().unwrap().iter().next().unwrap();
    let body = serde_json::from_slice(&answer.body).unwrap();
    if let Err(error) = Shapes(&document).fits(&content["schema"], &body) {
        panic!("{path}: {error}: {body}");
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
    let (mut shop, order) = busy_shop(views).await;
    fit(&shop, order).await;
    shop.erase("ann").await;
    shop.project().await;
    fit(&shop, order).await;
}

async fn fit(shop: &Shop, order: Uuid) {
    let order = format!("/v1/orders/{order}");
    fits(shop, "/v1/orders/{id}", &order).await;
    fits(shop, "/v1/orders/{id}", &format!("{order}?version=2")).await;
    fits(shop, "/v1/orders/{id}", &format!("{order}?include=customer,products,timeline")).await;
    fits(shop, "/v1/orders/{id}/history", &format!("{order}/history")).await;
    fits(shop, "/v1/orders/{id}/diff", &format!("{order}/diff?from=1&to=6")).await;
    fits(shop, "/v1/orders", "/v1/orders?status=draft,confirmed").await;
    fits(shop, "/v1/orders", "/v1/orders?as_of=2026-04-01T00:00:00Z").await;
    fits(shop, "/v1/customers/{id}/orders", "/v1/customers/ann/orders").await;
    fits(shop, "/v1/customers/{id}", "/v1/customers/ann").await;
    fits(shop, "/v1/customers/{id}/personal-data", "/v1/customers/ann/personal-data").await;
    fits(shop, "/v1/products", "/v1/products").await;
    fits(shop, "/v1/products/{product_id}", "/v1/products/tea").await;
    fits(shop, "/v1/reports/sales", "/v1/reports/sales").await;
    fits(shop, "/v1/reports/status-counts", "/v1/reports/status-counts").await;
    fits(shop, "/v1/projections", "/v1/projections").await;
    fits(shop, "/v1/log/proof", "/v1/log/proof?position=1&size=2").await;
    fits(shop, "/v1/log/consistency", "/v1/log/consistency?from=1&to=2").await;
    fits(shop, "/v1/events", "/v1/events").await;
}

/// The text consists of these parts, in this order, with values between them.
fn reads(text: &str, parts: &[&str]) {
    let (last, parts) = parts.split_last().unwrap();
    let mut rest = text;
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part} does not follow: {text}"));
        rest = &rest[at + part.len()..];
    }
    assert!(text.starts_with(parts[0]) && rest.ends_with(last), "{text}");
}

pub async fn members_stand_in_the_documented_order_whatever_writes_them(views: Views) {
    let (shop, order) = busy_shop(views).await;
    let path = format!("/v1/orders/{order}");
    let text = async |path: &str| String::from_utf8(shop.get(path).await.body.to_vec()).unwrap();
    let history = text(&format!("{path}/history?limit=1")).await;
    reads(
        &history,
        &[
            r#"{"data":[{"version":1,"position":1,"event_id":""#,
            r#"","type":"OrderPlaced","occurred_at":""#,
            r#"","recorded_at":""#,
            r#"","actor":null,"correlation_id":"c-1","data":{"#,
            r#"}}],"next_cursor":""#,
            r#""}"#,
        ],
    );
    let feed = text("/v1/events?limit=1").await;
    reads(
        &feed,
        &[
            r#"{"data":[{"specversion":"1.0","id":""#,
            r#"","source":"/orderlog","type":"OrderPlaced","subject":"order/"#,
            r#"","time":""#,
            r#"","datacontenttype":"application/json","sequence":"1","streamversion":1,"dataschemaversion":1,"recordedtime":""#,
            r#"","correlationid":"c-1","data":{"#,
            r#"}}],"next_after":1,"head":"#,
            "}",
        ],
    );
    assert!(text("/v1/orders?limit=1").await.starts_with(r#"{"data":[{"order_id":""#));
    assert_eq!(text("/v1/orders?customer_id=nobody").await, r#"{"data":[],"next_cursor":null}"#);
    let counts = text("/v1/reports/status-counts").await;
    let (_, counts) = counts.split_once(',').unwrap();
    let expected = concat!(
        r#""counts":{"draft":1,"placed":0,"confirmed":1,"completed":0,"cancelled":0,"discarded":0},"#,
        r#""payment_counts":{"unpaid":0,"partially_paid":0,"paid":0,"overpaid":0,"partially_refunded":1,"refunded":0},"#,
        r#""fulfillment_counts":{"unfulfilled":0,"partially_shipped":0,"shipped":1,"partially_delivered":0,"delivered":0}}"#,
    );
    assert_eq!(counts, expected);

    let bare = text(&path).await;
    let (customer, tea) = (text("/v1/customers/ann").await, text("/v1/products/tea").await);
    let events = text(&format!("{path}/history")).await;
    let events = events.strip_prefix(r#"{"data":"#).unwrap();
    let events = events.strip_suffix(r#","next_cursor":null}"#).unwrap();
    let expected = format!(
        r#"{},"included":{{"customer":{customer},"products":[{tea}],"timeline":{events}}}}}"#,
        bare.strip_suffix('}').unwrap()
    );
    assert_eq!(text(&format!("{path}?include=timeline,products,customer")).await, expected);
}

pub async fn every_view_is_documented_with_its_statuses_and_examples(views: Views) {
    let shop = Shop::on(views).await;
    let document = serde_json::to_value(&shop.api).unwrap();
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 18);
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
