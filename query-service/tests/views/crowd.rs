//! Many requests at the same moment: an order read with others is the same as read alone.

use crate::shop::{Answer, Shop};
use chrono::Duration;
use domain::Note;
use domain::order::OrderCommand;
use futures::future::join_all;
use rig::views::Views;
use uuid::Uuid;

fn note(text: &str) -> OrderCommand {
    OrderCommand::AddNote { text: Note::parse(text).unwrap() }
}

/// Enough lines that the order is not read together with others.
fn many_lines() -> Vec<(String, u32, i64)> {
    (0..300).map(|index| (format!("product-{index}"), 1, 100)).collect()
}

async fn place_large(shop: &mut Shop) -> Uuid {
    let lines = many_lines();
    let lines: Vec<_> =
        lines.iter().map(|(id, units, price)| (id.as_str(), *units, *price)).collect();
    shop.place("large", &lines).await
}

fn shown(answer: &Answer) -> (u16, Option<&str>, &[u8]) {
    // Instance and correlation id of a problem differ for each request.
    let body = if answer.status == 200 { &answer.body[..] } else { &[] };
    (answer.status.as_u16(), answer.headers.get("etag").map(|tag| tag.to_str().unwrap()), body)
}

pub async fn orders_read_together_are_what_each_is_alone(views: Views) {
    let mut shop = Shop::on(views).await;
    let mut orders = vec![Uuid::now_v7(), place_large(&mut shop).await];
    for index in 0..40_i64 {
        let customer = format!("\u{1F600} {index} \"notes\":[]");
        let order = shop.place("crowd", &[("tea", 2, 450 + index)]).await;
        for text in 0..index % 12 {
            shop.must(order, note(&format!("{customer} {text}"))).await;
        }
        orders.push(order);
    }
    shop.project().await;
    let paths: Vec<_> = orders.iter().map(|order| format!("/v1/orders/{order}")).collect();
    let mut alone = Vec::new();
    for path in &paths {
        alone.push(shop.get(path).await);
    }
    assert_eq!(alone.iter().filter(|answer| answer.status == 200).count(), 41);
    for _ in 0..3 {
        // Each path twice.
        let together = join_all(paths.iter().chain(&paths).map(|path| shop.get(path))).await;
        for (together, alone) in together.iter().zip(alone.iter().chain(&alone)) {
            assert_eq!(shown(together), shown(alone));
        }
    }
}

pub async fn the_past_asked_together_is_what_it_is_alone_and_what_comes_after_is_seen(
    views: Views,
) {
    let mut shop = Shop::on(views).await;
    let stranger = Uuid::now_v7();
    let mut orders = vec![place_large(&mut shop).await];
    for index in 0..12 {
        let order = shop.place("crowd", &[("tea", 2, 450 + index)]).await;
        for text in 0..index {
            shop.must(order, note(&format!("{index} {text}"))).await;
        }
        orders.push(order);
    }
    shop.project().await;
    let noon = "2026-03-03T12:00:00Z";
    let mut paths = vec![format!("/v1/orders/{stranger}?as_of={noon}")];
    for order in &orders {
        let moments = [
            "version=1".into(),
            "version=5".into(),
            format!("as_of={noon}"),
            format!("known_at={noon}"),
        ];
        paths.extend(moments.iter().map(|moment| format!("/v1/orders/{order}?{moment}")));
    }
    let mut alone = Vec::new();
    for path in &paths {
        alone.push(shop.get(path).await);
    }
    for status in [200, 400, 404] {
        assert!(alone.iter().any(|answer| answer.status == status), "{status}");
    }
    for _ in 0..2 {
        let together = join_all(paths.iter().map(|path| shop.get(path))).await;
        for (together, alone) in together.iter().zip(&alone) {
            assert_eq!(shown(together), shown(alone));
        }
    }
    let order = *orders.last().unwrap();
    let now = shop.ok(&format!("/v1/orders/{order}")).await;
    let at = now["updated_at"].as_str().unwrap().to_owned();
    let path = format!("/v1/orders/{order}?as_of={at}");
    assert_eq!(shop.ok(&path).await, now);
    // The event happens at the very moment that the requests name.
    assert!(shop.command(order, &note("later"), Duration::zero()).await);
    shop.project().await;
    let after = shop.ok(&path).await;
    assert_eq!(after, shop.ok(&format!("/v1/orders/{order}")).await);
    assert_ne!(after["version"], now["version"]);
    let before = format!("/v1/orders/{order}?version={}", now["version"]);
    assert_eq!(shop.ok(&before).await, now);
}

pub async fn pages_asked_together_are_what_each_is_alone_and_show_what_came(views: Views) {
    let mut shop = Shop::on(views).await;
    for index in 0..9 {
        shop.place(&format!("c-{}", index % 2), &[("tea", 2, 450 + index)]).await;
    }
    shop.project().await;
    let paths = [
        "/v1/orders?limit=3",
        "/v1/orders?limit=4",
        "/v1/customers/c-1/orders?limit=3",
        "/v1/orders?cursor=00",
    ];
    let mut alone = Vec::new();
    for path in paths {
        alone.push(shop.get(path).await);
    }
    let crowd = || paths.iter().cycle().take(40);
    let together = join_all(crowd().map(|path| shop.get(path))).await;
    for (together, alone) in together.iter().zip(alone.iter().cycle()) {
        assert_eq!(shown(together), shown(alone));
    }
    let order = shop.place("c-1", &[("tea", 1, 1)]).await;
    shop.project().await;
    let answers = join_all(crowd().map(|path| shop.get(path))).await;
    for answer in answers.iter().filter(|answer| answer.status == 200) {
        assert_eq!(answer.json()["data"][0]["order_id"], order.to_string());
    }
}

pub async fn a_client_that_goes_away_delays_no_other(views: Views) {
    let mut shop = Shop::on(views).await;
    let order = shop.place("ann", &[("tea", 2, 450)]).await;
    shop.project().await;
    let path = format!("/v1/orders/{order}");
    for _ in 0..50 {
        let mut gone: Vec<_> = (0..5).map(|_| Box::pin(shop.get(&path))).collect();
        for request in &mut gone {
            let _ = futures::poll!(request);
        }
        drop(gone);
        assert_eq!(shop.get(&path).await.status, 200);
    }
}

pub async fn the_past_is_whole_around_a_large_event(views: Views) {
    let mut shop = Shop::on(views).await;
    let first_large = place_large(&mut shop).await;
    let later_large = shop.place("ann", &[("tea", 2, 450)]).await;
    for order in [first_large, later_large] {
        shop.must(order, note("before")).await;
        // A note's most characters, of four bytes each: more than an event that is read together with others may have.
        assert!(shop.command(order, &note(&"\u{1F600}".repeat(2_000)), Duration::seconds(1)).await);
        for index in 0..70 {
            shop.must(order, note(&format!("after {index}"))).await;
        }
    }
    shop.project().await;
    for order in [first_large, later_large] {
        for (version, notes) in
            [(1, 0), (2, 1), (3, 2), (4, 3), (64, 63), (65, 64), (66, 65), (73, 72)]
        {
            let past = shop.ok(&format!("/v1/orders/{order}?version={version}")).await;
            assert_eq!(
                (&past["version"], past["notes"].as_array().unwrap().len()),
                (&version.into(), notes)
            );
        }
        let now = shop.ok(&format!("/v1/orders/{order}")).await;
        assert_eq!(now, shop.ok(&format!("/v1/orders/{order}?version=73")).await);
    }
}
