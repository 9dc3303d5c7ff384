//! The known attacks on tokens, over HTTP: each is answered with the same 401, and the log has nothing of it.
//!
//! [`issuer`] has the keys and signs anything. [`attacks`] and [`wrong_claims`] are the table.

#![allow(clippy::unwrap_used, missing_docs)]

mod attacks;
mod issuer;
mod wrong_claims;

use issuer::{Issuer, claims, claims_with, header, header_with, now};
use serde_json::json;
use std::collections::BTreeSet;
use system_tests::auth::{self, AUDIENCE, ISSUER};
use system_tests::program::Program;
use system_tests::raw::{RawAnswer, read_answer};
use system_tests::server::{Launch, Server};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// The subject of every token here: found in a log, it gives itself away.
pub const SUBJECT: &str = "mallory-of-the-tokens";

struct Target {
    _data: TempDir,
    issuer: Issuer,
    server: Server,
}

impl Target {
    /// A server that takes tokens of every algorithm, and API keys, and logs everything.
    async fn start() -> Self {
        let data = TempDir::new().unwrap();
        let issuer = Issuer::new();
        let keys = data.path().join("keys.json");
        std::fs::write(&keys, issuer.key_set().to_string()).unwrap();
        let made = Launch::new(Program::Orderlog).args(["keys", "list", "--data-dir"]);
        assert!(made.args([data.path()]).run().await.status.success());
        let server = Launch::orderlog(data.path())
            .args([
                "--auth",
                "jwks,hs256,keys",
                "--auth-issuer",
                ISSUER,
                "--auth-audience",
                AUDIENCE,
            ])
            .args(["--auth-jwks".as_ref(), keys.as_os_str()])
            .args(["--auth-secret-file".as_ref(), auth::secret_file().as_os_str()])
            .env("ORDERLOG_LOG", "debug")
            .serve()
            .await;
        Self { _data: data, issuer, server }
    }

    /// The answer to a request with these header fields, as they are.
    async fn answer(&self, fields: &str) -> RawAnswer {
        self.answer_at("GET /v1/orders", fields).await
    }

    async fn answer_at(&self, line: &str, fields: &str) -> RawAnswer {
        let mut stream = TcpStream::connect(self.server.host()).await.unwrap();
        let request = format!("{line} HTTP/1.1\r\nHost: orders\r\n{fields}\r\n");
        // A server that refuses early has closed.
        let _ = stream.write_all(request.as_bytes()).await;
        read_answer(&mut stream).await
    }

    async fn bearing(&self, token: &str) -> RawAnswer {
        self.answer(&format!("Authorization: Bearer {token}\r\n")).await
    }
}

/// An answer without what differs between any two.
fn masked(answer: &RawAnswer) -> String {
    let fields = answer.head.lines().filter_map(|line| line.split_once(": "));
    let id = fields.clone().find(|(name, _)| *name == "x-correlation-id").map(|(_, id)| id);
    let kept = fields.filter(|(name, _)| *name != "date");
    let head: Vec<String> = kept.map(|(name, value)| format!("{name}: {value}")).collect();
    let whole = format!("{}\n{}\n\n{}", answer.status, head.join("\n"), answer.body);
    whole.replace(id.expect("every answer is correlated"), "ID")
}

#[tokio::test]
async fn every_attack_is_answered_with_the_same_401_and_the_log_says_nothing_of_it() {
    let target = Target::start().await;
    let expected = masked(&target.bearing("x").await);
    assert!(expected.starts_with("401\n"), "{expected}");
    assert!(expected.contains("www-authenticate: Bearer error=\"invalid_token\""), "{expected}");
    let table = attacks::all(&target.issuer);
    let names: BTreeSet<&str> = table.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.len(), table.len(), "two attacks have one name");
    let mut others = Vec::new();
    for (name, token) in &table {
        let answer = masked(&target.bearing(token).await);
        if answer != expected {
            others.push(format!("{name}: {answer}"));
        }
    }
    assert!(others.is_empty(), "{} of {}:\n{}", others.len(), table.len(), others.join("\n\n"));
    println!("{} attacks, one answer", table.len());

    let log = target.server.log().text();
    assert!(log.contains("a token was refused"), "it logs at debug");
    assert!(!log.contains(SUBJECT), "a subject is in the log");
    for (name, token) in &table {
        let parts = token.split(['.', ' ', ',']).filter(|part| part.len() >= 12);
        for part in parts.map(|part| &part[..part.len().min(40)]) {
            assert!(!log.contains(part), "{name}: {part} is in the log");
        }
    }
    assert!(!log.contains("panicked"), "{log}");
    target.server.stop().await;
}

/// The table proves nothing if the server refuses everything.
#[tokio::test]
async fn good_tokens_are_taken() {
    let target = Target::start().await;
    let issuer = &target.issuer;
    let later = now() as f64 + 600.75;
    let mut good = vec![
        ("two audiences", issuer.ed(&header(), &claims_with("aud", json!(["other", AUDIENCE])))),
        ("one audience in a list", issuer.ed(&header(), &claims_with("aud", json!([AUDIENCE])))),
        ("exp with a fraction", issuer.ed(&header(), &claims_with("exp", json!(later)))),
        ("within the leeway", issuer.ed(&header(), &claims_with("exp", json!(now() - 20)))),
        ("nbf within the leeway", issuer.ed(&header(), &claims_with("nbf", json!(now() + 20)))),
        ("iat", issuer.ed(&header(), &claims_with("iat", json!(now() as f64 - 0.5)))),
        ("a key elsewhere", issuer.ed(&header_with("jku", json!("https://a.example")), &claims())),
        ("no key id", issuer.ed(&json!({"alg": "EdDSA"}), &claims())),
        ("the secret", auth::token(SUBJECT, &["admin"], None)),
    ];
    for (alg, kid) in [("RS256", "rsa"), ("ES256", "ec"), ("EdDSA", "ed")] {
        let header = json!({"alg": alg, "kid": kid, "typ": "at+jwt"}).to_string();
        good.push((alg, issuer.token(alg, &header, &claims().to_string())));
    }
    for (name, token) in &good {
        let answer = target.bearing(token).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        let lower = target.answer(&format!("authorization: bearer {token}\r\n")).await;
        assert_eq!(lower.status, 200, "{name}: {}", lower.body);
    }
    target.server.stop().await;
}

/// A name that only looks like a role is none: the caller is known, and may nothing.
#[tokio::test]
async fn names_that_look_like_roles_are_none() {
    let target = Target::start().await;
    for role in [
        "\u{430}dmin",
        "adm\u{456}n",
        "Admin",
        "ADMIN",
        " admin",
        "admin ",
        "admin\0",
        "\u{ff41}dmin",
        "admin,staff",
        "admin staff",
        "a\u{200b}dmin",
        "*",
        "root",
        "",
    ] {
        for claims in
            [claims_with("roles", json!([role])), claims_with("roles", json!([role, role]))]
        {
            let answer = target.bearing(&target.issuer.ed(&header(), &claims)).await;
            assert_eq!(
                (answer.status, answer.code().as_deref()),
                (403, Some("forbidden")),
                "{role:?}"
            );
        }
    }
    target.server.stop().await;
}

#[tokio::test]
async fn a_good_token_in_the_wrong_place_is_none() {
    let target = Target::start().await;
    let good = target.issuer.ed(&header(), &claims());
    let none = masked(&target.answer("").await);
    assert!(none.starts_with("401\n") && none.contains("www-authenticate: Bearer\n"), "{none}");
    for fields in [
        format!("Cookie: access_token={good}; Authorization={good}\r\n"),
        format!("Proxy-Authorization: Bearer {good}\r\n"),
        format!("X-Authorization: Bearer {good}\r\n"),
        format!("X-Forwarded-Access-Token: {good}\r\n"),
        format!("X-Forwarded-User: {SUBJECT}\r\nX-Remote-User: admin\r\n"),
    ] {
        assert_eq!(masked(&target.answer(&fields).await), none, "{fields}");
    }
    let line = format!("GET /v1/orders?access_token={good}");
    assert_eq!(target.answer_at(&line, "").await.status, 401);
    let refused = masked(&target.bearing("x").await);
    for fields in [
        format!("Authorization: {good}\r\n"),
        format!("Authorization: Basic {good}\r\n"),
        format!("Authorization: Token {good}\r\n"),
        format!("Authorization: DPoP {good}\r\n"),
        format!("Authorization: Bearer{good}\r\n"),
        format!("Authorization: Bearer  {good}\r\n"),
        format!("Authorization: Bearer {good}\r\nAuthorization: Bearer {good}\r\n"),
        format!("Authorization: Bearer x\r\nAuthorization: Bearer {good}\r\n"),
    ] {
        assert_eq!(masked(&target.answer(&fields).await), refused, "{fields}");
    }
    assert!(!target.server.log().text().contains(&good[..40]), "the token is in the log");
    target.server.stop().await;
}

/// A head of more than 60 KiB is refused before anybody reads a token in it.
#[tokio::test]
async fn a_token_of_a_megabyte_is_refused_unread() {
    let target = Target::start().await;
    let good = target.issuer.ed(&header(), &claims());
    for token in [format!("{good}{}", "A".repeat(1 << 20)), "A".repeat(1 << 20)] {
        let answer = target.bearing(&token).await;
        assert_eq!((answer.status, answer.code().as_deref()), (431, Some("headers-too-large")));
    }
    assert_eq!(target.bearing(&good).await.status, 200);
    assert!(!target.server.log().text().contains("AAAAAAAAAAAAAAAA"));
    target.server.stop().await;
}
