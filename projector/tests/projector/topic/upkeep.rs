//! Rebuilds, rollbacks, stopped projections and changes of source while a topic feeds the rows.

use super::{HANGS, LOOK, Market, UNTESTED};
use projector::projections::{HISTORY, ORDERS};
use projector::{Registry, Show};
use read_model::write::catalog::State;
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_from_the_log_swaps_in_while_a_topic_is_followed_and_can_be_rolled_back() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let mut market = Market::open(&broker, "rebuild").await;
    let relay = market.relay().await;
    let (follower, _) = market.follow(None).await;
    market.trade(40).await;
    let (source, model) = (market.shop.source(), market.shop.model.clone());
    let rebuild = tokio::spawn(async move {
        let shutdown = CancellationToken::new();
        projector::rebuild(
            &source,
            &model,
            Registry::standard().projections(),
            Show::Log,
            &shutdown,
        )
        .await
        .unwrap()
    });
    market.trade(40).await;
    assert_eq!(rebuild.await.unwrap().projections.len(), 6);
    market.trade(10).await;
    market.caught_up().await;
    market.shop.assert_sound().await;
    projector::roll_back(&market.shop.model, Registry::standard().projections()).await.unwrap();
    market.trade(10).await;
    market.caught_up().await;
    follower.stop().await;
    relay.stop().await;
    market.shop.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projection_that_is_ahead_leaves_the_others_their_events() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    for ahead in [&ORDERS, &HISTORY] {
        let mut market = Market::open(&broker, "ahead").await;
        let relay = market.relay().await;
        market.trade(10).await;
        market.project(None).await;
        market.trade(20).await;
        let (source, model) = (market.shop.source(), market.shop.model.clone());
        let shutdown = CancellationToken::new();
        projector::rebuild(&source, &model, &[ahead], Show::Log, &shutdown).await.unwrap();
        let catalog = model.catalog().await.unwrap();
        let head = catalog.iter().map(|entry| entry.position).max();
        assert_eq!(catalog.iter().filter(|entry| Some(entry.position) == head).count(), 1);
        market.trade(10).await;
        market.project(None).await;
        relay.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projection_that_stood_still_catches_up_alone() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let mut market = Market::open(&broker, "stopped").await;
    let relay = market.relay().await;
    let (follower, _) = market.follow(None).await;
    market.trade(10).await;
    market.caught_up().await;
    let model = market.shop.model.clone();
    assert!(model.set_state("sales", State::Stopped).await.unwrap());
    market.trade(20).await;
    let head = market.shop.log.head().await.unwrap().position;
    let others_are_there = async {
        loop {
            let catalog = model.catalog().await.unwrap();
            let others = catalog.iter().filter(|entry| entry.name != "sales");
            if others.map(|entry| entry.position).min() == Some(head) {
                return catalog;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    let catalog = tokio::time::timeout(HANGS, others_are_there).await;
    let catalog = catalog.unwrap_or_else(|_| panic!("the others do not catch up"));
    assert!(catalog.iter().any(|entry| entry.name == "sales" && entry.position < head));
    assert!(model.set_state("sales", State::Live).await.unwrap());
    market.caught_up().await;
    follower.stop().await;
    relay.stop().await;
    market.shop.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_go_on_from_log_to_topic_and_back() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let mut market = Market::open(&broker, "sources").await;
    market.trade(10).await;
    market.shop.project().await;
    let relay = market.relay().await;
    market.trade(10).await;
    market.project(None).await;
    market.trade(10).await;
    // All partitions stand level, so the log can take over.
    market.shop.project().await;
    market.shop.assert_sound().await;
    assert!(market.shop.model.partitions().await.unwrap().is_empty());
    market.project(None).await;
    relay.stop().await;
}
