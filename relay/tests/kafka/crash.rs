//! A relay is killed at any moment, again and again, while orders come in: repeats, never a skip, never a reordering.

use crate::support::process::{epoch, must_equal_the_log, published};
use crate::support::{Log, Random, RelayProcess, scale, topic};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn kills_at_any_moment_cause_repeats_and_nothing_else() {
    let untested = "that a killed relay skips nothing";
    let Some(broker) = rig::kafka::shared_or_say(untested) else { return };
    let (log, kafka) = (Arc::new(Log::new().await), topic(&broker, "crash"));
    let (mut random, over) = (Random::new(), Arc::new(AtomicBool::new(false)));
    let load = {
        let (log, over) = (Arc::clone(&log), Arc::clone(&over));
        tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                log.append(40).await;
            }
        })
    };
    let options = ["--lease-timeout-ms", "500"];
    let kills = scale("ORDERLOG_FAULT_CYCLES", 8);
    for kill in 1..=kills {
        let relay = RelayProcess::start(&log, &broker.address(), &kafka, &options);
        epoch(&log, &kafka, kill).await;
        tokio::time::sleep(Duration::from_millis(random.below(1_500))).await;
        relay.kill();
    }
    over.store(true, Ordering::Relaxed);
    load.await.unwrap();
    let head = log.store.head().await.unwrap().position;
    let relay = RelayProcess::start(&log, &broker.address(), &kafka, &options);
    published(&log, &kafka, head).await;
    relay.stop();
    println!("{kills} kills, {head} events");
    must_equal_the_log(&log, &broker.address(), &kafka);
}
