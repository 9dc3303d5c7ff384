//! Clients that walk orders through their lives, with an idempotency key on every command, across restarts.
//!
//! A worker repeats a command with the same key until it is answered, as the contract asks of clients: the command then
//! takes effect once, whatever happened to the first attempt. Or it stops at the first broken connection
//! ([`Unanswered::GiveUp`]): then the log may hold only what it was answered.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::client::{Answer, Client};
use crate::orders;
use rig::rng::Rng;

/// Attempts of one command: many more than the restarts of the longest run.
const MAX_ATTEMPTS: usize = 2_000;
/// How long a worker waits for a new address after a failure, before it tries the same address again.
const RESTART_PATIENCE: Duration = Duration::from_millis(250);
/// How long a number of answers may take: no server under test is this slow.
const PROGRESS_BOUND: Duration = Duration::from_secs(120);

/// What a worker does when a command goes unanswered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// Repeats it, with the same key and body, until it is answered.
    Repeat,
    /// Ends.
    GiveUp,
}

/// A 2xx answer to a client.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The command's order.
    pub order: Uuid,
    /// The text of the note, when the command added one: unique to the command.
    pub mark: Option<String>,
    /// The idempotency key.
    pub key: String,
    /// The answer's bytes.
    pub body: Bytes,
}

impl Accepted {
    /// The answer.
    ///
    /// # Panics
    /// When it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a 2xx is JSON")
    }
}

/// Running clients.
#[derive(Debug)]
pub struct Load {
    workers: JoinSet<()>,
    address: watch::Sender<String>,
    shared: Arc<Shared>,
    count: watch::Receiver<usize>,
}

#[derive(Debug)]
struct Shared {
    stop: CancellationToken,
    accepted: Mutex<Vec<Accepted>>,
    count: watch::Sender<usize>,
    unanswered: Unanswered,
}

impl Load {
    /// Starts this many clients against a server.
    pub fn start(base: &str, clients: usize, unanswered: Unanswered, rng: &mut Rng) -> Self {
        let (address, _) = watch::channel(base.to_owned());
        let (counter, count) = watch::channel(0);
        let shared = Arc::new(Shared {
            stop: CancellationToken::new(),
            accepted: Mutex::default(),
            count: counter,
            unanswered,
        });
        let mut workers = JoinSet::new();
        for number in 0..clients {
            let worker = Worker {
                number,
                sent: 0,
                rng: rng.fork(),
                address: address.subscribe(),
                client: Client::unchecked(base),
                shared: Arc::clone(&shared),
            };
            workers.spawn(worker.run());
        }
        Self { workers, address, shared, count }
    }

    /// Sets the server's new address.
    pub fn moved_to(&self, base: &str) {
        self.address.send_replace(base.to_owned());
    }

    /// The number of 2xx so far.
    pub fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Reports the number of 2xx after each one.
    pub fn answers(&self) -> watch::Receiver<usize> {
        self.count.clone()
    }

    /// Waits for `more` further 2xx.
    ///
    /// # Panics
    /// When they do not come.
    pub async fn progress(&mut self, more: usize) {
        let goal = self.count() + more;
        let reached =
            timeout(PROGRESS_BOUND, self.count.wait_for(|count| *count >= goal)).await.is_ok();
        assert!(reached, "the load stands still at {} of {goal}", self.count());
    }

    /// Lets every client finish its command, and returns every 2xx.
    ///
    /// # Panics
    /// When a client saw a wrong answer.
    pub async fn finish(mut self) -> Vec<Accepted> {
        self.shared.stop.cancel();
        self.join().await
    }

    /// Waits until every client has ended by itself, and returns every 2xx.
    ///
    /// # Panics
    /// When a client saw a wrong answer.
    pub async fn join(&mut self) -> Vec<Accepted> {
        let all = async {
            while let Some(ended) = self.workers.join_next().await {
                ended.expect("a worker saw what it must not see");
            }
        };
        timeout(PROGRESS_BOUND, all).await.expect("the clients end");
        std::mem::take(&mut *self.shared.accepted.lock().expect("nothing panics under this lock"))
    }
}

struct Worker {
    number: usize,
    sent: usize,
    rng: Rng,
    address: watch::Receiver<String>,
    client: Client,
    shared: Arc<Shared>,
}

impl Worker {
    async fn run(mut self) {
        while !self.shared.stop.is_cancelled() {
            if self.one_order().await.is_none() {
                return;
            }
        }
    }

    /// An order's whole life; `None` when the worker must end.
    async fn one_order(&mut self) -> Option<()> {
        let order = self.rng.uuid();
        let customer = format!("customer-{}", self.rng.below(20));
        self.tell(order, None, "/v1/orders".to_owned(), orders::placed(order, &customer)).await?;
        for step in 0..6 {
            let mark = format!("worker {} order {order} step {step}", self.number);
            let (name, body, mark) = match step {
                1 => ("confirm", json!({}), None),
                2 => {
                    let body = json!({"payment_id": "pay-1", "amount": orders::PLACED_TOTAL});
                    ("record-payment", body, None)
                }
                3 => ("ship", json!({"shipment_id": "ship-1"}), None),
                5 => ("deliver", json!({"shipment_id": "ship-1"}), None),
                _ => ("add-note", json!({"text": mark}), Some(mark)),
            };
            self.tell(order, mark, orders::path(order, name), body).await?;
            if self.shared.stop.is_cancelled() {
                return None;
            }
        }
        Some(())
    }

    /// Sends one command until it is answered.
    async fn tell(
        &mut self,
        order: Uuid,
        mark: Option<String>,
        path: String,
        body: Value,
    ) -> Option<()> {
        self.sent += 1;
        let key = format!("worker-{}-{}-{}", self.number, order.simple(), self.sent);
        let body = Bytes::from(body.to_string());
        for _ in 0..MAX_ATTEMPTS {
            let headers = [("Idempotency-Key", key.as_str())];
            let answer = self.client.send(Method::POST, &path, &headers, Some(body.clone())).await;
            match answer {
                Ok(answer) if answer.status == 200 || answer.status == 201 => {
                    self.shared.note(Accepted { order, mark, key, body: answer.body });
                    return Some(());
                }
                Ok(answer) => must_be_retried(&answer),
                Err(_) => {}
            }
            if self.shared.unanswered == Unanswered::GiveUp {
                return None;
            }
            self.wait_for_a_server().await;
        }
        panic!("{path} was not answered in {MAX_ATTEMPTS} attempts");
    }

    async fn wait_for_a_server(&mut self) {
        // Without a new address, the old one is tried again.
        let _ = timeout(RESTART_PATIENCE, self.address.changed()).await;
        let base = self.address.borrow_and_update().clone();
        if base != self.client.base() {
            self.client = Client::unchecked(&base);
        }
    }
}

impl Shared {
    fn note(&self, accepted: Accepted) {
        self.accepted.lock().expect("nothing panics under this lock").push(accepted);
        self.count.send_modify(|count| *count += 1);
    }
}

/// The only refusals in this load are those that ask for a retry.
fn must_be_retried(answer: &Answer) {
    let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
    assert!(
        answer.status == 503 || code == "request-in-progress",
        "{}: {} {}",
        answer.asked,
        answer.status,
        answer.text()
    );
}
