//! Clients that are slow, silent or many.

use super::*;

#[tokio::test]
async fn half_a_head_an_idle_connection_and_a_kept_one_are_closed() {
    let server = start(short_limits()).await;
    let mut half = Client::to(&server).await;
    half.send("GET / HTTP/1.1\r\nHo").await;
    let mut silent = Client::to(&server).await;
    let mut kept = Client::to(&server).await;
    kept.send(get_request("/")).await;
    assert_eq!(kept.answer().await.status, 200);
    for client in [&mut half, &mut silent, &mut kept] {
        assert!(client.closed().await.is_empty());
    }
}

#[tokio::test]
async fn a_head_that_drips_is_closed() {
    let server = start(short_limits()).await;
    let (mut reader, mut writer) = TcpStream::connect(server.address).await.unwrap().into_split();
    let mut tick = tokio::time::interval(short_limits().head / 6);
    let dripping = async {
        for byte in
            b"GET / HTTP/1.1\r\nHost: a\r\nX: ".iter().chain(std::iter::repeat_n(&b'x', 500))
        {
            tick.tick().await;
            if writer.write_all(&[*byte]).await.is_err() {
                return;
            }
        }
        panic!("every byte was taken");
    };
    let mut rest = Vec::new();
    tokio::select! {
        () = dripping => {}
        _ = reader.read_to_end(&mut rest) => {}
    }
}

#[tokio::test]
async fn a_body_that_stalls_is_answered_408_and_closed() {
    let server = start(short_limits()).await;
    for fields in ["Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nab"] {
        for path in ["/measure", "/v1/import"] {
            let mut client = Client::to(&server).await;
            client.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\n{fields}")).await;
            client.answer().await.is_problem(408, "request-timeout");
            assert!(client.closed().await.is_empty());
        }
    }
}

#[tokio::test]
async fn a_body_that_drips_is_answered_408_after_its_whole_time() {
    let server = start(short_limits()).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (reader, mut writer) = stream.into_split();
    writer
        .write_all(b"POST /measure HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        .await
        .unwrap();
    let mut tick = tokio::time::interval(short_limits().body_stall / 6);
    let drip = tokio::spawn(async move {
        for _ in 0..999 {
            tick.tick().await;
            if writer.write_all(b"x").await.is_err() {
                break;
            }
        }
        writer
    });
    let mut text = String::new();
    let mut limited = reader.take(12);
    timeout(PATIENCE, limited.read_to_string(&mut text)).await.unwrap().unwrap();
    assert_eq!(text, "HTTP/1.1 408");
    drip.abort();
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let server = start(short_limits()).await;
    let mut client = Client::to(&server).await;
    client.send(get_request("/large")).await;
    // The shutdown waits for connections: it ends at once only if this one is gone.
    let head = timeout(PATIENCE, client.head()).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let mut watched = Client::to(&server).await;
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    let open = async {
        loop {
            tick.tick().await;
            if established(server.address.port(), client.0.local_addr().unwrap().port()) {
                continue;
            }
            return;
        }
    };
    timeout(PATIENCE, open).await.expect("the server ends its side");
    watched.closed().await;
}

#[tokio::test]
async fn large_answers_that_no_client_takes_are_bounded_and_their_bytes_are_given_back() {
    let write_stall = Duration::from_secs(2);
    // Room for one answer of /large, not for two.
    let server = start(Limits { write_stall, answer_bytes: 100 << 20, ..short_limits() }).await;
    let mut idle = Client::to(&server).await;
    idle.send(get_request("/large")).await;
    assert!(timeout(PATIENCE, idle.head()).await.unwrap().starts_with("HTTP/1.1 200"));
    let refused = ask(&server, get_request("/large")).await;
    refused.is_problem(503, "overloaded");
    assert_eq!(header(&refused.head, "retry-after").as_deref(), Some("2"));
    assert_eq!(ask(&server, get_request("/")).await.status, 200);
    let admitted = async {
        loop {
            let mut client = Client::to(&server).await;
            client.send(get_request("/large")).await;
            if client.head().await.starts_with("HTTP/1.1 200") {
                return;
            }
        }
    };
    timeout(PATIENCE, admitted).await.expect("a client that does not read is cut");
}

/// True while the server's side of a connection is not closed, as the kernel tells.
fn established(server_port: u16, client_port: u16) -> bool {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let (server, client) = (format!(":{server_port:04X}"), format!(":{client_port:04X}"));
    table.lines().filter_map(|line| Some(line.trim().split_once(": ")?.1)).any(|line| {
        let mut columns = line.split(' ');
        columns.next().is_some_and(|local| local.ends_with(&server))
            && columns.next().is_some_and(|remote| remote.ends_with(&client))
            && columns.next() == Some("01")
    })
}

#[tokio::test]
async fn five_hundred_slow_connections_do_not_keep_others_from_their_answers() {
    let server = start(long_limits()).await;
    let mut slow = Vec::new();
    for number in 0..500 {
        let mut client = Client::to(&server).await;
        let piece =
            ["", "GET / HT", "POST /measure HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"];
        client.send(piece[number % piece.len()]).await;
        slow.push(client);
    }
    for _ in 0..50 {
        assert_eq!(ask(&server, get_request("/")).await.status, 200);
    }
}

#[tokio::test]
async fn connections_over_the_cap_wait_until_there_is_room() {
    let server = start(Limits { connections: 2, ..short_limits() }).await;
    let mut idle = [Client::to(&server).await, Client::to(&server).await];
    let mut waiting = Client::to(&server).await;
    waiting.send(get_request("/")).await;
    for client in &mut idle {
        assert!(client.closed().await.is_empty());
    }
    drop(idle);
    assert_eq!(waiting.answer().await.status, 200);
}
