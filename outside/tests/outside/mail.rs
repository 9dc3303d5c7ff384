//! Mail: on which side of the handing over each failure is, and that a real server takes the message.

use crate::doubles::{start_or_say, start_with_or_say};
use crate::world::START;
use outside::mail::{BadSettings, Letter, MailFailure, Smtp, SmtpSettings, Tls};
use outside::{Cause, Secret};
use sandbox::Shared;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::time::Duration;
use tokio::net::TcpListener;

fn settings(port: u16) -> SmtpSettings {
    SmtpSettings {
        host: "127.0.0.1".to_owned(),
        port,
        tls: Tls::None,
        trusted_pem: None,
        account: None,
        from: "Shop <shop@example.com>".to_owned(),
        patience: Duration::from_millis(400),
        patience_with_message: Duration::from_millis(400),
    }
}

fn letter() -> Letter {
    Letter {
        message_id: "<n-1@example.com>".to_owned(),
        to: Secret::new("ada@example.com"),
        subject: Secret::new("Ihre Bestellung für März"),
        text: Secret::new("Grüße\r\n.\r\nA line with a point alone stands above.\r\n"),
    }
}

async fn server(rules: Value) -> (Shared, u16) {
    let shared = Shared::new(START);
    let plan = serde_json::from_value(json!({ "rules": rules })).unwrap();
    shared.lock().follow(plan).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(sandbox::shell::receive(listener, shared.clone()));
    (shared, port)
}

#[tokio::test]
async fn every_failure_is_on_its_side_of_the_handing_over() {
    let refused = |code, is_final| Err(MailFailure::Refused { code, is_final });
    let before = |cause| Err(MailFailure::BeforeData { cause });
    let after = |cause| Err(MailFailure::AfterData { cause });
    // fault, what the sender learns, whether the server took the message over
    let cells = [
        (json!({ "kind": "delay", "ms": 10 }), Ok(()), 1),
        (json!({ "kind": "decline" }), refused(550, true), 0),
        (json!({ "kind": "too_many" }), refused(450, false), 0),
        (json!({ "kind": "silence_before" }), before(Cause::Timeout), 0),
        (json!({ "kind": "silence_after" }), after(Cause::Timeout), 1),
        (json!({ "kind": "reset" }), after(Cause::BrokenBody), 0),
        (json!({ "kind": "reset", "performed": true }), after(Cause::BrokenBody), 1),
        (json!({ "kind": "server_error" }), refused(451, false), 0),
    ];
    for (fault, expected, taken) in cells {
        let (shared, port) = server(json!([{ "call": "mail", "fault": fault }])).await;
        let result = Smtp::new(settings(port)).unwrap().send(&letter()).await;
        assert_eq!(result, expected, "{fault}");
        assert_eq!(shared.lock().mails().len(), taken, "{fault}");
    }
}

#[tokio::test]
async fn the_message_has_the_callers_id_and_one_recipient() {
    let (shared, port) = server(json!([])).await;
    Smtp::new(settings(port)).unwrap().send(&letter()).await.unwrap();
    let mails = shared.lock().mails().to_vec();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].message_id, "<n-1@example.com>");
    assert_eq!(mails[0].to, ["ada@example.com"]);
}

#[tokio::test]
async fn nobody_there_and_nobody_speaking_are_before_the_handing_over() {
    let port = crate::world::free_port();
    let nobody = Smtp::new(settings(port)).unwrap().send(&letter()).await;
    assert_eq!(nobody, Err(MailFailure::BeforeData { cause: Cause::NoConnection }));
    // Takes connections and never greets.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = mute.local_addr().unwrap().port();
    let result = Smtp::new(settings(port)).unwrap().send(&letter()).await;
    assert_eq!(result, Err(MailFailure::BeforeData { cause: Cause::Timeout }));
}

#[tokio::test]
async fn a_server_without_tls_gets_nothing_that_should_be_secured() {
    let (shared, port) = server(json!([])).await;
    let secured = SmtpSettings { tls: Tls::StartTls, ..settings(port) };
    let result = Smtp::new(secured).unwrap().send(&letter()).await;
    assert_eq!(result, Err(MailFailure::Refused { code: 0, is_final: false }));
    assert!(shared.lock().mails().is_empty());
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_before_it_is_tried() {
    let (shared, port) = server(json!([])).await;
    let nowhere = Letter { to: Secret::new("not an address"), ..letter() };
    let result = Smtp::new(settings(port)).unwrap().send(&nowhere).await;
    assert_eq!(result, Err(MailFailure::Refused { code: 0, is_final: true }));
    assert!(shared.lock().counts().is_empty());
    let nobody = SmtpSettings { from: "nobody".to_owned(), ..settings(port) };
    assert!(matches!(Smtp::new(nobody), Err(BadSettings::Sender)));
    let bad =
        SmtpSettings { tls: Tls::Implicit, trusted_pem: Some(b"no".to_vec()), ..settings(port) };
    assert!(matches!(Smtp::new(bad), Err(BadSettings::Tls)));
}

#[tokio::test]
async fn tls_is_spoken_with_a_server_that_is_trusted() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    for (tls, options) in [
        (Tls::StartTls, ["--tlscert", certificate, "--tlskey", key]),
        (Tls::Implicit, ["--smtpscert", certificate, "--smtpskey", key]),
    ] {
        let untested = "mail over TLS";
        let Some(double) = start_with_or_say("aiosmtpd", &options, untested).await else { return };
        let patience = Duration::from_secs(20);
        let stranger = SmtpSettings {
            host: "localhost".to_owned(),
            tls,
            patience,
            patience_with_message: patience,
            ..settings(double.port)
        };
        let result = Smtp::new(stranger.clone()).unwrap().send(&letter()).await;
        assert!(matches!(result, Err(MailFailure::BeforeData { .. })), "{tls:?}: {result:?}");
        let pem = Some(made.cert.pem().into_bytes());
        let trusted = SmtpSettings { trusted_pem: pem, ..stranger };
        assert_eq!(Smtp::new(trusted).unwrap().send(&letter()).await, Ok(()), "{tls:?}");
    }
}

#[tokio::test]
async fn a_real_server_takes_the_message() {
    let Some(mut double) = start_or_say("aiosmtpd", "mail to a server of others").await else {
        return;
    };
    let patience = Duration::from_secs(20);
    let patient =
        SmtpSettings { patience, patience_with_message: patience, ..settings(double.port) };
    Smtp::new(patient).unwrap().send(&letter()).await.unwrap();
    let output = double.child.stdout.take().unwrap();
    let shown = tokio::task::spawn_blocking(move || {
        let lines = BufReader::new(output).lines().map_while(Result::ok);
        lines.take_while(|line| !line.contains("END MESSAGE")).collect::<Vec<_>>()
    });
    let shown = tokio::time::timeout(patience, shown).await.unwrap().unwrap();
    let has = |text: &str| shown.iter().any(|line| line.contains(text));
    assert!(has("Message-ID: <n-1@example.com>"), "{shown:?}");
    assert!(has("To: ada@example.com"), "{shown:?}");
}
