//! Reads: one order, a list of fifty (one page for all clients, then another for each), an order of twenty events as of
//! a time. They alternate with 1 KB from memory and 1 KB by key over the same HTTP stack.

use crate::audit;
use crate::client::Client;
use crate::options::Options;
use crate::program::{Backend, System, database};
use crate::reference::{ROWS, Reference};
use crate::report::{CaseReport, Figure, Goal};
use anyhow::{Context, ensure};
use serde::Deserialize;
use std::sync::Arc;
use std::time::{Duration, Instant};

const CLIENTS: usize = 64;
/// The number of orders that are read in turn.
const READ_ORDERS: usize = 2_000;
/// The number of orders with a long history.
const LONG_ORDERS: u64 = 100;
/// Events of each: one that places the order, the rest notes.
const LONG_EVENTS: u64 = 20;
/// The events that [`long_orders`] adds.
pub(super) const LONG_ORDERS_ADD: u64 = LONG_ORDERS * (LONG_EVENTS - 1);

/// Paths that many clients read.
pub(super) type Paths = Arc<[String]>;

#[derive(Deserialize)]
struct Order {
    updated_at: String,
    version: u64,
}

pub(super) async fn run(options: &Options, report: &mut CaseReport) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let url = match options.backend {
        Backend::Sqlite => {
            format!("sqlite://{}?mode=rwc", folder.path().join("keyed.db").display())
        }
        Backend::Postgres | Backend::Kafka => database().await?,
    };
    let reference = Reference::start(Some(&url)).await?;
    let data = super::seed::orders(options.backend, options.events).await?;
    let system = System::start_on(data).await?;
    audit::caught_up_at_last(&system.views, options.events).await?;
    let histories = long_orders(&system, options.events).await?;
    let kinds = [
        ("1 KB from memory", &reference.host, numbered("memory")),
        ("1 KB by key (axum, sqlx)", &reference.host, numbered("keyed")),
        ("GET one order", &system.views, some_orders(options.events)),
        ("GET a list of 50 orders", &system.views, lists()),
        ("GET a list of 50 orders, each client another", &system.views, pages()),
        ("GET an order of 20 events as of then", &system.views, histories),
    ];
    let mut runs = kinds.each_ref().map(|_| Vec::new());
    let kinds = kinds.map(|(name, host, paths)| (name, host, Paths::from(paths)));
    for _ in 0..options.runs {
        for ((_, host, paths), rates) in kinds.iter().zip(&mut runs) {
            rates.push(read(host, paths, options.duration()).await?);
        }
    }
    let goals = match options.backend {
        Backend::Sqlite => [Some(0.5), Some(0.15), None, Some(0.35)],
        Backend::Postgres | Backend::Kafka => [None; 4],
    };
    let by_key = (options.backend != Backend::Sqlite).then_some(Goal::AtLeast(1.2));
    let [memory, keyed, ..] = &runs;
    report.add(Figure::new(kinds[0].0, "requests/s", memory));
    report.add(Figure::new(kinds[1].0, "requests/s", keyed).compared_with("memory", memory, None));
    for (index, goal) in goals.into_iter().enumerate() {
        let figure = Figure::new(kinds[index + 2].0, "requests/s", &runs[index + 2]);
        let figure = figure.compared_with("memory", memory, goal.map(Goal::AtLeast));
        report.add(if index == 0 { figure.compared_with("by key", keyed, by_key) } else { figure });
    }
    Ok(())
}

fn numbered(table: &str) -> Vec<String> {
    let step = 7; // spreads over the table without repeating
    (0..READ_ORDERS).map(|index| format!("/{table}/{}", index * step % ROWS as usize)).collect()
}

/// Orders spread over the seeded ones.
pub(super) fn some_orders(stored: u64) -> Vec<String> {
    let stored = stored.max(1);
    let picked = (0..READ_ORDERS as u64).map(|index| index.wrapping_mul(2_654_435_761) % stored);
    picked.map(|number| format!("/v1/orders/{}", super::seed::order_id(number, stored))).collect()
}

/// The newest orders.
pub(super) fn lists() -> Vec<String> {
    vec!["/v1/orders?limit=50".to_owned()]
}

/// A different page for each client: orders placed before different days.
fn pages() -> Vec<String> {
    let days = (1..=4).flat_map(|month| (1..=28).map(move |day| (month, day)));
    days.map(|(month, day)| format!("/v1/orders?limit=50&placed_to=2024-{month:02}-{day:02}"))
        .collect()
}

/// Gives some of the seeded orders a history, and returns the path of each as of its last event.
pub(super) async fn long_orders(system: &System, stored: u64) -> anyhow::Result<Vec<String>> {
    let mut writing = Client::connect(&system.commands).await?;
    let mut reading = Client::connect(&system.views).await?;
    let mut paths = Vec::new();
    let mut position = stored;
    for number in 0..LONG_ORDERS {
        let path = format!("/v1/orders/{}", super::seed::order_id(number, stored));
        for _ in 1..LONG_EVENTS {
            let note = br#"{"text":"called the customer"}"#;
            let status = writing.post(&format!("{path}/add-note"), note).await?.status;
            ensure!(status == 200, "a note was answered {status}");
        }
        position += LONG_EVENTS - 1;
        let token = format!("Consistency-Token: {position}");
        let answer = reading.get(&path, &token).await?;
        let order: Order = serde_json::from_slice(answer.body).context("an order")?;
        ensure!(order.version == LONG_EVENTS, "{path} stands at {}", order.version);
        paths.push(format!("{path}?as_of={}", order.updated_at));
    }
    Ok(paths)
}

/// The rate at which the clients read these paths, each starting at another one.
pub(super) async fn read(host: &str, paths: &Paths, time: Duration) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let until = begun + time;
    let readers: Vec<_> = (0..CLIENTS)
        .map(|client| (host.to_owned(), Arc::clone(paths), client * paths.len() / CLIENTS))
        .map(|(host, paths, first)| {
            tokio::spawn(async move {
                let mut client = Client::connect(&host).await?;
                let mut answers = 0_u64;
                for path in paths.iter().cycle().skip(first) {
                    if Instant::now() >= until {
                        break;
                    }
                    let answer = client.get(path, "").await?;
                    ensure!(answer.status == 200, "{path} was answered {}", answer.status);
                    ensure!(answer.body.len() > 500, "{path} was answered almost nothing");
                    answers += 1;
                }
                Ok(answers)
            })
        })
        .collect();
    let mut answers = 0;
    for reader in readers {
        answers += reader.await??;
    }
    Ok(answers as f64 / begun.elapsed().as_secs_f64())
}
