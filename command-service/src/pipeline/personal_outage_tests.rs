//! Commands while the store of keys is down: who needs no other key goes on, nobody hangs, and nothing is stored unsealed.

use super::personal_tests::{CUSTOMER, SECRETS, Shop, create, note, reference};
use super::request::Refusal;
use domain::order::{Customer, OrderCommand};
use key_store::{Access, KeyStore};
use sqlx::{Connection, SqliteConnection};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// An order without any text about a person.
fn nameless() -> OrderCommand {
    let OrderCommand::Create { currency, lines, .. } = create(false) else { unreachable!() };
    let customer = Customer { id: reference(CUSTOMER), name: None, email: None };
    OrderCommand::Create { customer, currency, lines, draft: false, note: None }
}

#[tokio::test]
async fn without_keys_commands_are_refused_in_time_until_the_store_is_back() {
    let shop = Shop::new();
    drop(shop.start(1_000).await);
    let keys = KeyStore::open(&shop.url("keys.db"), Access::Manage).await.unwrap();
    let mut lock = SqliteConnection::connect(&shop.url("keys.db")).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut lock).await.unwrap();
    let process = shop.start_over(keys, 1_000).await;
    let (conditions, condition) = tokio::sync::watch::channel(Ok(()));
    tokio::spawn(process.keyring.clone().watch(move |now| drop(conditions.send(now))));

    let began = Instant::now();
    for (id, bound) in [(1, 4), (2, 1), (3, 1)] {
        let asked = Instant::now();
        let answer = process.ask(Uuid::from_u128(id), create(false)).await;
        assert!(matches!(answer.result, Err(Refusal::Unavailable)), "{:?}", answer.result.err());
        assert!(asked.elapsed() < Duration::from_secs(bound), "{:?}", asked.elapsed());
        assert!(process.log(Uuid::from_u128(id)).await.is_empty(), "nothing is stored");
    }
    assert!(began.elapsed() >= Duration::from_secs(1), "the first one waits for keys");
    let asked = Instant::now();
    let nameless_one = Uuid::from_u128(9);
    process.done(nameless_one, nameless()).await;
    process.done(nameless_one, OrderCommand::Confirm).await;
    let answer = process.ask(nameless_one, note("a text")).await;
    assert!(matches!(answer.result, Err(Refusal::Unavailable)));
    let (shipment_id, carrier) = (reference("s-1"), None);
    let ship = OrderCommand::Ship { shipment_id, carrier, tracking_number: None, lines: None };
    process.done(nameless_one, ship).await;
    assert!(asked.elapsed() < Duration::from_secs(1), "who needs no key does not wait");
    assert!(condition.borrow().is_err(), "the readiness names it");

    sqlx::query("ROLLBACK").execute(&mut lock).await.unwrap();
    let mended = Instant::now();
    while process.ask(Uuid::from_u128(4), create(false)).await.result.is_err() {
        assert!(mended.elapsed() < Duration::from_secs(10), "it does not recover");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(process.shown(Uuid::from_u128(4)).await.contains(SECRETS[0]));
    process.done(nameless_one, note("a text")).await;
    let mut condition = condition;
    condition.wait_for(Result::is_ok).await.unwrap();
}

#[tokio::test]
async fn only_commands_on_texts_whose_keys_cannot_be_read_are_refused() {
    let shop = Shop::new();
    let (theirs, mine) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let first = shop.start(3).await;
    first.done(theirs, create(false)).await;
    for _ in 0..4 {
        first.done(theirs, note("x")).await;
    }
    first.pipeline.close().await;
    let second = shop.start(1_000).await;
    second.done(mine, create(false)).await;
    second.keys.close().await;
    let asked = Instant::now();
    for _ in 0..3 {
        let (refused, done) =
            tokio::join!(second.ask(theirs, note("y")), second.ask(mine, note("z")));
        assert!(matches!(refused.result, Err(Refusal::Unavailable)), "{:?}", refused.result.err());
        assert!(done.result.is_ok(), "{:?}", done.result.err());
    }
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    assert_eq!(second.log(theirs).await.len(), 5);
    assert_eq!(second.log(mine).await.len(), 4);

    // Nobody learns from it whose the order is.
    let hidden =
        second.ask_as(theirs, note("y"), identity::Scope::Customer(Some("c-2".into()))).await;
    assert!(matches!(hidden.result, Err(Refusal::Rejected(_))), "{:?}", hidden.result.err());
    let absent = Uuid::from_u128(7);
    let absent =
        second.ask_as(absent, note("y"), identity::Scope::Customer(Some("c-2".into()))).await;
    assert_eq!(format!("{:?}", hidden.result.err()), format!("{:?}", absent.result.err()));
}
