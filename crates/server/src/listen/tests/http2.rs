//! HTTP/2 with prior knowledge: the same routes, deadlines and bounds as HTTP/1, and the attacks that only it has.

use super::*;
use axum::http;
use h2::RecvStream;
use h2::client::SendRequest;

/// A frame's head (RFC 9113, section 4.1) and its payload.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;

async fn speak(server: &Running) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    speak_with(server, &mut h2::client::Builder::new()).await
}

async fn speak_with(
    server: &Running,
    builder: &mut h2::client::Builder,
) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (client, connection) = builder.handshake(stream).await.unwrap();
    (client, tokio::spawn(connection))
}

fn request(method: &str, path: &str) -> http::Request<()> {
    let uri = format!("http://shop.example{path}");
    http::Request::builder().method(method).uri(uri).body(()).unwrap()
}

async fn get_over(client: &mut SendRequest<Bytes>, path: &str) -> http::Response<RecvStream> {
    let mut ready = client.clone().ready().await.unwrap();
    let (answer, _) = ready.send_request(request("GET", path), true).unwrap();
    timeout(PATIENCE, answer).await.unwrap().unwrap()
}

/// All of a body, and room for more of it as it comes.
async fn read(mut body: RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut read = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        read.extend_from_slice(&data);
    }
    Ok(read)
}

#[tokio::test]
async fn requests_are_answered_side_by_side() {
    let server = start(long_limits()).await;
    let (mut client, _) = speak(&server).await;
    let held = {
        let mut client = client.clone();
        tokio::spawn(async move { read(get_over(&mut client, "/held").await.into_body()).await })
    };
    let answer = get_over(&mut client, "/").await;
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("x-correlation-id"));
    assert_eq!(read(answer.into_body()).await.unwrap(), b"home");
    let large = get_over(&mut client, "/large").await;
    assert_eq!(large.headers()["content-length"], (64 * 1024 * 1024).to_string());
    assert_eq!(read(large.into_body()).await.unwrap().len(), 64 * 1024 * 1024);
    server.gate.add_permits(1);
    assert_eq!(held.await.unwrap().unwrap(), b"held");
}

#[tokio::test]
async fn bodies_are_read_and_bounded() {
    let server = start(long_limits()).await;
    let (client, _) = speak(&server).await;
    for (length, status) in [(0, 200), (1024 * 1024, 200), (1024 * 1024 + 1, 413)] {
        let mut ready = client.clone().ready().await.unwrap();
        let (answer, mut body) = ready.send_request(request("POST", "/measure"), false).unwrap();
        let sending = async {
            let mut left = vec![b'x'; length];
            while !left.is_empty() {
                body.reserve_capacity(left.len());
                let Some(Ok(room)) = std::future::poll_fn(|cx| body.poll_capacity(cx)).await else {
                    return;
                };
                let rest = left.split_off(room.min(left.len()));
                if body.send_data(std::mem::replace(&mut left, rest).into(), false).is_err() {
                    return;
                }
            }
            // The answer may have come before the body's end.
            let _ = body.send_data(Bytes::new(), true);
        };
        let (answer, ()) = tokio::join!(timeout(PATIENCE, answer), sending);
        let answer = answer.unwrap().unwrap();
        assert_eq!(answer.status(), status, "{length}");
        assert!(!answer.headers().contains_key("connection"));
        let text = read(answer.into_body()).await.unwrap();
        match status {
            200 => assert_eq!(text, length.to_string().as_bytes()),
            _ => assert_eq!(
                serde_json::from_slice::<Value>(&text).unwrap()["code"],
                "payload-too-large"
            ),
        }
    }
}

#[tokio::test]
async fn a_host_beside_another_authority_is_refused() {
    let server = start(long_limits()).await;
    let (client, _) = speak(&server).await;
    for (host, status) in [("shop.example", 200), ("SHOP.example", 200), ("other.example", 400)] {
        let mut asked = request("GET", "/");
        asked.headers_mut().insert("host", host.parse().unwrap());
        let (answer, _) = client.clone().ready().await.unwrap().send_request(asked, true).unwrap();
        assert_eq!(answer.await.unwrap().status(), status, "{host}");
    }
}

#[tokio::test]
async fn a_connection_that_rests_is_closed_and_one_with_a_stream_is_not() {
    let server = start(short_limits()).await;
    let (mut resting, resting_ends) = speak(&server).await;
    assert_eq!(get_over(&mut resting, "/").await.status(), 200);
    let (mut busy, busy_ends) = speak(&server).await;
    let events = get_over(&mut busy, "/events").await;
    assert_eq!(events.status(), 200);
    timeout(PATIENCE, resting_ends).await.unwrap().unwrap().unwrap();
    tokio::time::sleep(4 * short_limits().head).await;
    assert!(!busy_ends.is_finished());
    assert_eq!(get_over(&mut busy, "/").await.status(), 200);
}

#[tokio::test]
async fn half_a_preface_half_a_frame_and_a_head_without_an_end_are_closed() {
    let server = start(short_limits()).await;
    let settings = frame(SETTINGS, 0, 0, &[]);
    let half = frame(HEADERS, 0, 1, &[0x82, 0x86]);
    for bytes in [
        PREFACE[..10].to_vec(),
        PREFACE.to_vec(),
        [PREFACE, &settings[..4]].concat(),
        [PREFACE, &settings].concat(),
        [PREFACE, &settings, &half].concat(),
    ] {
        let mut client = Client::to(&server).await;
        client.send(bytes).await;
        client.closed().await;
    }
}

#[tokio::test]
async fn an_answer_that_is_not_taken_is_reset_and_the_others_go_on() {
    let server = start(short_limits()).await;
    let (mut client, _) = speak(&server).await;
    let large = get_over(&mut client, "/large").await;
    assert_eq!(large.status(), 200);
    let began = std::time::Instant::now();
    let mut body = large.into_body();
    // What came is not acknowledged, so no more may come.
    let error = loop {
        match timeout(PATIENCE, body.data()).await.unwrap() {
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("all of it came"),
        }
    };
    assert!(error.is_reset(), "{error}");
    assert!(began.elapsed() >= short_limits().write_stall);
    assert_eq!(get_over(&mut client, "/").await.status(), 200);
}

#[tokio::test]
async fn a_client_that_takes_an_answer_slowly_gets_all_of_it() {
    let server = start(short_limits()).await;
    let (mut client, _) = speak(&server).await;
    let mut body = get_over(&mut client, "/quarter").await.into_body();
    let mut got = 0;
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        got += data.len();
        tokio::time::sleep(short_limits().write_stall / 10).await;
        body.flow_control().release_capacity(data.len()).unwrap();
    }
    assert_eq!(got, 256 * 1024);
}

/// Rapid reset (CVE-2023-44487): requests that are given up at once, as fast as they can be sent.
#[tokio::test]
async fn a_client_that_gives_up_request_after_request_is_cut_off() {
    let server = start(long_limits()).await;
    let (client, ends) = speak(&server).await;
    let mut sent = 0;
    while sent < 20_000 && !ends.is_finished() {
        let Ok(mut ready) = client.clone().ready().await else { break };
        let Ok((_, mut stream)) = ready.send_request(request("GET", "/held"), true) else { break };
        stream.send_reset(h2::Reason::CANCEL);
        sent += 1;
        tokio::task::yield_now().await;
    }
    assert!(sent < 20_000, "{sent} were given up");
    timeout(PATIENCE, ends).await.unwrap().unwrap().unwrap_err();
    let (mut other, _) = speak(&server).await;
    assert_eq!(get_over(&mut other, "/").await.status(), 200);
}

/// CVE-2024-27316 and its like: a head that never ends.
#[tokio::test]
async fn a_flood_of_continuations_is_cut_off() {
    let server = start(long_limits()).await;
    let mut client = Client::to(&server).await;
    client.send([PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await;
    client.send(frame(HEADERS, END_STREAM, 1, &[0x82, 0x86, 0x84])).await;
    // A field that is kept out of the table: `x: ` and a kilobyte.
    let field = [&[0x00, 1, b'x', 0x7f, 0x81, 0x07][..], &[b'v'; 1024][..]].concat();
    let more = frame(CONTINUATION, 0, 1, &field);
    let mut sent = 0;
    while sent < 64 * 1024 && client.0.write_all(&more).await.is_ok() {
        sent += 1;
    }
    assert!(sent < 64 * 1024, "64 MiB of a head were taken");
    let (mut other, _) = speak(&server).await;
    assert_eq!(get_over(&mut other, "/").await.status(), 200);
}

#[tokio::test]
async fn more_streams_than_may_be_wait_or_are_refused() {
    let server = start(long_limits()).await;
    let (client, _) = speak(&server).await;
    let mut under_way = Vec::new();
    for _ in 0..100 {
        let mut ready = client.clone().ready().await.unwrap();
        under_way.push(ready.send_request(request("GET", "/held"), true).unwrap().0);
    }
    let mut ready = client.clone().ready().await.unwrap();
    let (more, _) = ready.send_request(request("GET", "/"), true).unwrap();
    if let Ok(ended) = timeout(Duration::from_millis(200), more).await {
        assert_eq!(ended.unwrap_err().reason(), Some(h2::Reason::REFUSED_STREAM));
    }
    server.gate.add_permits(100);
    for answer in under_way {
        assert_eq!(timeout(PATIENCE, answer).await.unwrap().unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_stop_finishes_what_is_under_way() {
    let server = start(long_limits()).await;
    let (mut client, ends) = speak(&server).await;
    let mut ready = client.clone().ready().await.unwrap();
    let (held, _) = ready.send_request(request("GET", "/held"), true).unwrap();
    assert_eq!(get_over(&mut client, "/").await.status(), 200);
    server.shutdown.cancel();
    tokio::time::sleep(4 * long_limits().drain_notice).await;
    server.gate.add_permits(1);
    assert_eq!(read(held.await.unwrap().into_body()).await.unwrap(), b"held");
    timeout(PATIENCE, ends).await.unwrap().unwrap().unwrap();
    timeout(PATIENCE, server.task).await.unwrap().unwrap().unwrap();
}
