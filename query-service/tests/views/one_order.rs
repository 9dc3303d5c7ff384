//! One order: as it stands, as it was, with what belongs to it, and what changed.

use crate::shop::{Shop, create, drafted};
use axum::http::Method;
use chrono::Duration;
use domain::order::OrderCommand;
use domain::{Note, Reason};
use rig::views::Views;
use serde_json::{Value, json};
use uuid::Uuid;

fn note(text: &str) -> OrderCommand {
    OrderCommand::AddNote { text: Note::parse(text).unwrap() }
}

fn cancel() -> OrderCommand {
    OrderCommand::Cancel { reason: Reason::parse("changed my mind").unwrap() }
}

pub async fn an_order_is_served_with_its_notes_in_place_and_its_version_as_etag(views: Views) {
    let mut shop = Shop::on(views).await;
    let order = shop.place("ann", &[("tea", 2, 450)]).await;
    shop.must(order, note("a \"notes\":[] b")).await;
    shop.must(order, note("second")).await;
    shop.project().await;
    let answer = shop.get(&format!("/v1/orders/{order}")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("etag"), "\"3\"");
    assert_eq!(answer.header("consistency-token"), "3");
    assert_eq!(answer.header("content-type"), "application/json");
    let body = answer.json();
    assert_eq!(body["notes"][0]["text"], "a \"notes\":[] b");
    assert_eq!(body["notes"].as_array().unwrap().len(), 2);
    assert_eq!(body["total"], "9.00");
    assert_eq!(body, shop.ok(&format!("/v1/orders/{order}?version=3")).await);
}

pub async fn an_unchanged_order_is_not_sent_again(views: Views) {
    let mut shop = Shop::on(views).await;
    let order = shop.place("ann", &[("tea", 2, 450)]).await;
    shop.project().await;
    let path = format!("/v1/orders/{order}");
    for (tag, status) in [("\"1\"", 304), ("W/\"1\"", 304), ("*", 304), ("\"2\"", 200), ("1", 200)]
    {
        for path in [path.clone(), format!("{path}?version=1")] {
            let answer = shop.get_with(&path, &[("if-none-match", tag)]).await;
            assert_eq!(answer.status, status, "{tag} {path}");
            assert_eq!(answer.header("etag"), "\"1\"");
            assert_eq!(answer.body.is_empty(), status == 304);
        }
    }
}

pub async fn the_head_of_a_view_has_its_headers_and_no_body(views: Views) {
    let mut shop = Shop::on(views).await;
    let order = shop.place("ann", &[("tea", 2, 450)]).await;
    shop.project().await;
    for path in [format!("/v1/orders/{order}"), "/v1/orders".into(), "/v1/projections".into()] {
        let answer = shop.ask(Method::HEAD, &path, &[]).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.body.is_empty());
        assert_eq!(answer.header("consistency-token"), "1");
    }
}

pub async fn the_past_is_answered_with_the_date_at_which_it_began(views: Views) {
    let mut shop = Shop::on(views).await;
    let order = shop.place("ann", &[("tea", 2, 450)]).await;
    shop.must(order, OrderCommand::Confirm).await;
    shop.must(order, cancel()).await;
    shop.project().await;
    let path = format!("/v1/orders/{order}");
    let answer = shop.get(&format!("{path}?version=2")).await;
    assert_eq!(answer.header("memento-datetime"), "Tue, 03 Mar 2026 00:44:00 GMT");
    assert_eq!(answer.header("etag"), "\"2\"");
    assert_eq!(answer.json()["status"], "confirmed");
    let answer = shop.get(&format!("{path}?as_of=2026-03-03T00:43:59.999999Z")).await;
    assert_eq!(answer.json()["status"], "placed");
    assert_eq!(answer.header("memento-datetime"), "Tue, 03 Mar 2026 00:37:00 GMT");
    // All of it was recorded only now: what the log knew then was nothing.
    let known = shop.get(&format!("{path}?known_at=2026-03-04T00:00:00Z")).await;
    assert_eq!(known.code(), (404, "not-yet-created".into()));
    let history = shop.ok(&format!("{path}/history")).await;
    let recorded = history["data"][1]["recorded_at"].as_str().unwrap();
    let known = shop.ok(&format!("{path}?known_at={recorded}")).await;
    assert!(known["version"].as_u64().unwrap() >= 2);
}

pub async fn an_order_that_never_was_differs_from_one_not_begun_yet(views: Views) {
    let mut shop = Shop::on(views).await;
    let order = shop.place("ann", &[("tea", 2, 450)]).await;
    shop.project().await;
    let stranger = Uuid::now_v7();
    for path in [
        "",
        "?version=1",
        "?as_of=2026-03-04T00:00:00Z",
        "?include=timeline",
        "/history",
        "/diff?from=1&to=1",
    ] {
        let answer = shop.get(&format!("/v1/orders/{stranger}{path}")).await;
        assert_eq!(answer.code(), (404, "order-not-found".into()), "{path}");
    }
    for (path, code) in [
        ("?as_of=2026-03-03T00:00:00Z", (404, "not-yet-created")),
        ("?version=2", (400, "invalid-parameter")),
        ("?version=0", (400, "invalid-parameter")),
        ("?version=18446744073709551615", (400, "invalid-parameter")),
        ("/diff?from=1&to=2", (400, "invalid-parameter")),
        ("/diff?from=0&to=1", (400, "invalid-parameter")),
    ] {
        let answer = shop.get(&format!("/v1/orders/{order}{path}")).await;
        assert_eq!(answer.code(), (code.0, code.1.into()), "{path}");
    }
}

pub async fn customer_products_and_timeline_are_composed_in(views: Views) {
    let mut shop = Shop::on(views).await;
    let order = shop.place("ann", &[("tea", 2, 450), ("cup", 1, 999), ("tea", 1, 1)]).await;
    shop.must(order, note("hm")).await;
    shop.project().await;
    let path = format!("/v1/orders/{order}?include=timeline,customer,products");
    let included = shop.ok(&path).await["included"].clone();
    assert_eq!(included["customer"], shop.ok("/v1/customers/ann").await);
    let products = [shop.ok("/v1/products/cup").await, shop.ok("/v1/products/tea").await];
    assert_eq!(included["products"], json!(products));
    let history = shop.ok(&format!("/v1/orders/{order}/history")).await;
    assert_eq!(included["timeline"], history["data"]);
    assert_eq!(included.get("timeline_cursor"), None);

    let only = shop.ok(&format!("/v1/orders/{order}?include=customer")).await;
    assert_eq!(only["included"].as_object().unwrap().len(), 1);
    assert_eq!(only["notes"][0]["text"], "hm");

    let draft = Uuid::now_v7();
    shop.must(draft, drafted(create("eve", "EUR", &[]))).await;
    shop.project().await;
    let empty = shop.ok(&format!("/v1/orders/{draft}?include=customer,products")).await;
    assert_eq!(empty["included"], json!({"customer": null, "products": []}));
}

pub async fn what_is_composed_in_has_a_tag_of_its_own(views: Views) {
    let mut shop = Shop::on(views).await;
    let order = shop.place("ann", &[("tea", 2, 450)]).await;
    shop.project().await;
    let bare = shop.get(&format!("/v1/orders/{order}")).await.header("etag").to_owned();
    let mut tags = vec![bare.clone()];
    for parts in ["customer", "products", "timeline", "customer,products", "customer,timeline"] {
        let path = format!("/v1/orders/{order}?include={parts}");
        let tag = shop.get(&path).await.header("etag").to_owned();
        assert!(!tags.contains(&tag), "{parts}: {tag} stands for two bodies");
        assert_eq!(shop.get(&path).await.header("etag"), tag, "the same bytes, the same tag");
        let weak = format!("W/{tag}");
        let list = format!("\"x\", {tag}");
        let known = [(&tag, 304), (&weak, 304), (&list, 304), (&bare, 200)];
        for (given, status) in known {
            let answer = shop.get_with(&path, &[("if-none-match", given)]).await;
            assert_eq!(answer.status, status, "{parts}: {given}");
            assert_eq!((answer.header("etag"), answer.body.is_empty()), (&*tag, status == 304));
            assert_eq!(answer.header("consistency-token"), "1");
        }
        let answer =
            shop.get_with(&format!("/v1/orders/{order}"), &[("if-none-match", &tag)]).await;
        assert_eq!(answer.status, 200, "{parts}: the tag is not the bare order's");
        tags.push(tag);
    }
    // The customer's summary changes without the order.
    let path = format!("/v1/orders/{order}?include=customer");
    let before = shop.get(&path).await.header("etag").to_owned();
    shop.place("ann", &[("tea", 1, 450)]).await;
    shop.project().await;
    let answer = shop.get_with(&path, &[("if-none-match", &before)]).await;
    assert_eq!(answer.status, 200);
    assert_ne!(answer.header("etag"), before);
    assert_eq!(shop.get(&format!("/v1/orders/{order}")).await.header("etag"), bare);
}

pub async fn a_patch_leads_from_one_version_to_any_other(views: Views) {
    let mut shop = Shop::on(views).await;
    let order = shop.place("ann", &[("tea", 2, 450)]).await;
    shop.must(order, note("one")).await;
    shop.must(order, OrderCommand::Confirm).await;
    shop.must(order, cancel()).await;
    shop.project().await;
    let path = format!("/v1/orders/{order}");
    for from in 1..=4 {
        for to in 1..=4 {
            let answer = shop.get(&format!("{path}/diff?from={from}&to={to}")).await;
            assert_eq!(answer.header("content-type"), "application/json-patch+json");
            let patch: json_patch::Patch = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(patch.0.is_empty(), from == to);
            let mut document: Value = shop.ok(&format!("{path}?version={from}")).await;
            json_patch::patch(&mut document, &patch).unwrap();
            assert_eq!(document, shop.ok(&format!("{path}?version={to}")).await);
        }
    }
}

pub async fn the_history_is_paged_and_gives_payloads_as_they_are_stored(views: Views) {
    let mut shop = Shop::on(views).await;
    let order = shop.place("ann", &[("tea", 2, 450)]).await;
    for index in 0..7 {
        shop.must(order, note(&format!("note {index}"))).await;
    }
    shop.project().await;
    let path = format!("/v1/orders/{order}/history");
    let rows = shop.all(&format!("{path}?limit=3")).await;
    let versions: Vec<u64> = rows.iter().map(|row| row["version"].as_u64().unwrap()).collect();
    assert_eq!(versions, (1..=8).collect::<Vec<_>>());
    let stored = shop.log.read_feed(0, 100).await.unwrap();
    for (row, event) in rows.iter().zip(stored) {
        assert_eq!(row["data"], serde_json::from_slice::<Value>(&event.payload).unwrap());
        assert_eq!(row["event_id"], json!(event.event_id));
        assert_eq!(row["correlation_id"], "c-1");
    }
    let cursor = shop.ok(&format!("{path}?limit=3")).await["next_cursor"].clone();
    let other = shop.place("ann", &[("tea", 2, 450)]).await;
    shop.project().await;
    let foreign = format!("/v1/orders/{other}/history?cursor={}", cursor.as_str().unwrap());
    assert_eq!(shop.get(&foreign).await.code(), (400, "invalid-cursor".into()));
}

pub async fn a_long_order_is_replayed_over_several_pages(views: Views) {
    let mut shop = Shop::on(views).await;
    let order = shop.place("ann", &[("tea", 2, 450)]).await;
    for index in 0..2_100 {
        // Long enough for whole pages to count as heavy work.
        let command = note(&format!("note {index} {}", "x".repeat(60)));
        assert!(shop.command(order, &command, Duration::seconds(1)).await);
    }
    shop.project().await;
    let path = format!("/v1/orders/{order}");
    let past = shop.ok(&format!("{path}?version=2050")).await;
    assert_eq!(past["notes"].as_array().unwrap().len(), 2_049);
    let patch = shop.ok(&format!("{path}/diff?from=2050&to=2051")).await;
    let added = patch.as_array().unwrap().iter().find(|step| step["op"] == "add").unwrap();
    assert_eq!(added["path"], "/notes/2049");
    let whole = shop.ok(&format!("{path}?include=timeline")).await;
    assert_eq!(whole["included"]["timeline"].as_array().unwrap().len(), 1_000);
    let cursor = whole["included"]["timeline_cursor"].as_str().unwrap();
    let rest = shop.ok(&format!("{path}/history?cursor={cursor}")).await;
    assert_eq!(rest["data"][0]["version"], 1_001);
    assert_eq!(shop.version(order), 2_101);
}
