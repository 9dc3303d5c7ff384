//! TLS and SASL against a broker that asks for both; secrets appear nowhere.

use crate::support::process::published;
use crate::support::{Log, topic};
use rig::kafka::Broker;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const UNTESTED: &str = "TLS and SASL to Kafka";

/// A relay whose log is read all the while: a full pipe would hold it up.
struct Relay {
    child: Child,
    url: String,
    said: JoinHandle<String>,
}

fn start(log: &Log, broker: &Broker, topic: &str, ca: &str, password_file: &str) -> Relay {
    let mut child = Command::new(env!("CARGO_BIN_EXE_relay"))
        .args(["--event-store", &log.url(), "--kafka", &broker.tls_address().unwrap()])
        .args(["--topic", topic, "--listen", "127.0.0.1:0"])
        .args(["--kafka-security-protocol", "sasl_ssl", "--kafka-sasl-mechanism", "PLAIN"])
        .args(["--kafka-ca", ca, "--kafka-username", "orderlog"])
        .args(["--kafka-password-file", password_file])
        .env("ORDERLOG_LOG", "debug")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let said = std::thread::spawn(move || {
        let mut said = String::new();
        stderr.read_to_string(&mut said).unwrap();
        said
    });
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
    Relay { child, url, said }
}

impl Relay {
    /// Ends it and gives what it said.
    fn end(mut self) -> String {
        rig::process::signal(self.child.id(), rig::process::Signal::Terminate).unwrap();
        self.child.wait().unwrap();
        self.said.join().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_published_over_tls_with_a_password_that_is_never_shown() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let (log, kafka) = (Log::new().await, topic(&broker, "tls"));
    let ca = broker.ca_file().display().to_string();
    let password_file = broker.password_file().display().to_string();
    let relay = start(&log, &broker, &kafka.topic, &ca, &password_file);
    published(&log, &kafka, log.append(100).await).await;
    let said = relay.end();
    let password = std::fs::read_to_string(password_file).unwrap();
    assert!(said.contains("effective settings") && !said.contains(password.trim()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_or_an_unknown_authority_is_reported_and_nothing_is_sent() {
    let Some(broker) = rig::kafka::shared_or_say(UNTESTED) else { return };
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("password");
    std::fs::write(&wrong, "wr0ng-secret").unwrap();
    let right = broker.password_file();
    let broker_ca = broker.ca_file();
    // Any other authority: this machine's own list does not know the broker's.
    let other_ca = "/etc/ssl/certs/ca-certificates.crt";
    for (ca, password, expected) in
        [(broker_ca.to_str().unwrap(), &wrong, "uthentication"), (other_ca, &right, "SSL")]
    {
        let (log, kafka) = (Log::new().await, topic(&broker, "refused"));
        log.append(1).await;
        let relay = start(&log, &broker, &kafka.topic, ca, password.to_str().unwrap());
        let begun = Instant::now();
        let shown = loop {
            let answer = reqwest::get(format!("{}/readyz", relay.url)).await.unwrap();
            let (status, text) = (answer.status(), answer.text().await.unwrap());
            if status == 503 && text.contains("\"part\":\"kafka\"") {
                break text;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "still ready: {text}");
        };
        assert!(shown.contains(expected), "{shown}");
        let said = relay.end();
        assert!(!said.contains("wr0ng-secret") && !shown.contains("wr0ng-secret"));
        let state = log.store.lease(&relay::lease_name(&kafka.topic)).await.unwrap().unwrap();
        assert_eq!(state.checkpoint, 0);
    }
}
