//! A caller that asks for ten times its share slows down the others by a tenth at most.
//!
//! `ORDERLOG_FAIRNESS=full` measures long enough to see a tenth (`make fairness`); otherwise it is a factor of two, because
//! other tests run on the same machine.

#![allow(clippy::unwrap_used, missing_docs)]

use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use system_tests::auth::{self, AUDIENCE, ISSUER, token};
use system_tests::client::Client;
use system_tests::orders::{line, new_id, path};
use system_tests::server::{Launch, Server};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep_until};
use uuid::Uuid;

/// Commands a second that each caller may send.
const SHARE: u32 = 50;
/// How many times its share the greedy caller sends.
const GREED: u32 = 10;
/// Callers that keep to their share, and the pause between two commands of one.
const OTHERS: usize = 10;
const PAUSE: Duration = Duration::from_millis(50);
/// Below this, a factor of two is noise of the machine.
const FLOOR: Duration = Duration::from_millis(10);

/// How often the greedy caller comes and goes, how long each of the two takes, and how much slower others may be.
struct Run {
    rounds: usize,
    period: Duration,
    slower: f64,
}

fn run() -> Run {
    if std::env::var("ORDERLOG_FAIRNESS").is_ok_and(|value| value == "full") {
        Run { rounds: 15, period: Duration::from_secs(4), slower: 1.1 }
    } else {
        Run { rounds: 2, period: Duration::from_secs(2), slower: 2.0 }
    }
}

async fn serve(data: &TempDir) -> Server {
    Launch::orderlog(data.path())
        .args(["--auth", "hs256", "--auth-issuer", ISSUER, "--auth-audience", AUDIENCE])
        .args(["--auth-secret-file".as_ref(), auth::secret_file().as_os_str()])
        // All of them come from one network here.
        .args(["--rate-limit", &format!("commands={SHARE},networks=0")])
        .serve()
        .await
}

/// A caller with an order to write notes on.
#[derive(Clone)]
struct Caller {
    client: Client,
    order: Uuid,
}

impl Caller {
    async fn new(server: &Server, name: &str) -> Self {
        let customer = format!("c-{name}");
        let client = Client::unchecked(server.base());
        let client = client.bearing(&token(name, &["customer"], Some(&customer)));
        let order = new_id();
        let body = json!({"order_id": order, "customer": {"id": customer}, "currency": "EUR",
            "lines": [line("tea", 1, "1.00")]});
        client.post("/v1/orders", &body).await.expect(201);
        Self { client, order }
    }

    async fn note(&self) -> u16 {
        self.client.post(&path(self.order, "add-note"), &json!({"text": "n"})).await.status
    }

    /// Sends commands at their moments until the end; returns how long each took, from the moment when it was due.
    async fn work(self, until: Instant) -> Vec<Duration> {
        let mut times = Vec::new();
        let mut due = interval(PAUSE);
        loop {
            let began = due.tick().await;
            if began >= until {
                return times;
            }
            assert_eq!(self.note().await, 200, "within its share");
            times.push(began.elapsed());
        }
    }

    /// Sends ten times its share until the end; returns how many commands were accepted, and how many were refused.
    async fn demand(self, until: Instant) -> (u32, u32) {
        let (mut due, mut sent) =
            (interval(Duration::from_secs(1) / (SHARE * GREED)), JoinSet::new());
        let this = Arc::new(self);
        while due.tick().await < until {
            let this = Arc::clone(&this);
            sent.spawn(async move { this.note().await });
        }
        let (mut accepted, mut refused) = (0, 0);
        for status in sent.join_all().await {
            match status {
                200 => accepted += 1,
                429 => refused += 1,
                other => panic!("{other}"),
            }
        }
        (accepted, refused)
    }
}

fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap());
    values[values.len() / 2]
}

/// The median time of the others' commands during a period.
async fn period(others: &[Caller], until: Instant) -> Duration {
    let working: JoinSet<Vec<Duration>> =
        others.iter().map(|caller| caller.clone().work(until)).collect();
    median(working.join_all().await.concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_greedy_caller_slows_down_nobody_else() {
    let Run { rounds, period: length, slower } = run();
    let data = TempDir::new().unwrap();
    let server = serve(&data).await;
    let greedy = Caller::new(&server, "greedy").await;
    let mut others = Vec::new();
    for number in 0..OTHERS {
        others.push(Caller::new(&server, &format!("other-{number}")).await);
    }
    // The first period warms everything up.
    period(&others, Instant::now() + length).await;
    let (mut alone, mut beside, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..rounds {
        let without = period(&others, Instant::now() + length).await;
        let until = Instant::now() + length;
        let demanding = tokio::spawn(greedy.clone().demand(until));
        let with = period(&others, until).await;
        let (more_accepted, more_refused) = demanding.await.unwrap();
        accepted += more_accepted;
        refused += more_refused;
        ratios.push(with.as_secs_f64() / without.as_secs_f64());
        alone.push(without);
        beside.push(with);
        // Its bucket is full again.
        sleep_until(Instant::now() + Duration::from_secs(1)).await;
    }
    server.stop().await;
    let (alone, beside, ratio) = (median(alone), median(beside), median(ratios));
    println!(
        "others alone {alone:?}, beside a caller at {GREED} times its share {beside:?}: {ratio:.3}; \
         of its commands {accepted} were accepted and {refused} refused"
    );
    let seconds = u32::try_from((length * u32::try_from(rounds).unwrap()).as_secs()).unwrap();
    let most = SHARE * (seconds + u32::try_from(rounds).unwrap() * 2);
    assert!(accepted <= most && refused > 3 * accepted, "{accepted} of at most {most}, {refused}");
    assert!(ratio <= slower || beside < FLOOR && slower >= 2.0, "{ratio}");
}
