//! Records that are not events, events that cannot be read, events that are not the log's.

use super::records::{self, Raw};
use super::{HANGS, LOOK, Market, UNTESTED};
use std::collections::HashSet;
use uuid::Uuid;

/// A record that claims to be the first event of an order that does not exist.
fn forged(like: &Raw, event_type: &str, version: u64) -> Raw {
    let order = Uuid::now_v7();
    let mut forged = like
        .clone()
        .set("ce_type", event_type)
        .set("ce_streamversion", &version.to_string())
        .set("ce_sequence", "1000000")
        .set("ce_subject", &format!("order/{order}"))
        .set("ce_partitionkey", &order.to_string());
    forged.key = Some(order.to_string().into_bytes());
    forged.partition = relay::partition_of(order, super::PARTITIONS.unsigned_abs());
    forged
}

fn poison(like: &Raw) -> Vec<Raw> {
    let with = |value: Option<Vec<u8>>| Raw { value, ..like.clone() };
    let elsewhere = Raw { partition: (like.partition + 1) % super::PARTITIONS, ..like.clone() };
    vec![
        with(Some(b"not JSON".to_vec())),
        with(None),
        with(Some(vec![b'x'; 900_000])),
        Raw { headers: Vec::new(), ..like.clone() },
        Raw { key: None, ..like.clone() },
        elsewhere.set("ce_sequence", "900000"),
        like.clone().set("ce_streamversion", "0"),
    ]
}

/// A voucher's event, where its own id would put it: under another key than it says, and in another partition than its
/// key's.
fn out_of_its_case(voucher: &Raw) -> Vec<Raw> {
    let (_, own) = voucher.header("ce_subject").unwrap().split_once('/').unwrap();
    let late = voucher.clone().set("ce_sequence", "900000");
    let partition = relay::partition_of(own.parse().unwrap(), super::PARTITIONS.unsigned_abs());
    let key = Some(own.as_bytes().to_vec());
    let elsewhere = (voucher.partition + 1) % super::PARTITIONS;
    vec![Raw { key, partition, ..late.clone() }, Raw { partition: elsewhere, ..late }]
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_not_the_logs_events_block_no_other() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let mut market = Market::open(&broker, "poison").await;
    let relay = market.relay().await;
    market.trade(5).await;
    let events: Vec<_> = market.published().await.into_iter().filter(Raw::is_event).collect();
    let of_a = |kind: &str| {
        events.iter().find(|raw| raw.header("ce_subject").unwrap().starts_with(kind)).unwrap()
    };
    let event = of_a("order/").clone();
    records::write(&market.broker, &market.kafka, &poison(&event));
    records::write(&market.broker, &market.kafka, &out_of_its_case(of_a("voucher/")));
    let strangers = [forged(&event, "OrderTeleported", 1), forged(&event, "OrderConfirmed", 7)];
    records::write(&market.broker, &market.kafka, &strangers);
    market.trade(20).await;
    // The log is checked for what cannot be folded, and does not have it.
    market.project(market.log()).await;
    market.trade(20).await;
    market.project(None).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_written_holds_up_no_other_partition() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let mut market = Market::open(&broker, "stuck").await;
    let relay = market.relay().await;
    market.trade(30).await;
    let mut all = market.published().await;
    relay.stop().await;
    let position = |raw: &Raw| {
        let sequence = raw.headers.iter().find(|(name, _)| name == "ce_sequence").unwrap();
        std::str::from_utf8(&sequence.1).unwrap().parse::<i64>().unwrap()
    };
    let of =
        |partition: i32| all.iter().filter(move |raw| raw.partition == partition && raw.is_event());
    let (taken, others) = (position(of(0).next().unwrap()).to_string(), of(1).map(position));
    let others: HashSet<i64> = others.collect();
    // At the end of the last partition: an order's first event, at a position that the first partition has. One of the
    // two cannot be written.
    let last = super::PARTITIONS - 1;
    let like = all.iter().find(|raw| raw.is_event()).unwrap();
    let mut strangers = std::iter::repeat_with(|| forged(like, "OrderPlaced", 1));
    let stranger = strangers.find(|raw| raw.partition == last).unwrap();
    all.push(stranger.set("ce_sequence", &taken));
    records::remake(&market.broker, &market.kafka, super::PARTITIONS).await;
    records::write(&market.broker, &market.kafka, &all);
    let (follower, _) = market.follow(None).await;
    let mut sql = market.shop.sql().await;
    let others_are_there = async {
        loop {
            let rows = sqlx::query_scalar("SELECT position FROM history").fetch_all(&mut sql);
            let there: HashSet<i64> = rows.await.unwrap().into_iter().collect();
            if there.is_superset(&others) {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(HANGS, others_are_there).await.expect("the partition between goes on");
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_event_parks_its_order_as_it_does_from_the_log() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let mut market = Market::open(&broker, "parks").await;
    let relay = market.relay().await;
    let ill = market.shop.place("ann").await;
    market.shop.poison(ill, 1).await;
    market.shop.poison(ill, 2).await;
    market.trade(10).await;
    for log in [None, market.log()] {
        let (follower, _) = market.follow(log).await;
        market.caught_up().await;
        follower.stop().await;
        let report = market.shop.verify().await;
        assert!(report.differences.is_empty(), "{:#?}", report.differences);
        let parked: Vec<(String, i64)> = sqlx::query_as(
            "SELECT projection, COUNT(*) FROM parked_events GROUP BY projection ORDER BY projection",
        )
        .fetch_all(&mut market.shop.sql().await)
        .await
        .unwrap();
        let names = ["customers", "orders", "products", "sales"];
        assert_eq!(parked, names.map(|name| (name.to_owned(), 2)));
        market.trade(5).await;
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_the_topic_lost_is_taken_from_the_log_or_parks_its_order() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let mut market = Market::open(&broker, "hole").await;
    let relay = market.relay().await;
    let order = market.shop.place("ann").await;
    let text = || domain::Note::parse("well").unwrap();
    for _ in 0..3 {
        let note = domain::order::OrderCommand::AddNote { text: text() };
        assert!(market.shop.command(order, &note).await);
    }
    let mut all = market.published().await;
    relay.stop().await;
    let gap = |raw: &Raw| raw.headers.iter().any(|(k, v)| k == "ce_streamversion" && v == b"2");
    all.retain(|raw| !gap(raw));
    let head = market.shop.log.head().await.unwrap().position;
    all.extend((0..super::PARTITIONS).map(|partition| Raw::mark(partition, head)));
    // The same topic without one event; each partition ends with a mark.
    records::remake(&market.broker, &market.kafka, super::PARTITIONS).await;
    records::write(&market.broker, &market.kafka, &all);
    let (follower, _) = market.follow(None).await;
    market.caught_up().await;
    follower.stop().await;
    let parked = market.shop.model.parked_streams("orders", 1).await.unwrap();
    assert_eq!(parked, [("order".to_owned(), order)]);
    market.begin_other_views().await;
    market.project(market.log()).await;
}
