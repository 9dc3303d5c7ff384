//! Two relays: one publishes, the other takes over when it must, and the former one is fenced.

use crate::support::process::{epoch, must_equal_the_log, published};
use crate::support::{Log, RelayProcess, scale, topic};
use clap::Parser;
use relay::lease_name;
use rig::process::Signal;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const UNTESTED: &str = "that a standby relay takes over";
const TAKEOVER: Duration = Duration::from_secs(10);
/// Nothing here takes longer unless it hangs.
const HANGS: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_over_within_ten_seconds_of_a_kill() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let (log, kafka) = (Log::new().await, topic(&broker, "takeover"));
    let active = RelayProcess::start(&log, &broker.address(), &kafka, &[]);
    published(&log, &kafka, log.append(500).await).await;
    let standby = RelayProcess::start(&log, &broker.address(), &kafka, &[]);
    active.kill();
    let head = log.append(500).await;
    let took = published(&log, &kafka, head).await;
    println!("taken over and published after {took:?}");
    assert!(took < TAKEOVER, "{took:?}");
    standby.stop();
    must_equal_the_log(&log, &broker.address(), &kafka);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_stops_in_order_is_followed_at_once() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let (log, kafka) = (Log::new().await, topic(&broker, "handover"));
    let active = RelayProcess::start(&log, &broker.address(), &kafka, &[]);
    published(&log, &kafka, log.append(10).await).await;
    let standby =
        RelayProcess::start(&log, &broker.address(), &kafka, &["--lease-timeout-ms", "60000"]);
    assert!(active.stop().0.success());
    published(&log, &kafka, log.append(10).await).await;
    standby.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_was_paused_and_wakes_up_changes_nothing() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let (log, kafka) = (Log::new().await, topic(&broker, "zombie"));
    let options = ["--lease-timeout-ms", "500"];
    let start = || RelayProcess::start(&log, &broker.address(), &kafka, &options);
    let relays = [start(), start()];
    let mut expected = 1;
    for round in 0..scale("ORDERLOG_FAULT_CYCLES", 6) {
        epoch(&log, &kafka, expected).await;
        // Enough to be in the middle of sending when it is paused.
        log.append(8_000).await;
        let leader = pause_the_leader(&log, &kafka, &relays).await;
        let state = log.store.lease(&lease_name(&kafka.topic)).await.unwrap().unwrap();
        expected = state.epoch.max(expected + 1);
        epoch(&log, &kafka, expected).await;
        let head = log.append(500).await;
        if round % 2 == 0 {
            published(&log, &kafka, head).await;
        }
        relays[leader].send(Signal::Resume);
        published(&log, &kafka, head).await;
        let state = log.store.lease(&lease_name(&kafka.topic)).await.unwrap().unwrap();
        assert!(state.epoch >= expected && state.checkpoint == head, "{state:?}");
        expected = state.epoch;
    }
    let [one, other] = relays;
    one.stop();
    other.stop();
    must_equal_the_log(&log, &broker.address(), &kafka);
}

/// Freezes whichever of the two leads, but not in the middle of a write: SQLite has one writer, and a process that is
/// frozen while it is that one freezes the file for all.
async fn pause_the_leader(log: &Log, kafka: &relay::Kafka, relays: &[RelayProcess; 2]) -> usize {
    loop {
        let leader = leader_of(log, kafka, relays).await;
        relays[leader].send(Signal::Pause);
        if log.try_append().await {
            return leader;
        }
        relays[leader].send(Signal::Resume);
    }
}

/// The lease names its holder by the process.
async fn leader_of(log: &Log, kafka: &relay::Kafka, relays: &[RelayProcess; 2]) -> usize {
    let state = log.store.lease(&lease_name(&kafka.topic)).await.unwrap().unwrap();
    let holder = state.holder.unwrap();
    let pid = holder.split(' ').next().unwrap();
    relays.iter().position(|relay| relay.pid().to_string() == pid).unwrap()
}

/// Waits until `/readyz` answers so.
async fn readiness(url: &str, status: u16) {
    let begun = Instant::now();
    loop {
        let answer = reqwest::get(format!("{url}/readyz")).await.unwrap();
        if answer.status() == status {
            return;
        }
        let text = answer.text().await.unwrap();
        assert!(begun.elapsed() < HANGS, "still not {status}: {text}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_ready_whatever_its_last_session_met() {
    let log = Log::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // No broker listens there.
    let [port] = rig::ports::free().unwrap();
    let (events, broker) = (log.url(), format!("127.0.0.1:{port}"));
    let settings = relay::Settings::parse_from(
        ["relay", "--event-store", &events, "--kafka", &broker, "--topic", "none"]
            .into_iter()
            .chain(["--lease-timeout-ms", "60000"]),
    );
    let shutdown = CancellationToken::new();
    let run = relay::run(settings, log.store.clone(), listener.into(), shutdown.clone());
    let running = tokio::spawn(run);
    readiness(&url, 503).await;
    let name = lease_name("none");
    let seen = log.store.lease(&name).await.unwrap().unwrap();
    assert!(log.store.take_lease(&name, "another", Some(&seen)).await.unwrap().is_some());
    readiness(&url, 200).await;
    shutdown.cancel();
    running.await.unwrap().unwrap();
}
