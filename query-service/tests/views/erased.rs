//! Personal data that were erased: where it shows, what is not confirmed any more, and what is held until then.

use crate::shop::{Shop, create, drafted};
use chrono::{Duration, Utc};
use domain::order::{OrderAggregate, OrderCommand, OrderEvent};
use domain::{Aggregate, Email, Label, Name, Note, Reason, Reference};
use key_store::{Access, KeyStore, Keyring};
use personal_data::MasterKey;
use rig::views::Views;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

fn note(text: &str) -> OrderCommand {
    OrderCommand::AddNote { text: Note::parse(text).unwrap() }
}

/// Every view that shows this order or its customer, with the answer's part about them.
async fn shown(shop: &Shop, order: Uuid, customer: &str) -> Vec<(String, Value)> {
    let id = json!(order);
    let mut shown = Vec::new();
    let order = format!("/v1/orders/{order}");
    for path in [
        order.clone(),
        format!("{order}?version=1"),
        format!("{order}?as_of=2026-04-01T00:00:00Z"),
        format!("{order}?include=customer,timeline"),
        format!("{order}/history"),
        format!("{order}/history?limit=1"),
        format!("/v1/customers/{customer}"),
    ] {
        shown.push((path.clone(), shop.ok(&path).await));
    }
    let include = shop.ok(&format!("{order}?include=customer")).await;
    shown.push(("the included customer".into(), include["included"]["customer"].clone()));
    for path in [
        "/v1/orders?limit=50".to_owned(),
        "/v1/orders?limit=50&sort=total&currency=EUR".to_owned(),
        "/v1/orders?limit=50&as_of=2026-04-01T00:00:00Z".to_owned(),
        format!("/v1/customers/{customer}/orders"),
        format!("/v1/customers/{customer}/orders?as_of=2026-04-01T00:00:00Z"),
    ] {
        let page = shop.ok(&path).await;
        let mut rows = page["data"].as_array().unwrap().iter();
        shown.push((path.clone(), rows.find(|row| row["order_id"] == id).unwrap().clone()));
    }
    let held = shop.ok(&format!("/v1/customers/{customer}/personal-data")).await;
    let mut orders = held["orders"].as_array().unwrap().iter();
    shown.push((
        "held of the order".into(),
        orders.find(|it| it["order_id"] == id).unwrap().clone(),
    ));
    shown.push(("held".into(), held));
    shown
}

pub async fn an_erasure_shows_on_the_customer_and_on_the_orders_before_it_and_nowhere_else(
    views: Views,
) {
    let mut shop = Shop::on(views).await;
    let before = shop.place("ann", &[("tea", 2, 450)]).await;
    shop.must(before, note("hm")).await;
    let other = shop.place("bob", &[("tea", 1, 450)]).await;
    shop.project().await;
    for (order, customer) in [(before, "ann"), (other, "bob")] {
        for (path, answer) in shown(&shop, order, customer).await {
            assert!(answer.get("erased_at").is_none(), "{path}: {answer}");
        }
    }
    shop.erase("ann").await;
    let at = json!(format!("{}", shop.now.format("%Y-%m-%dT%H:%M:%S%.6fZ")));
    shop.project().await;
    for (path, answer) in shown(&shop, before, "ann").await {
        assert_eq!(answer["erased_at"], at, "{path}: {answer}");
    }
    for (path, answer) in shown(&shop, other, "bob").await {
        assert!(answer.get("erased_at").is_none(), "{path}: {answer}");
    }
    assert_eq!(shop.ok("/v1/customers/ann").await["name"], Value::Null);

    // The customer comes back.
    shop.must(before, OrderCommand::Confirm).await;
    let after = shop.place("ann", &[("tea", 1, 450)]).await;
    shop.project().await;
    for (path, answer) in shown(&shop, after, "ann").await {
        let of_customer = path.contains("customers/ann") && !path.contains("orders")
            || ["the included customer", "held"].contains(&path.as_str());
        assert_eq!(answer.get("erased_at").is_some(), of_customer, "{path}: {answer}");
    }
    let order = shop.ok(&format!("/v1/orders/{before}")).await;
    assert_eq!((&order["erased_at"], &order["version"]), (&at, &json!(3)));
    let customer = shop.ok("/v1/customers/ann").await;
    assert_eq!(customer["name"], shop.ok(&format!("/v1/orders/{after}")).await["customer"]["name"]);
    assert!(customer["name"].is_string());
    // Many at a time are each as alone.
    let paths = [before, other, after].map(|order| format!("/v1/orders/{order}"));
    let together = futures(&shop, &paths).await;
    for (path, answer) in paths.iter().zip(together) {
        assert_eq!(shop.ok(path).await, answer, "{path}");
    }
}

async fn futures(shop: &Shop, paths: &[String; 3]) -> [Value; 3] {
    let [a, b, c] = paths;
    let (a, b, c) = tokio::join!(shop.ok(a), shop.ok(b), shop.ok(c));
    [a, b, c]
}

pub async fn no_answer_from_before_an_erasure_is_confirmed_after_it(views: Views) {
    let mut shop = Shop::on(views).await;
    let order = shop.place("ann", &[("tea", 2, 450)]).await;
    shop.must(order, note("hm")).await;
    shop.project().await;
    let order = format!("/v1/orders/{order}");
    let mut kept = Vec::new();
    for view in ["", "?version=1", "?version=2", "?as_of=2026-04-01T00:00:00Z", "?include=timeline"]
    {
        let path = format!("{order}{view}");
        let tag = shop.get(&path).await.header("etag").to_owned();
        let again = shop.get_with(&path, &[("if-none-match", &tag)]).await;
        assert_eq!(again.status, 304, "{path}");
        kept.push((path, tag));
    }
    shop.erase("ann").await;
    shop.project().await;
    for (path, tag) in kept {
        let answer = shop.get_with(&path, &[("if-none-match", &tag)]).await;
        assert_eq!(answer.status, 200, "{path}");
        let newer = answer.header("etag");
        assert_ne!(newer, tag, "{path}");
        let again = shop.get_with(&path, &[("if-none-match", newer)]).await;
        assert_eq!((again.status.as_u16(), again.header("etag")), (304, newer), "{path}");
        if !path.contains("include") {
            let version = tag.trim_matches('"');
            assert!(newer.starts_with(&format!("\"{version}.")), "{newer}: for If-Match");
        }
    }
}

/// A keyring over a store in a folder.
async fn keyring() -> (TempDir, Keyring) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("keys.db").display());
    let store = KeyStore::open(&url, Access::Manage).await.unwrap();
    let keyring = Keyring::new(store, MasterKey::generate().unwrap());
    tokio::spawn(keyring.clone().run(CancellationToken::new()));
    keyring.ready(1).await;
    (folder, keyring)
}

/// The events of a command, sealed as the pipeline seals them.
fn sealed(keyring: &Keyring, mut events: Vec<OrderEvent>) -> Vec<OrderEvent> {
    for event in &mut events {
        OrderAggregate::change_personal(event, &mut |text| keyring.seal("ann", text).unwrap());
    }
    events
}

/// A draft of ann's that is placed, its name sealed in both events; and its path.
async fn sealed_shop(views: Views, keyring: &Keyring) -> (Shop, String) {
    let mut shop = Shop::sealing(views, keyring.clone()).await;
    let order = Uuid::now_v7();
    let draft = drafted(create("ann", "EUR", &[("tea", 1, 450)]));
    let begun = OrderAggregate::decide(&None, &draft).unwrap();
    let state = OrderAggregate::evolve(None, &begun[0], Utc::now());
    let placed = OrderCommand::Place { expected_total: None };
    let placed = OrderAggregate::decide(&state, &placed).unwrap();
    let later = Duration::minutes(7);
    assert!(shop.happens(order, sealed(keyring, begun), later).await);
    assert!(shop.happens(order, sealed(keyring, placed), later).await);
    shop.project().await;
    (shop, format!("/v1/orders/{order}"))
}

/// Destroys the keys, as an erasure does before it is recorded.
async fn destroy(keyring: &Keyring, shop: &Shop) {
    let events = shop.log.read_feed(0, 100).await.unwrap();
    let keys = events.iter().flat_map(|event| key_store::keys_in(&event.payload));
    let keys = keys.map(|key| (key, "ann".to_owned())).collect();
    let page = key_store::FollowedPage {
        position: events.len() as u64,
        keys,
        ..key_store::FollowedPage::default()
    };
    keyring.store().note_followed(0, &page).await.unwrap();
    assert!(keyring.erase("ann", Utc::now()).await.unwrap() > 0);
}

/// A process learns late that keys were destroyed: it may still show a text when the event is projected already.
pub async fn an_answer_with_a_text_in_it_is_not_confirmed_when_the_text_is_gone(views: Views) {
    let (_folder, keyring) = keyring().await;
    let (mut shop, order) = sealed_shop(views, &keyring).await;
    shop.erase("ann").await;
    shop.project().await;
    let mut kept = Vec::new();
    for view in ["", "?version=1", "?include=customer"] {
        let path = format!("{order}{view}");
        let answer = shop.get(&path).await;
        assert!(answer.json()["customer"]["name"].is_string(), "{path}: {answer:?}");
        assert!(answer.json()["erased_at"].is_string(), "{path}: {answer:?}");
        kept.push((path, answer.header("etag").to_owned()));
    }
    destroy(&keyring, &shop).await;
    for (path, tag) in kept {
        let answer = shop.get_with(&path, &[("if-none-match", &tag)]).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.json()["customer"]["name"], Value::Null, "{path}");
        assert_ne!(answer.header("etag"), tag, "{path}");
    }
}

pub async fn one_text_sealed_twice_is_no_change(views: Views) {
    let (_folder, keyring) = keyring().await;
    let (mut shop, order) = sealed_shop(views, &keyring).await;
    let stored = shop.ok(&format!("{order}/history")).await;
    let name = |version: usize| stored["data"][version]["data"]["customer"]["name"].clone();
    assert_ne!(name(0), name(1), "sealed twice");
    let changed = async |shop: &Shop| {
        let patch = shop.ok(&format!("{order}/diff?from=1&to=2")).await;
        let paths = patch.as_array().unwrap().iter().map(|step| step["path"].clone());
        paths.map(|path| path.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let before = changed(&shop).await;
    assert!(before.contains(&"/status".to_owned()), "{before:?}");
    assert!(!before.iter().any(|path| path.starts_with("/customer")), "{before:?}");
    destroy(&keyring, &shop).await;
    shop.erase("ann").await;
    shop.project().await;
    assert_eq!(changed(&shop).await, before, "erased ones are no change either");
}

pub async fn all_that_is_held_is_shown_page_by_page(views: Views) {
    let mut shop = Shop::on(views).await;
    let first = shop.place("ann", &[("tea", 2, 450)]).await;
    shop.must(first, note("ring twice")).await;
    shop.must(first, OrderCommand::Confirm).await;
    let id = |id: &str| Reference::parse(id).unwrap();
    let amount = || "9.00".to_owned();
    shop.must(
        first,
        OrderCommand::RecordPayment {
            payment_id: id("p"),
            amount: amount(),
            currency: None,
            method: None,
        },
    )
    .await;
    shop.must(
        first,
        OrderCommand::Ship {
            shipment_id: id("s"),
            carrier: None,
            tracking_number: Some(Label::parse("TRACK-1").unwrap()),
            lines: None,
        },
    )
    .await;
    shop.must(
        first,
        OrderCommand::RecordRefund {
            refund_id: id("r"),
            amount: amount(),
            currency: None,
            reason: Some(Reason::parse("broken").unwrap()),
        },
    )
    .await;
    // Another name, in an order that was cancelled, and a draft.
    let mut renamed = create("ann", "EUR", &[("tea", 1, 450)]);
    if let OrderCommand::Create { customer, note, .. } = &mut renamed {
        customer.name = Some(Name::parse("Anne").unwrap());
        customer.email = Some(Email::parse("anne@example.org").unwrap());
        *note = Some(Note::parse("a gift").unwrap());
    }
    let second = Uuid::now_v7();
    shop.must(second, renamed.clone()).await;
    let reason = Reason::parse("changed my mind").unwrap();
    shop.must(second, OrderCommand::Cancel { reason }).await;
    let draft = Uuid::now_v7();
    shop.must(draft, drafted(renamed)).await;
    shop.place("bob", &[("tea", 1, 450)]).await;
    shop.project().await;

    let all = shop.ok("/v1/customers/ann/personal-data").await;
    assert_eq!((&all["customer_id"], &all["next_cursor"]), (&json!("ann"), &Value::Null));
    let orders = all["orders"].as_array().unwrap();
    let ids: Vec<_> = orders.iter().map(|order| order["order_id"].clone()).collect();
    assert_eq!(ids, [first, second, draft].map(|id| json!(id)));
    let texts = |order: usize, member: &str| {
        let texts = orders[order][member].as_array().unwrap().iter();
        texts.map(|held| held["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(orders[0]["name"], "\"notes\":[] ann");
    assert_eq!(orders[0]["email"], Value::Null);
    assert_eq!(texts(0, "notes"), ["ring twice"]);
    assert_eq!(texts(0, "reasons"), ["broken"]);
    assert_eq!(texts(0, "tracking_numbers"), ["TRACK-1"]);
    assert_eq!(
        (&orders[1]["name"], &orders[1]["email"]),
        (&json!("Anne"), &json!("anne@example.org"))
    );
    assert_eq!(
        (texts(1, "notes"), texts(1, "reasons")),
        (vec!["a gift".to_owned()], vec!["changed my mind".to_owned()])
    );
    assert_eq!(orders[2]["placed_at"], Value::Null);
    assert_eq!(texts(2, "notes"), ["a gift"]);

    let mut paged = Vec::new();
    let mut cursor = String::new();
    for _ in 0..3 {
        let page = shop.ok(&format!("/v1/customers/ann/personal-data?limit=1{cursor}")).await;
        let data = page["orders"].as_array().unwrap();
        assert_eq!(data.len(), 1);
        paged.extend(data.iter().cloned());
        cursor = match page["next_cursor"].as_str() {
            Some(next) => format!("&cursor={next}"),
            None => String::new(),
        };
    }
    assert_eq!((&paged, cursor.as_str()), (orders, ""));
    let foreign = shop.get("/v1/customers/ann/personal-data?limit=1").await.json();
    let foreign = foreign["next_cursor"].as_str().unwrap().to_owned();
    let wrong = shop.get(&format!("/v1/customers/bob/personal-data?cursor={foreign}")).await;
    assert_eq!(wrong.code(), (400, "invalid-cursor".into()));
    let nobody = shop.get("/v1/customers/nobody/personal-data").await;
    assert_eq!(nobody.code(), (404, "not-found".into()));
}
