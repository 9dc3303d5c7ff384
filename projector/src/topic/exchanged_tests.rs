//! Projections that are swapped while batches are under way: nothing read for the former ones is applied.

#![allow(clippy::unwrap_used)]

use super::apply::{Applier, Ends};
use super::arrival_tests::{ORDERS, PARTITIONS, batch, log};
use super::checkpoints::Topic;
use super::refused_tests::alter;
use crate::registry::Registry;
use read_model::{Access, ReadModel};
use rig::views::Views;

async fn exchange(views: Views) {
    let model = ReadModel::open(&views.url(), Access::ReadWrite).await.unwrap();
    for projection in Registry::standard().projections() {
        model.register(projection.name, projection.version, 0).await.unwrap();
    }
    let topic = Topic { name: "orders".into(), partitions: PARTITIONS };
    let mut applier = Applier::new(model.clone(), Registry::standard(), None, topic);
    assert!(applier.load().await.unwrap());
    applier.forget().await.unwrap();
    alter(&views, "UPDATE projections SET generation = 7 WHERE name = 'orders'").await;
    let log = log(&[(0, 1, 0, 0, false); ORDERS], &[0, 1, 2].map(|order| (order, 0, 0)));
    let each = 0..PARTITIONS.cast_signed();
    let batches = each.map(|number| batch(number, &mut 0, (0, u8::MAX), &log)).collect();
    applier.set_apart(0..PARTITIONS.cast_signed());
    let Ends { applied, failure } = applier.apply(batches).await;
    let refused = failure.unwrap();
    assert!(refused.is_moved() && applied.is_empty(), "{refused}");
    assert!(applier.forget().await.unwrap_err().is_moved(), "until it is loaded");
    let marks = model.partitions().await.unwrap();
    assert!(marks.iter().all(|its| (its.mark.next_offset, its.mark.position) == (0, 0)));
    assert!(applier.load().await.unwrap());
    applier.forget().await.unwrap();
    assert!(!applier.load().await.unwrap());
}

#[tokio::test]
async fn a_swap_holds_everything_up_until_the_cursors_are_set_again_on_sqlite() {
    exchange(Views::sqlite()).await;
}

#[tokio::test]
async fn a_swap_holds_everything_up_until_the_cursors_are_set_again_on_postgres() {
    if let Some(views) = Views::postgres("projections exchanged in PostgreSQL").await {
        exchange(views).await;
    }
}
