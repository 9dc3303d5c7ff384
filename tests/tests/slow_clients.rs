//! Clients that send half a request and wait: they are closed in time, and even five hundred of them slow no other
//! client.

#![allow(clippy::unwrap_used, missing_docs)]

use std::time::{Duration, Instant};
use system_tests::client::Client;
use system_tests::orders::{new_id, place, placed};
use system_tests::raw;
use system_tests::server::Server;
use system_tests::size;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// The contract's bound, and a margin for a busy machine.
const CLOSED_WITHIN: Duration = Duration::from_secs(12);
/// Below this, a factor of two is noise of the machine.
const FLOOR: Duration = Duration::from_millis(10);
/// The answers for one median.
const SAMPLES: usize = 101;

async fn median(client: &Client, path: &str) -> Duration {
    let mut took = Vec::with_capacity(SAMPLES);
    for _ in 0..SAMPLES {
        let begun = Instant::now();
        client.get(path).await.ok();
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    took[SAMPLES / 2]
}

/// One test only: other tests in this process would disturb its measurements.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_are_closed_in_time_and_slow_no_other_client() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let (client, host) = (server.client().await, server.host().to_owned());
    let (order, placed_at) = place(&client, "patient").await;
    let path = format!("/v1/orders/{order}");
    client.get_at(&path, placed_at.token()).await.ok();
    let alone = median(&client, &path).await;

    let mut crowd = Vec::new();
    for number in 0..size("ORDERLOG_IDLE_CONNECTIONS", 500) {
        let mut idle = TcpStream::connect(&host).await.unwrap();
        match number % 3 {
            0 => {}
            1 => idle.write_all(b"GET /v1/orders HTTP/1.1\r\nHost: x\r\nX-Slow").await.unwrap(),
            _ => idle.write_all(&half_a_body(&host)).await.unwrap(),
        }
        crowd.push(idle);
    }
    let crowded = median(&client, &path).await;
    println!("alone {alone:?}, with {} idle connections {crowded:?}", crowd.len());
    assert!(crowded < FLOOR.max(alone * 2), "{alone:?} alone, {crowded:?} in the crowd");
    drop(crowd);
    all_are_closed(&host).await;
    server.stop().await;
}

fn half_a_body(host: &str) -> Vec<u8> {
    let whole = raw::post(host, "/v1/orders", "", placed(new_id(), "slow").to_string().as_bytes());
    whole[..whole.len() - 20].to_vec()
}

async fn all_are_closed(host: &str) {
    let half = half_a_body(host);
    let idle = raw::exchange_until_closed(host, b"");
    let head = raw::exchange_until_closed(host, b"GET /v1/orders HTTP/1.1\r\nHost: x\r\nX-Slow");
    let body = raw::exchange_until_closed(host, &half);
    let kept = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let kept = raw::exchange_until_closed(host, kept.as_bytes());
    let (idle, head, body, kept) = tokio::join!(idle, head, body, kept);
    for (case, answer) in
        [("idle", &idle), ("half a head", &head), ("half a body", &body), ("kept open", &kept)]
    {
        println!("{case}: {} after {:?}", answer.status, answer.took);
        assert!(answer.closed && answer.took < CLOSED_WITHIN, "{case}: {answer:?}");
    }
    assert_eq!(body.status, 408, "{body:?}");
    assert_eq!(body.code().as_deref(), Some("request-timeout"));
    assert_eq!(kept.status, 200);
}
