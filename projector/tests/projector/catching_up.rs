//! Followers that are killed, run twice, stopped or added late.

use crate::shop::Shop;
use read_model::write::catalog::State;
use rig::views::Views;
use std::time::Duration;

pub async fn a_killed_projector_goes_on_where_its_rows_are(views: Views) {
    let mut shop = Shop::on(views).await;
    for round in 0..8 {
        let projector = shop.follow();
        for _ in 0..5 {
            shop.place(&format!("c{round}")).await;
        }
        if round % 2 == 0 {
            shop.caught_up().await;
        }
        projector.kill().await;
    }
    shop.project().await;
    shop.assert_sound().await;
}

pub async fn two_projectors_on_one_read_model_have_one_effect(views: Views) {
    let mut shop = Shop::on(views).await;
    let (first, second) = (shop.follow(), shop.follow());
    for _ in 0..40 {
        shop.place("ann").await;
    }
    shop.caught_up().await;
    first.stop().await;
    second.stop().await;
    shop.assert_sound().await;
}

pub async fn a_writer_that_was_overtaken_is_refused(views: Views) {
    let mut shop = Shop::on(views).await;
    shop.place("ann").await;
    shop.project().await;
    let checkpoints = [read_model::write::catalog::Checkpoint { name: "orders", generation: 1 }];
    let mut tx = shop.model.begin_write().await.unwrap();
    let late = tx.advance(&checkpoints, 0, 1, 0).await;
    assert!(matches!(late, Err(read_model::ReadModelError::CheckpointMoved)));
}

pub async fn a_stopped_projection_stands_still_and_catches_up_when_it_is_started(views: Views) {
    let mut shop = Shop::on(views).await;
    shop.place("ann").await;
    shop.project().await;
    assert!(shop.model.set_state("sales", State::Stopped).await.unwrap());
    let projector = shop.follow();
    shop.place("bob").await;
    position_reached(&shop, "orders", 2).await;
    let position = position(&shop, "sales").await;
    assert_eq!(position, 1);
    assert!(shop.model.set_state("sales", State::Live).await.unwrap());
    shop.caught_up().await;
    projector.stop().await;
    shop.assert_sound().await;
}

pub async fn a_lone_event_is_visible_at_once(views: Views) {
    let mut shop = Shop::on(views).await;
    let projector = shop.follow();
    shop.place("ann").await;
    shop.caught_up().await;
    let started = std::time::Instant::now();
    for _ in 0..20 {
        shop.place("ann").await;
        shop.caught_up().await;
    }
    // Waiting for a poll each time would take longer than this.
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    projector.stop().await;
}

async fn position(shop: &Shop, name: &str) -> u64 {
    let catalog = shop.model.catalog().await.unwrap();
    catalog.iter().find(|entry| entry.name == name).unwrap().position
}

async fn position_reached(shop: &Shop, name: &str, target: u64) {
    let mut moved = shop.model.moved_hint();
    while position(shop, name).await < target {
        moved.changed().await.unwrap();
    }
}
