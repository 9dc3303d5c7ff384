//! The views of stock: what runs low, what to release, ids in paths, how new an answer is, its shape.

use crate::shop::Shop;
use crate::stockroom::{Stockroom, adjust, receive, reserve};
use chrono::Duration;
use domain::order::document::micros::Wire;
use domain::stock::StockCommand;
use rig::views::Views;
use serde_json::json;
use std::collections::BTreeSet;
use uuid::Uuid;

pub async fn a_traversal_shows_what_is_low_once_while_stock_changes(views: Views) {
    let shop = Shop::with_stock(views).await;
    let mut room = Stockroom::new();
    for number in 0..30 {
        let (name, warehouse) = (format!("p{number:02}"), ["north", "south"][number % 2]);
        assert!(room.tell(&shop.log, Uuid::nil(), &receive(&name, warehouse, 3)).await);
    }
    shop.project().await;
    let (mut shown, mut cursor) = (Vec::new(), String::new());
    for turn in 0.. {
        let page = shop.ok(&format!("/v1/stock?below=5&limit=4{cursor}")).await;
        let rows = page["data"].as_array().unwrap();
        shown.extend(rows.iter().map(|row| row["product_id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
        // What was shown is low no more, and other products come in before and behind the page.
        let last = shown.last().unwrap().clone();
        let warehouse = rows.last().unwrap()["warehouse"].as_str().unwrap();
        assert!(room.tell(&shop.log, Uuid::nil(), &receive(&last, warehouse, 9)).await);
        for name in [format!("o{turn}"), format!("q{turn}")] {
            assert!(room.tell(&shop.log, Uuid::nil(), &receive(&name, "north", 1)).await);
        }
        shop.project().await;
    }
    let unique: BTreeSet<&String> = shown.iter().collect();
    assert_eq!(unique.len(), shown.len(), "something was shown twice");
    assert!(shown.is_sorted());
    assert!(
        (0..30).all(|number| unique.contains(&format!("p{number:02}"))),
        "something was left out"
    );

    let page = shop.ok("/v1/stock?below=5&limit=1").await;
    let cursor = page["next_cursor"].as_str().unwrap();
    for path in [
        format!("/v1/stock?below=6&cursor={cursor}"),
        format!("/v1/stock?below=5&warehouse=north&cursor={cursor}"),
        format!("/v1/stock/p00/history?cursor={cursor}"),
        format!("/v1/products?cursor={cursor}"),
        "/v1/stock?cursor=zzz".to_owned(),
    ] {
        assert_eq!(shop.get(&path).await.code(), (400, "invalid-cursor".into()), "{path}");
    }
}

pub async fn an_item_that_is_short_names_the_newest_soft_reservations(views: Views) {
    let shop = Shop::with_stock(views).await;
    let mut room = Stockroom::new();
    assert!(room.tell(&shop.log, Uuid::nil(), &receive("tea", "north", 30)).await);
    let ids: Vec<Uuid> = (0..25).map(|_| Uuid::now_v7()).collect();
    for id in &ids {
        assert!(room.tell(&shop.log, *id, &reserve(*id, &[("tea", 1)], None)).await);
    }
    shop.project().await;
    let path = "/v1/stock/tea?warehouse=north";
    let plain = shop.get(path).await;
    assert_eq!(plain.header("etag"), "\"26\"");
    assert!(plain.json()["items"][0].get("to_release").is_none());
    let unchanged = shop.get_with(path, &[("if-none-match", "\"26\"")]).await;
    assert_eq!((unchanged.status.as_u16(), unchanged.body.len()), (304, 0));
    assert_eq!(unchanged.header("consistency-token"), shop.head().await.to_string());

    assert!(room.tell(&shop.log, ids[24], &StockCommand::Firm).await);
    assert!(room.tell(&shop.log, Uuid::nil(), &adjust("tea", "north", -20)).await);
    shop.project().await;
    let short = shop.get(path).await;
    let newest: Vec<&Uuid> = ids[4..24].iter().rev().collect();
    assert_eq!(short.json()["items"][0]["to_release"], json!(newest));
    assert_eq!(short.json()["items"][0]["status"], "short");
    let tag = short.header("etag").to_owned();
    assert!(tag.starts_with("\"28."), "{tag}");
    // The reservations change without the item, and the tag with them.
    assert_eq!(shop.get_with(path, &[("if-none-match", &tag)]).await.status, 304);
    assert!(room.tell(&shop.log, ids[23], &StockCommand::Firm).await);
    shop.project().await;
    let later = shop.get_with(path, &[("if-none-match", &tag)]).await;
    assert_eq!(later.json()["items"][0]["to_release"][0], json!(ids[22]));
    assert_eq!(later.json()["items"][0]["version"], 28);
    let listed = shop.ok("/v1/stock?below=0").await;
    assert_eq!(listed["data"][0], later.json()["items"][0]);

    // The past names none, and what was is not confirmed by what is.
    let at = Wire(room.now);
    let then = shop.get(&format!("{path}&as_of={at}")).await;
    assert!(then.json()["items"][0].get("to_release").is_none());
    assert_eq!(then.header("etag"), "\"28\"");
    assert!(shop.get("/v1/stock/tea").await.headers.get("etag").is_none());
}

pub async fn ids_and_parameters_of_stock_are_read_as_others_are(views: Views) {
    let shop = Shop::with_stock(views).await;
    let mut room = Stockroom::new();
    for name in ["a:b", "7..", "reservations", "history"] {
        assert!(room.tell(&shop.log, Uuid::nil(), &receive(name, "x.y", 2)).await);
    }
    shop.project().await;
    for (path, id) in [
        ("/v1/stock/a:b", "a:b"),
        ("/v1/stock/a%3Ab", "a:b"),
        ("/v1/stock/%61%3ab?warehouse=x%2Ey", "a:b"),
        ("/v1/stock/7%2E%2E", "7.."),
        ("/v1/stock/reservations", "reservations"),
        ("/v1/stock/history", "history"),
    ] {
        assert_eq!(shop.ok(path).await["product_id"], id, "{path}");
    }
    for path in
        ["/v1/stock/history/history", "/v1/stock/a%3Ab/history", "/v1/stock/%72eservations/history"]
    {
        assert_eq!(shop.ok(path).await["data"].as_array().unwrap().len(), 1, "{path}");
    }
    let (none, long) = (Uuid::now_v7(), "x".repeat(65));
    for (path, expected) in [
        ("/v1/stock/tea".to_owned(), (404, "stock-not-found")),
        ("/v1/stock/tea/history".to_owned(), (404, "stock-not-found")),
        ("/v1/stock/a:b?warehouse=z".to_owned(), (404, "stock-not-found")),
        ("/v1/stock/a:b?as_of=2001-01-01T00:00:00Z".to_owned(), (404, "stock-not-found")),
        ("/v1/stock/a:b?known_at=2001-01-01T00:00:00Z".to_owned(), (404, "stock-not-found")),
        ("/v1/stock/a:b/history?warehouse=z".to_owned(), (404, "stock-not-found")),
        (format!("/v1/stock/reservations/{none}"), (404, "reservation-not-found")),
        (format!("/v1/stock/reservations/{none}?version=1"), (404, "reservation-not-found")),
        (
            format!("/v1/stock/reservations/{none}?as_of=2020-01-01T00:00:00Z"),
            (404, "reservation-not-found"),
        ),
        (format!("/v1/stock/reservations/{none}/history"), (404, "reservation-not-found")),
        ("/v1/stock/reservations/history".to_owned(), (400, "invalid-parameter")),
        (format!("/v1/stock/{long}"), (400, "invalid-parameter")),
        ("/v1/stock/gr%C3%BCn".to_owned(), (400, "invalid-parameter")),
        ("/v1/stock/a%20b".to_owned(), (400, "invalid-parameter")),
        ("/v1/stock/a:b?warehouse=".to_owned(), (400, "invalid-parameter")),
        ("/v1/stock/a:b?warehouse=a%2Fb".to_owned(), (400, "invalid-parameter")),
        ("/v1/stock/a:b?as_of=2999-01-01T00:00:00Z".to_owned(), (400, "invalid-parameter")),
        (
            "/v1/stock/a:b?as_of=2020-01-01T00:00:00Z&known_at=2020-01-01T00:00:00Z".to_owned(),
            (400, "invalid-parameter"),
        ),
        ("/v1/stock/a:b?below=1".to_owned(), (400, "unknown-parameter")),
        ("/v1/stock?below=few".to_owned(), (400, "invalid-parameter")),
        ("/v1/stock?limit=0".to_owned(), (400, "invalid-parameter")),
        ("/v1/stock?limit=201".to_owned(), (400, "invalid-parameter")),
    ] {
        let (status, code) = expected;
        assert_eq!(shop.get(&path).await.code(), (status, code.to_owned()), "{path}");
    }
}

pub async fn a_view_of_stock_that_is_behind_says_so(views: Views) {
    let shop = Shop::with_stock(views).await;
    let mut room = Stockroom::new();
    let id = Uuid::now_v7();
    assert!(room.tell(&shop.log, Uuid::nil(), &receive("tea", "north", 3)).await);
    assert!(room.tell(&shop.log, id, &reserve(id, &[("tea", 1)], None)).await);
    shop.project().await;
    let head = shop.head().await;
    let paths = [
        "/v1/stock".to_owned(),
        "/v1/stock/tea".to_owned(),
        "/v1/stock/tea?as_of=2026-03-04T00:00:00Z".to_owned(),
        "/v1/stock/tea/history".to_owned(),
        format!("/v1/stock/reservations/{id}"),
        format!("/v1/stock/reservations/{id}?version=1"),
        format!("/v1/stock/reservations/{id}/history"),
    ];
    for path in &paths {
        let token = |position: u64| position.to_string();
        let there = [("consistency-token", token(head)), ("prefer", "wait=0".to_owned())];
        let there = there.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = shop.get_with(path, &there).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("consistency-token")),
            (200, token(head).as_str()),
            "{path}"
        );
        let ahead = [("consistency-token", token(head + 1)), ("prefer", "wait=0".to_owned())];
        let ahead = ahead.each_ref().map(|(name, value)| (*name, value.as_str()));
        let refused = shop.get_with(path, &ahead).await;
        assert_eq!(refused.code(), (503, "read-model-behind".into()), "{path}");
    }
}

pub async fn views_of_stock_have_their_documented_shape_and_are_nowhere_else(views: Views) {
    let shop = Shop::with_stock(views).await;
    let mut room = Stockroom::new();
    let [made, refused] = [Uuid::now_v7(), Uuid::now_v7()];
    assert!(room.tell(&shop.log, Uuid::nil(), &receive("tea", "north", 9)).await);
    let until = Some(room.now + Duration::hours(1));
    assert!(room.tell(&shop.log, made, &reserve(made, &[("tea", 2), ("egg", 1)], until)).await);
    assert!(room.tell(&shop.log, refused, &reserve(refused, &[("tea", 99)], None)).await);
    assert!(room.tell(&shop.log, Uuid::nil(), &adjust("tea", "north", -8)).await);
    shop.project().await;
    let document = serde_json::to_value(&shop.api).unwrap();
    for (template, path) in [
        ("/v1/stock", "/v1/stock".to_owned()),
        ("/v1/stock/{product_id}", "/v1/stock/tea".to_owned()),
        ("/v1/stock/{product_id}", "/v1/stock/tea?as_of=2026-03-03T22:08:00Z".to_owned()),
        ("/v1/stock/{product_id}/history", "/v1/stock/tea/history".to_owned()),
        ("/v1/stock/reservations/{id}", format!("/v1/stock/reservations/{made}")),
        ("/v1/stock/reservations/{id}", format!("/v1/stock/reservations/{refused}")),
        ("/v1/stock/reservations/{id}", format!("/v1/stock/reservations/{refused}?version=1")),
        ("/v1/stock/reservations/{id}/history", format!("/v1/stock/reservations/{made}/history")),
    ] {
        let operation = &document["paths"][template]["get"];
        for status in ["200", "400", "404", "500", "503"] {
            assert!(operation["responses"][status].is_object(), "{template} {status}");
        }
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        let body = shop.ok(&path).await;
        if let Err(error) = crate::shape::Shapes(&document).fits(schema, &body) {
            panic!("{path}: {error}: {body}");
        }
    }
    let plain = Shop::on(Views::sqlite()).await;
    for path in ["/v1/stock", "/v1/stock/tea", "/v1/stock/tea/history"] {
        assert_eq!(plain.get(path).await.code(), (404, "not-found".into()), "{path}");
    }
    let plain = serde_json::to_string(&plain.api).unwrap();
    assert!(!plain.contains("tock") && !plain.contains("eservation"), "no word of it");
}
