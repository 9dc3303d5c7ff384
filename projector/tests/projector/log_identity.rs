//! Views belong to the log that they were made from; and views that cannot be written report it.

use crate::shop::Shop;
use projector::projections::{ORDERS, SALES};
use projector::{Projection, ProjectorError, Registry, Show};
use rig::views::Views;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tokio_util::sync::CancellationToken;

async fn rebuild(shop: &Shop, kinds: &[&'static Projection]) -> Result<(), ProjectorError> {
    let shutdown = CancellationToken::new();
    projector::rebuild(&shop.source(), &shop.model, kinds, Show::Log, &shutdown).await.map(|_| ())
}

/// The views refuse the log and report it, do not change, and can be rebuilt from it.
async fn assert_refused(shop: &Shop) {
    let checked = projector::check_log_identity(&shop.source(), &shop.model).await;
    assert!(matches!(checked, Err(ProjectorError::ForeignLog(_))), "{checked:?}");
    let before = shop.model.catalog().await.unwrap();
    let mut projector = shop.follow();
    let said = projector
        .condition
        .wait_for(|said| said.as_ref().is_err_and(|said| said.contains("not made from this log")));
    said.await.unwrap();
    projector.stop().await;
    assert_eq!(shop.model.catalog().await.unwrap(), before);
    let some = rebuild(shop, &[&SALES, &ORDERS]).await;
    assert!(matches!(some, Err(ProjectorError::ForeignLog(_))), "{some:?}");

    rebuild(shop, Registry::standard().projections()).await.unwrap();
    shop.project().await;
    shop.assert_sound().await;
}

pub async fn a_log_shorter_than_its_views_is_refused_until_everything_is_rebuilt(views: Views) {
    let mut shop = Shop::on(views).await;
    for _ in 0..3 {
        shop.place("ann").await;
    }
    shop.project().await;
    shop.exchange_log().await;
    shop.place("bob").await;
    assert_refused(&shop).await;
    assert!(shop.model.customer("ann").await.unwrap().found.is_none());
    shop.place("bob").await;
    shop.project().await;
    assert_eq!(shop.model.customer("bob").await.unwrap().found.unwrap().orders, 2);
}

pub async fn another_log_of_the_same_length_is_refused(views: Views) {
    let mut shop = Shop::on(views).await;
    shop.place("ann").await;
    shop.project().await;
    shop.exchange_log().await;
    shop.place("bob").await;
    shop.place("bob").await;
    assert_refused(&shop).await;
}

pub async fn a_log_that_goes_back_under_a_running_projector_is_noticed(views: Views) {
    let mut shop = Shop::on(views).await;
    shop.place("ann").await;
    let mut projector = shop.follow();
    shop.caught_up().await;
    projector.condition.wait_for(Result::is_ok).await.unwrap();
    let log = shop.dir.path().join("events.db");
    let sql = "DROP TRIGGER events_are_never_deleted; DELETE FROM events; \
         DROP TRIGGER log_head_is_the_last_event; \
         UPDATE log_head SET position = 0, hash = zeroblob(32)";
    let options = SqliteConnectOptions::new().filename(log);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    projector.condition.wait_for(Result::is_err).await.unwrap();
    projector.stop().await;
}

pub async fn views_that_cannot_be_written_say_so_until_they_can(views: Views) {
    let mut shop = Shop::on(views).await;
    shop.place("ann").await;
    let mut projector = shop.follow();
    shop.caught_up().await;
    projector.condition.wait_for(Result::is_ok).await.unwrap();
    shop.tamper("ALTER TABLE customers RENAME TO customers_aside").await;
    shop.place("ann").await;
    projector.condition.wait_for(Result::is_err).await.unwrap();
    shop.tamper("ALTER TABLE customers_aside RENAME TO customers").await;
    projector.condition.wait_for(Result::is_ok).await.unwrap();
    shop.caught_up().await;
    projector.stop().await;
    shop.assert_sound().await;
}

pub async fn verify_tells_views_that_stay_behind_and_folds_what_they_have_not_seen(views: Views) {
    let mut shop = Shop::on(views).await;
    shop.place("ann").await;
    shop.project().await;
    let order = shop.place("ann").await;
    shop.poison(order, 1).await;
    let report = shop.verify().await;
    let behind = "orders: stands at position 1, 2 events behind the log";
    assert!(report.behind.iter().any(|line| line == behind), "{:?}", report.behind);
    assert_eq!(
        report.behind.len(),
        Registry::standard().projections().len(),
        "{:?}",
        report.behind
    );
    assert!(report.differences.is_empty(), "{:?}", report.differences);
    assert_eq!(report.events, 3);
    assert!(report.unfoldable[0].starts_with("position 3, "), "{:?}", report.unfoldable);
}
