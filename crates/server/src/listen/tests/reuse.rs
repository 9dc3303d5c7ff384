//! After an answer the connection is closed if the answer says so; otherwise the next request on it is answered. This
//! holds for every status, whatever body was sent and however much of it was read.

use super::*;
use crate::limits::{MAX_BODY_BYTES, MAX_UNREAD_BYTES};

/// Every kind of status that a client can meet.
const STATUSES: [u16; 18] =
    [200, 201, 304, 400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 422, 429, 431, 500, 503];
/// Those that large bodies are tried with.
const FEW: [u16; 3] = [200, 415, 503];

/// How the client speaks: version, fields, and whether it wants to go on.
const SPEAKERS: [(&str, &str, bool); 4] = [
    ("HTTP/1.1", "", true),
    ("HTTP/1.1", "Connection: close\r\n", false),
    ("HTTP/1.0", "", false),
    ("HTTP/1.0", "Connection: keep-alive\r\n", true),
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Framing {
    Length,
    Chunks,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Expecting {
    Nothing,
    /// The body is sent when it is sent for.
    Waiting,
    /// The body is sent all the same.
    Hurrying,
}

/// A request: what is answered, what is read of the body, how it is sent.
#[derive(Debug, Clone, Copy)]
struct Case {
    status: u16,
    reading: &'static str,
    length: u64,
    framing: Framing,
    expecting: Expecting,
    speaker: (&'static str, &'static str, bool),
}

impl Case {
    fn is_new(&self) -> bool {
        self.speaker.0 == "HTTP/1.1"
    }

    fn head(&self) -> String {
        let (version, fields, _) = self.speaker;
        let framing = match self.framing {
            Framing::Length => format!("Content-Length: {}\r\n", self.length),
            Framing::Chunks => "Transfer-Encoding: chunked\r\n".to_owned(),
        };
        let expecting = match self.expecting {
            Expecting::Nothing => "",
            _ => "Expect: 100-continue\r\n",
        };
        let (status, reading) = (self.status, self.reading);
        format!(
            "POST /status/{status}/{reading} {version}\r\nHost: a\r\n{fields}{framing}{expecting}\r\n"
        )
    }

    fn body(&self) -> Vec<u8> {
        let mut left = usize::try_from(self.length).unwrap();
        if self.framing == Framing::Length {
            return vec![b'x'; left];
        }
        let mut body = Vec::new();
        while left > 0 {
            let size = left.min(100_000);
            body.extend(format!("{size:x}\r\n").into_bytes());
            body.resize(body.len() + size, b'x');
            body.extend(b"\r\n");
            left -= size;
        }
        body.extend(b"0\r\n\r\n");
        body
    }

    fn is_refused_unread(&self) -> bool {
        self.framing == Framing::Length && self.length > MAX_BODY_BYTES
    }

    fn expected_status(&self) -> u16 {
        let too_large = self.length > MAX_BODY_BYTES && self.reading == "all";
        if too_large || self.is_refused_unread() { 413 } else { self.status }
    }

    /// Whether the connection has to go on.
    fn lives(&self) -> bool {
        let sent_for = self.reading != "none" && !self.is_refused_unread();
        let has_body = self.framing == Framing::Chunks || self.length > 0;
        let waits = self.expecting != Expecting::Nothing && self.is_new() && has_body;
        let read = match self.reading {
            "all" if !self.is_refused_unread() => self.length.min(MAX_BODY_BYTES),
            _ => 0,
        };
        self.speaker.2 && (sent_for || !waits) && self.length - read <= MAX_UNREAD_BYTES
    }

    /// Sends it and reads the answer, then holds the connection to what the answer says.
    async fn holds(&self, server: &Running) {
        let mut client = Client::to(server).await;
        client.send(self.head()).await;
        let mut answer = None;
        if self.expecting == Expecting::Waiting && self.is_new() && self.length > 0 {
            let first = client.answer().await;
            if first.status != 100 {
                answer = Some(first);
            }
        }
        let answer = match answer {
            Some(answer) => answer,
            None => client.send(self.body()).await.final_answer().await,
        };
        assert_eq!(answer.status, self.expected_status(), "{self:?}: {}", answer.head);
        let says = answer.connection();
        let kept = match self.is_new() {
            true => !says.contains("close"),
            false => says.contains("keep-alive") && !says.contains("close"),
        };
        assert_eq!(kept, self.lives(), "{self:?}: {}", answer.head);
        if kept {
            assert_eq!(client.send(get_request("/")).await.answer().await.body, "home", "{self:?}");
        } else {
            assert!(client.closed().await.is_empty(), "{self:?}");
        }
    }
}

fn cases(statuses: &[u16], lengths: &[u64]) -> Vec<Case> {
    let mut cases = Vec::new();
    for &status in statuses {
        for reading in ["none", "some", "all"] {
            for &length in lengths {
                for framing in [Framing::Length, Framing::Chunks] {
                    for expecting in [Expecting::Nothing, Expecting::Waiting, Expecting::Hurrying] {
                        for speaker in SPEAKERS {
                            if framing == Framing::Length || speaker.0 == "HTTP/1.1" {
                                let case =
                                    Case { status, reading, length, framing, expecting, speaker };
                                cases.push(case);
                            }
                        }
                    }
                }
            }
        }
    }
    cases
}

#[tokio::test]
async fn an_answer_says_whether_its_connection_goes_on_for_every_status() {
    let server = start(long_limits()).await;
    for case in cases(&STATUSES, &[0, 3]) {
        case.holds(&server).await;
    }
}

#[tokio::test]
async fn an_answer_says_whether_its_connection_goes_on_for_every_length_of_a_body() {
    let server = start(long_limits()).await;
    let (limit, half) = (MAX_BODY_BYTES, MAX_BODY_BYTES / 2);
    for case in cases(&FEW, &[limit, limit + half, MAX_UNREAD_BYTES + half, 2 * MAX_UNREAD_BYTES]) {
        case.holds(&server).await;
    }
}

#[tokio::test]
async fn the_wait_for_the_rest_of_a_body_is_bounded() {
    let limits = Limits { body_stall: PATIENCE * 3, body_total: PATIENCE * 3, ..short_limits() };
    let server = start(limits).await;
    let post = |fields: &str| format!("POST /status/415/none HTTP/1.1\r\nHost: a\r\n{fields}");
    for fields in ["Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nab"] {
        let mut client = Client::to(&server).await;
        let answer = client.send(post(fields)).await.answer().await;
        answer.is_problem(415, "unsupported-media-type");
        assert_eq!(answer.connection(), "close");
        assert!(client.closed().await.is_empty());
    }

    let stream = TcpStream::connect(server.address).await.unwrap();
    let (reader, mut writer) = stream.into_split();
    writer.write_all(post("Content-Length: 100000\r\n\r\n").as_bytes()).await.unwrap();
    let dripping = async {
        let mut tick = tokio::time::interval(short_limits().unread_wait / 6);
        loop {
            tick.tick().await;
            if writer.write_all(b"x").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let mut text = String::new();
    let mut limited = reader.take(12);
    tokio::select! {
        () = dripping => {}
        read = timeout(PATIENCE, limited.read_to_string(&mut text)) => {
            read.unwrap().unwrap();
        }
    }
    assert_eq!(text, "HTTP/1.1 415");
}

#[tokio::test]
async fn a_body_that_breaks_off_or_stalls_is_the_connections_last() {
    let server = start(short_limits()).await;
    for (path, fields, status) in [
        ("/status/415/none", "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc", 415),
        ("/status/200/all", "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc", 400),
        ("/status/200/all", "Content-Length: 10\r\n\r\nabc", 408),
    ] {
        let mut client = Client::to(&server).await;
        client.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\n{fields}")).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.connection().as_str()), (status, "close"));
        assert!(client.closed().await.is_empty());
    }
}

#[tokio::test]
async fn an_answer_that_begins_while_its_body_is_still_sent_is_the_connections_last() {
    let server = start(long_limits()).await;
    let mut client = Client::to(&server).await;
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc").await;
    let head = timeout(PATIENCE, client.head()).await.unwrap();
    assert_eq!(header(&head, "connection").as_deref(), Some("close"), "{head}");
    client.send("def").await;
    assert!(client.closed().await.ends_with(b"3\r\ndef\r\n0\r\n\r\n"));
}

#[tokio::test]
async fn a_body_without_length_ends_the_connection_of_an_old_client_and_does_not_deny_it() {
    let server = start(long_limits()).await;
    let mut client = Client::to(&server).await;
    client
        .send("POST /echo HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc")
        .await;
    let head = timeout(PATIENCE, client.head()).await.unwrap();
    assert_eq!(header(&head, "connection").as_deref(), Some("close"), "{head}");
    assert_eq!(client.closed().await, b"abc");
}
