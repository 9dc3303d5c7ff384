//! Projections that are exchanged while portions are under way: nothing that was read for the others is applied.

#![allow(clippy::unwrap_used)]

use super::arrival_tests::PARTITIONS;
use super::desk::Desk;
use super::refused_tests::alter;
use super::seats::Shape;
use crate::kind::Kind;
use read_model::{Access, ReadModel};
use rig::views::Views;

async fn exchange(views: Views) {
    let model = ReadModel::open(&views.url(), Access::ReadWrite).await.unwrap();
    for kind in Kind::ALL {
        model.register(kind.name(), kind.version(), 0).await.unwrap();
    }
    let shape = Shape { topic: "orders".into(), partitions: PARTITIONS };
    let mut desk = Desk::new(model, None, shape);
    assert!(desk.load().await.unwrap());
    desk.forget().await.unwrap();
    alter(&views, "UPDATE projections SET generation = 7 WHERE name = 'orders'").await;
    for _ in 0..2 {
        assert!(desk.forget().await.unwrap_err().is_moved());
    }
    assert!(desk.load().await.unwrap());
    desk.forget().await.unwrap();
    assert!(!desk.load().await.unwrap());
}

#[tokio::test]
async fn an_exchange_holds_everything_up_until_the_cursors_are_set_anew_on_sqlite() {
    exchange(Views::sqlite()).await;
}

#[tokio::test]
async fn an_exchange_holds_everything_up_until_the_cursors_are_set_anew_on_postgres() {
    if let Some(views) = Views::postgres("projections exchanged in PostgreSQL").await {
        exchange(views).await;
    }
}
