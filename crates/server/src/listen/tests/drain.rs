//! From the shutdown signal to the end.

use super::*;

async fn ended(server: Running) {
    timeout(PATIENCE, server.task).await.expect("an end within the bound").unwrap().unwrap();
}

#[tokio::test]
async fn readyz_says_503_from_the_signal_on_and_requests_in_flight_finish() {
    let server = start(Limits { drain: PATIENCE, ..long_limits() }).await;
    let mut kept = Client::to(&server).await;
    kept.send(get_request("/readyz")).await;
    assert_eq!(kept.answer().await.status, 200);
    let mut held = Client::to(&server).await;
    held.send(get_request("/held")).await;
    kept.send(get_request("/")).await;
    assert_eq!(kept.answer().await.status, 200);

    server.shutdown.cancel();
    kept.send(get_request("/readyz")).await;
    let document = kept.answer().await.is_problem(503, "unavailable");
    assert_eq!(document["part"], "server");

    // The notice is over when kept connections are closed; watchers are answered even then, others are sent away.
    kept.closed().await;
    let unready = ask(&server, get_request("/readyz")).await;
    unready.is_problem(503, "unavailable");
    assert!(header(&unready.head, "retry-after").is_some());
    let refused = ask(&server, get_request("/")).await;
    refused.is_problem(503, "unavailable");
    assert_eq!(refused.connection(), "close");
    assert_eq!(ask(&server, get_request("/healthz")).await.status, 200);

    server.gate.add_permits(1);
    let last = held.answer().await;
    assert_eq!((last.body.as_str(), last.connection().as_str()), ("held", "close"));
    ended(server).await;
}

#[tokio::test]
async fn requests_within_the_notice_are_served() {
    let server = start(short_limits()).await;
    server.shutdown.cancel();
    assert_eq!(ask(&server, get_request("/")).await.body, "home");
    ended(server).await;
}

#[tokio::test]
async fn event_streams_end_at_once() {
    let server = start(Limits { drain: PATIENCE * 2, ..long_limits() }).await;
    let mut events = Client::to(&server).await;
    events.send(get_request("/events")).await;
    let head = timeout(PATIENCE, events.head()).await.unwrap();
    assert!(head.contains("text/event-stream"), "{head}");
    server.shutdown.cancel();
    assert_eq!(events.closed().await, b"0\r\n\r\n");
    ended(server).await;
}

#[tokio::test]
async fn half_open_clients_do_not_hold_the_end() {
    let limits = Limits { head: PATIENCE * 3, body_stall: PATIENCE * 3, ..short_limits() };
    let server = start(limits).await;
    let mut half = Client::to(&server).await;
    half.send("GET / HTTP/1.1\r\nHo").await;
    let mut body = Client::to(&server).await;
    body.send("POST /v1/import HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc").await;
    let mut held = Client::to(&server).await;
    held.send(get_request("/held")).await;
    assert_eq!(ask(&server, get_request("/")).await.status, 200);
    server.shutdown.cancel();
    ended(server).await;
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing_behind() {
    let server = start(long_limits()).await;
    let mut client = Client::to(&server).await;
    client.send(get_request("/held")).await;
    assert_eq!(ask(&server, get_request("/")).await.status, 200);
    drop(client);
    server.shutdown.cancel();
    ended(server).await;
}
