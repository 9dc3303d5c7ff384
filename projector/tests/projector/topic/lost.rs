//! The topic is trimmed or recreated: lost events come from the log, or the partition stops and reports it.

use super::{HANGS, Market, PARTITIONS, UNTESTED, records};

#[tokio::test(flavor = "multi_thread")]
async fn trimmed_records_are_taken_from_the_log() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let mut market = Market::open(&broker, "trimmed").await;
    let relay = market.relay().await;
    market.trade(10).await;
    market.published().await;
    market.project(None).await;
    market.trade(30).await;
    market.published().await;
    records::trim(&market.broker, &market.kafka, PARTITIONS).await;

    let (follower, mut reported) = market.follow(None).await;
    let says = reported.wait_for(|condition| {
        condition.as_ref().is_err_and(|text| text.contains("no longer holds"))
    });
    let condition = tokio::time::timeout(HANGS, says).await.unwrap().unwrap().clone();
    assert!(condition.unwrap_err().contains("--event-store"));
    follower.stop().await;
    let head = market.shop.log.head().await.unwrap().position;
    let catalog = market.shop.model.catalog().await.unwrap();
    assert!(catalog.iter().all(|entry| entry.position < head), "{catalog:?}");

    market.project(market.log()).await;
    market.trade(10).await;
    market.project(None).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recreated_topic_is_read_from_its_beginning() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let mut market = Market::open(&broker, "recreated").await;
    let relay = market.relay().await;
    market.trade(30).await;
    market.project(None).await;
    relay.stop().await;
    records::remake(&market.broker, &market.kafka, PARTITIONS).await;
    let relay = market.relay().await;
    market.trade(5).await;
    market.project(market.log()).await;
    relay.stop().await;
}
