//! Events that cannot be projected: their order waits, all others go on.

use crate::shop::Shop;
use domain::Note;
use domain::order::OrderCommand;
use event_store::NewEvent;
use projector::projections::ORDERS;
use projector::{Registry, retry_parked};
use rig::views::Views;
use uuid::Uuid;

async fn parked(shop: &Shop) -> Vec<(String, i64)> {
    shop.rows("SELECT projection, position FROM parked_events ORDER BY projection, position").await
}

pub async fn a_poison_event_parks_its_order_and_no_other(views: Views) {
    let mut shop = Shop::on(views).await;
    let ill = shop.place("ann").await;
    shop.poison(ill, 1).await;
    let well = shop.place("bob").await;
    let text = Note::parse("later").unwrap();
    assert!(shop.command(well, &OrderCommand::AddNote { text }).await);
    shop.poison(ill, 2).await;
    shop.project().await;

    let expected: Vec<(String, i64)> = ["customers", "orders", "products", "sales"]
        .iter()
        .flat_map(|name| [((*name).to_owned(), 2), ((*name).to_owned(), 5)])
        .collect();
    assert_eq!(parked(&shop).await, expected);
    let versions: Vec<(Uuid, i64)> =
        shop.rows("SELECT order_id, version FROM orders ORDER BY position").await;
    assert_eq!(versions, [(ill, 1), (well, 2)]);

    let report = shop.verify().await;
    assert!(report.differences.is_empty(), "{:?}", report.differences);
    assert!(!report.unfoldable.is_empty());
}

pub async fn what_still_does_not_fit_stays_parked(views: Views) {
    let mut shop = Shop::on(views).await;
    let ill = shop.place("ann").await;
    shop.poison(ill, 1).await;
    shop.project().await;
    let before = parked(&shop).await;
    let report =
        retry_parked(&Registry::standard(), &shop.model, Registry::standard().projections())
            .await
            .unwrap();
    assert_eq!((report.folded, report.parked), (0, 4));
    assert_eq!(parked(&shop).await, before);
}

pub async fn a_parked_order_goes_on_once_its_events_fit(views: Views) {
    let mut shop = Shop::on(views).await;
    let order = shop.place("ann").await;
    shop.project().await;
    // The row is lost, so the next events do not fit; they wait.
    shop.tamper("CREATE TABLE aside AS SELECT * FROM orders; DELETE FROM orders;").await;
    let projector = shop.follow();
    for text in ["one", "two"] {
        let text = Note::parse(text).unwrap();
        assert!(shop.command(order, &OrderCommand::AddNote { text }).await);
    }
    shop.caught_up().await;
    assert_eq!(parked(&shop).await, [("orders".to_owned(), 2), ("orders".to_owned(), 3)]);

    shop.tamper("INSERT INTO orders SELECT * FROM aside").await;
    let report = retry_parked(&Registry::standard(), &shop.model, &[&ORDERS]).await.unwrap();
    assert_eq!((report.folded, report.parked), (2, 0));
    // The projector that knew the order as parked takes its next event as well.
    let text = Note::parse("three").unwrap();
    assert!(shop.command(order, &OrderCommand::AddNote { text }).await);
    shop.caught_up().await;
    projector.stop().await;
    assert_eq!(parked(&shop).await, []);
    shop.assert_sound().await;
}

/// The projection of customers has no memory: only the parked events show it that an event is missing.
pub async fn what_is_parked_behind_an_event_that_cannot_be_read_back_stays(views: Views) {
    let mut shop = Shop::on(views).await;
    let ill = shop.place("ann").await;
    shop.poison(ill, 1).await;
    let confirmed = NewEvent {
        event_id: Uuid::now_v7(),
        event_type: "OrderConfirmed",
        schema_version: 1,
        occurred_at: shop.now,
        payload: b"{}".to_vec(),
    };
    shop.append(ill, 2, vec![confirmed]).await;
    shop.project().await;
    let before = parked(&shop).await;
    assert_eq!(before.len(), 8);
    shop.tamper("UPDATE parked_events SET event = '{' WHERE position = 2").await;
    let registry = Registry::standard();
    let report = retry_parked(&registry, &shop.model, registry.projections()).await.unwrap();
    assert_eq!((report.folded, report.parked), (0, 8));
    assert_eq!(parked(&shop).await, before);
}
