//! The broker goes away and comes back: orders go on, and the backlog is drained after.

use crate::support::process::{must_equal_the_log, published};
use crate::support::{Log, Random, RelayProcess, scale, topic};
use rig::kafka::{End, Listeners};
use std::time::Duration;

const UNTESTED: &str = "that the relay outlives its broker";

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_while_the_broker_was_down_is_published_when_it_is_back() {
    let Some(mut broker) = rig::kafka::broker_or_say(Listeners::Plain, UNTESTED) else { return };
    let (log, kafka) = (Log::new().await, topic(&broker, "down"));
    let options = ["--delivery-timeout-ms", "2000"];
    let relay = RelayProcess::start(&log, &broker.address(), &kafka, &options);
    published(&log, &kafka, log.append(1_000).await).await;
    broker.end(End::Orderly).unwrap();
    let down = scale("ORDERLOG_FAULT_BROKER_SECONDS", 5);
    for _ in 0..down {
        log.append(1_000).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    broker.start_again().unwrap();
    let head = log.append(1_000).await;
    let took = published(&log, &kafka, head).await;
    println!("{} events drained {took:?} after the broker was back", head - 1_000);
    relay.stop();
    must_equal_the_log(&log, &broker.address(), &kafka);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_in_the_middle_costs_repeats_at_most() {
    let Some(mut broker) = rig::kafka::broker_or_say(Listeners::Plain, UNTESTED) else { return };
    let (log, kafka) = (Log::new().await, topic(&broker, "killed"));
    let mut random = Random::new();
    let relay = RelayProcess::start(&log, &broker.address(), &kafka, &[]);
    published(&log, &kafka, log.append(10).await).await;
    for _ in 0..scale("ORDERLOG_FAULT_CYCLES", 3) {
        log.append(10_000).await;
        tokio::time::sleep(Duration::from_millis(random.below(200))).await;
        broker.end(End::Killed).unwrap();
        log.append(1_000).await;
        broker.start_again().unwrap();
    }
    let head = log.append(10).await;
    published(&log, &kafka, head).await;
    relay.stop();
    must_equal_the_log(&log, &broker.address(), &kafka);
}
