//! More clients than places, and more bytes than the server keeps for them.

use super::*;

/// Longer than a connection that gives way may take, and much shorter than any deadline.
const SOON: Duration = Duration::from_secs(3);

async fn ask_soon(server: &Running) -> Answer {
    timeout(SOON, ask(server, get_request("/"))).await.expect("a place soon")
}

#[tokio::test]
async fn those_that_rest_give_way_whatever_they_have_sent() {
    let server = start(Limits { connections: 4, ..long_limits() }).await;
    let hello = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &[0, 0, 0, 4, 0, 0, 0, 0, 0]].concat();
    let mut half_a_block = hello.clone();
    half_a_block.extend_from_slice(&[0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82]);
    let mut kept = Client::to(&server).await;
    kept.send(get_request("/")).await;
    assert_eq!(kept.answer().await.status, 200);
    let mut crowd = vec![kept];
    let head = b"GET / HTTP/1.1\r\nHost: a\r\nX: ".to_vec();
    for opening in [Vec::new(), head, hello, half_a_block] {
        for _ in 0..4 {
            let mut client = Client::to(&server).await;
            client.send(&opening).await;
            crowd.push(client);
            assert_eq!(ask_soon(&server).await.status, 200);
        }
    }
    timeout(SOON, crowd[0].closed()).await.expect("the one that came first is closed");
}

#[tokio::test]
async fn one_whose_request_is_under_way_keeps_its_place() {
    let server = start(Limits { connections: 2, ..long_limits() }).await;
    let mut held = Client::to(&server).await;
    held.send(get_request("/held")).await;
    let mut events = Client::to(&server).await;
    events.send(get_request("/events")).await;
    assert!(events.head().await.starts_with("HTTP/1.1 200"));
    for _ in 0..10 {
        assert_eq!(ask_soon(&server).await.status, 200);
    }
    let mut idle = Vec::new();
    for _ in 0..10 {
        idle.push(Client::to(&server).await);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(timeout(Duration::from_millis(50), events.0.read_u8()).await.is_err(), "it is open");
    server.gate.add_permits(1);
    assert_eq!(held.answer().await.body, "held");
}

#[tokio::test]
async fn large_bodies_that_do_not_end_share_a_budget() {
    let server = start(long_limits()).await;
    let head = "POST /measure HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n";
    let most = [head.as_bytes(), &[b'x'; 1_000_000]].concat();
    let mut crowd = Vec::new();
    for _ in 0..40 {
        let mut client = Client::to(&server).await;
        client.send(&most).await;
        crowd.push(client);
    }
    let mut refused = 0;
    for client in &mut crowd {
        if let Ok(answer) = timeout(Duration::from_millis(200), client.read_answer()).await {
            answer.is_problem(503, "overloaded");
            assert!(header(&answer.head, "retry-after").is_some());
            refused += 1;
        }
    }
    assert!((5..=20).contains(&refused), "{refused} of 40 are refused");
    // A short body needs nothing of the budget.
    let short = "POST /measure HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    assert_eq!(ask(&server, short).await.body, "3");
    drop(crowd);
    let whole = [head.as_bytes(), &[b'x'; 1_048_576]].concat();
    let taken = async {
        while ask(&server, &whole).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, taken).await.expect("what they held is given back");
}

#[tokio::test]
async fn long_heads_that_do_not_end_share_a_budget() {
    let server = start(long_limits()).await;
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(50_000));
    let mut crowd = Vec::new();
    for _ in 0..500 {
        let mut client = Client::to(&server).await;
        client.send(&long).await;
        crowd.push(client);
    }
    let mut closed = 0;
    for client in &mut crowd {
        let ended = timeout(Duration::from_millis(2), client.0.read_u8()).await;
        closed += usize::from(ended.is_ok());
    }
    assert!((50..200).contains(&closed), "{closed} of 500 are closed");
    assert_eq!(ask(&server, get_request("/")).await.status, 200);
    drop(crowd);
    let taken = async {
        loop {
            let mut client = Client::to(&server).await;
            client.send(&long).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            client.send("\r\n\r\n").await;
            if client.0.read_u8().await.is_ok() {
                return;
            }
        }
    };
    timeout(PATIENCE, taken).await.expect("what they held is given back");
}
