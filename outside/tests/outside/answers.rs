//! Answers of any kind: which class of failure each is.

use crate::world::{http, key};
use outside::psp::{Decline, Psp, PspId, PspSnapshot, PspState};
use outside::{Cause, Failure};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const PATIENCE: Duration = Duration::from_millis(500);

/// Confirms at a server that answers every request with these bytes, and then closes the connection.
async fn confirmed(answer: &[u8]) -> Result<PspSnapshot, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = answer.to_vec();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&answer).await;
        }
    });
    let psp = Psp::stripe(http(port, "sk_test", PATIENCE));
    psp.confirm(&key(), &PspId::parse("pi_1").unwrap()).await
}

fn http_answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n\r\n{body}").into_bytes()
}

fn refused(code: &str, is_final: bool) -> Failure {
    Failure::Refused { code: code.to_owned(), is_final }
}

fn silence(cause: Cause) -> Failure {
    Failure::Silence { cause }
}

#[tokio::test]
async fn every_answer_has_its_class() {
    let known = r#"{"error":{"type":"invalid_request_error","code":"some_code"}}"#;
    let no_code = r#"{"error":{"type":"api_error"}}"#;
    let personal = r#"{"error":{"code":"ada@example.com has no money"}}"#;
    let asked = |seconds| Failure::RateLimited { retry_after: Some(Duration::from_secs(seconds)) };
    let cells = [
        (http_answer(400, "", known), refused("some_code", true)),
        (http_answer(400, "", no_code), refused("api_error", true)),
        (http_answer(400, "", "<html>"), refused("http-400", true)),
        (http_answer(400, "", personal), refused("http-400", true)),
        (http_answer(424, "", known), refused("some_code", false)),
        (http_answer(404, "", known), refused("some_code", true)),
        (http_answer(401, "", known), refused("some_code", false)),
        (http_answer(403, "", ""), refused("http-403", false)),
        (http_answer(409, "", known), refused("some_code", false)),
        (http_answer(302, "location: http://127.0.0.1:1/\r\n", ""), refused("http-302", false)),
        (http_answer(429, "", known), Failure::RateLimited { retry_after: None }),
        (http_answer(429, "retry-after: 7\r\n", known), asked(7)),
        (http_answer(429, "retry-after: soon\r\n", ""), Failure::RateLimited { retry_after: None }),
        (http_answer(500, "", known), Failure::ServerError { status: 500 }),
        (http_answer(503, "", "<html>"), Failure::ServerError { status: 503 }),
        (http_answer(200, "", "<html>"), silence(Cause::BrokenBody)),
        (http_answer(200, "", "{}"), silence(Cause::BrokenBody)),
        (http_answer(200, "", r#"{"id":"pi_1","currency":"usd"}"#), silence(Cause::BrokenBody)),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"id\"".to_vec(),
            silence(Cause::BrokenBody),
        ),
        (Vec::new(), silence(Cause::Reset)),
        (b"not http at all\r\n\r\n".to_vec(), silence(Cause::Reset)),
    ];
    for (answer, expected) in cells {
        let result = confirmed(&answer).await;
        assert_eq!(result, Err(expected), "{}", String::from_utf8_lossy(&answer));
    }
}

#[tokio::test]
async fn states_of_tomorrow_are_doubt_not_a_guess() {
    let body = r#"{"id":"pi_1","object":"payment_intent","amount":1000,"currency":"usd","status":"resting"}"#;
    assert_eq!(confirmed(&http_answer(200, "", body)).await, Err(silence(Cause::BrokenBody)));
}

#[tokio::test]
async fn an_answer_beyond_a_megabyte_is_not_read() {
    let body = format!("{{\"pad\":\"{}\"}}", "x".repeat(1024 * 1024));
    let answer = http_answer(200, "", &body);
    assert_eq!(confirmed(&answer).await, Err(silence(Cause::BrokenBody)));
}

#[tokio::test]
async fn nobody_there_is_no_connection() {
    let port = crate::world::free_port();
    let psp = Psp::stripe(http(port, "sk_test", PATIENCE));
    let result = psp.read(&PspId::parse("pi_1").unwrap()).await;
    assert_eq!(result, Err(silence(Cause::NoConnection)));
}

#[tokio::test]
async fn declines_that_no_later_try_changes_are_final() {
    let cells = [
        (r#""decline_code":"insufficient_funds""#, "insufficient_funds", false),
        (r#""decline_code":"generic_decline""#, "generic_decline", false),
        (r#""decline_code":"lost_card""#, "lost_card", true),
        (r#""code":"expired_card""#, "expired_card", true),
        (
            r#""decline_code":"generic_decline","advice_code":"do_not_try_again""#,
            "generic_decline",
            true,
        ),
        (r#""decline_code":"lost_card","advice_code":"try_again_later""#, "lost_card", false),
    ];
    for (error, code, is_final) in &cells {
        // An intent that does not say why: then the answer does.
        let intent =
            r#"{"id":"pi_1","amount":1000,"currency":"usd","status":"requires_payment_method"}"#;
        let body = format!(r#"{{"error":{{{error},"payment_intent":{intent}}}}}"#);
        let snapshot = confirmed(&http_answer(402, "", &body)).await.unwrap();
        assert_eq!(snapshot.state, PspState::Declined);
        assert_eq!(snapshot.error.unwrap(), Decline { code: (*code).into(), is_final: *is_final });
    }
    for (error, code, is_final) in cells {
        let intent = format!(
            r#"{{"id":"pi_1","object":"payment_intent","amount":1000,"currency":"usd",
                "status":"requires_payment_method","last_payment_error":{{{error}}}}}"#
        );
        let body = format!(r#"{{"error":{{"type":"card_error","payment_intent":{intent}}}}}"#);
        let snapshot = confirmed(&http_answer(402, "", &body)).await.unwrap();
        let decline = snapshot.error.unwrap();
        assert_eq!((decline.code.as_str(), decline.is_final), (code, is_final), "{error}");
    }
}
