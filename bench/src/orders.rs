//! The load: orders of five steps, each client walking its own orders one after another.
//!
//! [`drive`] is a closed loop: a client sends its next command after the last answer, so it finds the highest rate.
//! [`pace`] is an open loop: commands are due at fixed moments, whatever the answers do. Each is timed from when it was
//! due, so a server that stalls pays for every command that waited.

use crate::client::Client;
use crate::stats::Latencies;
use anyhow::{Context, bail};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use uuid::Uuid;

/// The five steps of an order. After them it is at version 6, since the last step also completes it.
pub const STEPS: [(&str, &str); 5] = [
    ("", ""),
    ("/confirm", "{}"),
    ("/record-payment", r#"{"payment_id":"p-1","amount":"44.48","method":"card"}"#),
    ("/ship", r#"{"shipment_id":"s-1","carrier":"post"}"#),
    ("/deliver", r#"{"shipment_id":"s-1"}"#),
];

/// The version after the last step.
pub const LAST_VERSION: u64 = 6;

/// The outcome of a period of load.
#[derive(Debug, Default)]
pub struct Load {
    /// Commands answered with 2xx.
    pub commands: u64,
    /// Orders walked to their end.
    pub finished: Vec<Uuid>,
    /// From sending a command (closed loop) or from when it was due (open loop) to its answer.
    pub latencies: Latencies,
    /// Seconds from the first command to the last answer.
    pub seconds: f64,
}

impl Load {
    /// Commands answered per second.
    pub fn rate(&self) -> f64 {
        self.commands as f64 / self.seconds
    }

    /// Events that those commands stored.
    pub fn events(&self) -> u64 {
        self.finished.len() as u64 * LAST_VERSION
    }
}

/// The highest position in any answer so far.
pub type Answered = Arc<AtomicU64>;

/// Drives `clients` connections for about `duration`; every client finishes its current order.
///
/// # Errors
/// When a connection breaks or a command is answered with anything but 2xx.
pub async fn drive(host: &str, clients: usize, duration: Duration) -> anyhow::Result<Load> {
    drive_watched(host, clients, duration, &Answered::default()).await
}

/// As [`drive`], and reports the highest answered position meanwhile.
///
/// # Errors
/// When a connection breaks or a command is answered with anything but 2xx.
pub async fn drive_watched(
    host: &str,
    clients: usize,
    duration: Duration,
    answered: &Answered,
) -> anyhow::Result<Load> {
    let begun = Instant::now();
    let until = begun + duration;
    let walks = (0..clients).map(|client| {
        let (host, answered) = (host.to_owned(), Arc::clone(answered));
        async move {
            let mut walker = Walker::new(&host, client, answered).await?;
            while Instant::now() < until {
                for step in 0..STEPS.len() {
                    walker.take(step, Instant::now()).await?;
                }
            }
            Ok(walker.load)
        }
    });
    gather(walks, begun).await
}

/// Sends `rate` commands a second over `clients` connections for about `duration`, evenly spaced.
///
/// # Errors
/// When a connection breaks or a command is answered with anything but 2xx.
pub async fn pace(
    host: &str,
    clients: usize,
    rate: f64,
    duration: Duration,
) -> anyhow::Result<Load> {
    let (senders, due): (Vec<_>, Vec<_>) = (0..clients).map(|_| mpsc::unbounded_channel()).unzip();
    let begun = Instant::now();
    // Each client's commands are a multiple of five, so that every order is finished.
    let each = (rate * duration.as_secs_f64() / (clients * STEPS.len()) as f64).ceil();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a positive count
    let commands = each as usize * STEPS.len() * clients;
    let clock = std::thread::spawn(move || tick(&senders, begun, rate, commands));
    let walks = due.into_iter().enumerate().map(|(client, mut due)| {
        let host = host.to_owned();
        async move {
            let mut walker = Walker::new(&host, client, Answered::default()).await?;
            let mut step = 0;
            while let Some(due) = due.recv().await {
                walker.take(step, due).await?;
                step = (step + 1) % STEPS.len();
            }
            Ok(walker.load)
        }
    });
    let load = gather(walks, begun).await;
    clock.join().map_err(|_| anyhow::anyhow!("the clock's thread panicked"))?;
    load
}

/// Signals the clients in turn that a command is due. Runs on its own thread, because the runtime's timers have a
/// resolution of a millisecond.
fn tick(clients: &[mpsc::UnboundedSender<Instant>], begun: Instant, rate: f64, commands: usize) {
    for index in 0..commands {
        let due = begun + Duration::from_secs_f64(index as f64 / rate);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if clients[index % clients.len()].send(due).is_err() {
            return; // a client gave up and reports why
        }
    }
}

async fn gather(
    walks: impl Iterator<Item = impl Future<Output = anyhow::Result<Load>> + Send + 'static>,
    begun: Instant,
) -> anyhow::Result<Load> {
    let clients: Vec<_> = walks.map(tokio::spawn).collect();
    let mut load = Load::default();
    for client in clients {
        let part = client.await??;
        load.commands += part.commands;
        load.finished.extend(part.finished);
        load.latencies.merge(part.latencies);
    }
    load.seconds = begun.elapsed().as_secs_f64();
    Ok(load)
}

/// One client.
struct Walker {
    connection: Client,
    customer: usize,
    order_id: Uuid,
    answered: Answered,
    load: Load,
}

impl Walker {
    async fn new(host: &str, customer: usize, answered: Answered) -> anyhow::Result<Self> {
        let connection = Client::connect(host).await?;
        let order_id = Uuid::nil();
        Ok(Self { connection, customer, order_id, answered, load: Load::default() })
    }

    /// Takes one step of its order; the first step begins a new order.
    async fn take(&mut self, step: usize, since: Instant) -> anyhow::Result<()> {
        let (path, body) = STEPS.get(step).context("orders have five steps")?;
        let answer = if step == 0 {
            self.order_id = Uuid::now_v7();
            let body = create_body(self.order_id, self.customer);
            self.connection.post("/v1/orders", body.as_bytes()).await?
        } else {
            let path = format!("/v1/orders/{}{path}", self.order_id);
            self.connection.post(&path, body.as_bytes()).await?
        };
        if !(200..300).contains(&answer.status) {
            bail!("step {step} of an order was answered {}", answer.status);
        }
        self.answered.fetch_max(position(answer.body), Ordering::Relaxed);
        self.load.latencies.record(since.elapsed());
        self.load.commands += 1;
        if step + 1 == STEPS.len() {
            self.load.finished.push(self.order_id);
        }
        Ok(())
    }
}

/// The position in an answer; 0 if it has none, as the references' answers do.
fn position(answer: &[u8]) -> u64 {
    const MEMBER: &[u8] = br#""position":"#;
    let Some(at) = answer.windows(MEMBER.len()).position(|window| window == MEMBER) else {
        return 0;
    };
    let digits = answer[at + MEMBER.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |position, digit| position * 10 + u64::from(digit - b'0'))
}

/// The body that places an order of two lines worth 44.48 USD.
pub fn create_body(order_id: Uuid, customer: usize) -> String {
    format!(
        r#"{{"order_id":"{order_id}","customer":{{"id":"c-{customer}","name":"Customer {customer}"}},"currency":"USD","lines":[{{"product_id":"tea","name":"Darjeeling 100 g","quantity":2,"unit_price":"14.50"}},{{"product_id":"pot-{}","name":"Tea pot","quantity":1,"unit_price":"15.48"}}]}}"#,
        customer % 50
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answers_position_is_found_if_there_is_one() {
        assert_eq!(position(br#"{"version":3,"position":1042,"status":"placed"}"#), 1042);
        assert_eq!(position(br#"{"version":1}"#), 0);
    }
}
