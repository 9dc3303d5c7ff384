//! How many commands per second one, two and three aggregate types get through one log, without HTTP:
//! `cargo run --release --example aggregate_types -p command-service -- [SECONDS [ROUNDS [CLIENTS]]]`.
//!
//! Clients send five commands to one stream after another, each when the one before is answered; the first of them
//! begins the stream and has an idempotency key. The types take turns with all clients, so that a noisy moment falls on
//! each; every run has a log of its own. The last figure is the median of the rounds' ratios to one type. On SQLite,
//! then on a private PostgreSQL server, if one is installed here.

use command_service::pipeline::{
    Commanded, Effect, Key, Pipeline, PipelineLimits, Request, Retention, Settles, Target,
};
use domain::{Aggregate, DecodeError, EncodedEvent, Timestamp};
use event_store::{Access, EventStore, Metadata};
use rig::log::Log;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use uuid::Uuid;

const TYPES: [&str; 3] = ["order", "payment", "shipment"];
const COMMANDS: usize = 5;

/// A stream of notes, under one of the stream types.
struct Notes<const TYPE: usize>;

/// The command that adds a note.
#[derive(Clone)]
struct Add;

impl<const TYPE: usize> Aggregate for Notes<TYPE> {
    const STREAM_TYPE: &'static str = TYPES[TYPE];
    const SNAPSHOT_VERSION: u16 = 1;
    type State = u64;
    type Command = Add;
    type Event = Add;
    type Rejection = ();

    fn decide(_: &u64, _: &Add) -> Result<Vec<Add>, ()> {
        Ok(vec![Add])
    }

    fn evolve(notes: u64, _: &Add, _: Timestamp) -> u64 {
        notes + 1
    }

    fn encode(_: &Add) -> EncodedEvent {
        let payload = format!(r#"{{"note":"{}"}}"#, "left at the door of the house ".repeat(9));
        EncodedEvent { event_type: "NoteAdded", schema_version: 1, payload: payload.into_bytes() }
    }

    fn decode(_: &str, _: u16, _: &[u8]) -> Result<Add, DecodeError> {
        Ok(Add)
    }
}

impl<const TYPE: usize> Commanded for Notes<TYPE> {
    fn status(_: &u64) -> &'static str {
        "noted"
    }
    fn keep((): &()) -> Value {
        Value::Null
    }
    fn settles((): &()) -> Settles {
        Settles::Nothing
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let mut numbers = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let mut number = |default| numbers.next().unwrap_or(Ok(default));
    let (seconds, rounds, clients) = (number(3)?, number(5)?, number(64)?);
    let length = Duration::from_secs(seconds as u64);
    for backend in ["SQLite", "PostgreSQL"] {
        let mut rates = [const { Vec::new() }; TYPES.len()];
        for _ in 0..rounds {
            for (types, rates) in (1..).zip(&mut rates) {
                let log = match backend {
                    "SQLite" => Log::sqlite(),
                    _ => match Log::postgres("aggregate types on PostgreSQL").await {
                        Some(log) => log,
                        None => return Ok(()),
                    },
                };
                rates.push(run(&log, types, clients, length).await?);
            }
        }
        let one = rates[0].clone();
        for (types, mut rates) in (1..).zip(rates) {
            let mut ratios: Vec<f64> =
                rates.iter().zip(&one).map(|(rate, one)| rate / one).collect();
            let (rate, ratio) = (median(&mut rates), median(&mut ratios));
            println!(
                "{backend}: {clients} clients, {types} types: {rate:8.0}/s, {ratio:.3} of one type"
            );
        }
    }
    Ok(())
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// The rate in commands per second.
async fn run(log: &Log, types: usize, clients: usize, length: Duration) -> anyhow::Result<f64> {
    let store = EventStore::open(&log.url(), Access::ReadWrite).await?;
    let started = Instant::now();
    let mut working = JoinSet::new();
    if types > 0 {
        spawn::<0>(&store, clients.div_ceil(types), length, &mut working);
    }
    if types > 1 {
        spawn::<1>(&store, clients.div_ceil(types), length, &mut working);
    }
    if types > 2 {
        spawn::<2>(&store, clients - 2 * clients.div_ceil(types), length, &mut working);
    }
    let commands: u64 = working.join_all().await.into_iter().sum();
    let rate = commands as f64 / started.elapsed().as_secs_f64();
    assert_eq!(store.head().await?.position, commands, "every answered command is stored");
    store.close().await;
    Ok(rate)
}

/// The clients of one type, with its pipeline.
fn spawn<const TYPE: usize>(
    store: &EventStore,
    clients: usize,
    length: Duration,
    working: &mut JoinSet<u64>,
) {
    let clock = Arc::new(server::clock::now);
    let pipeline = Pipeline::spawn(store.clone(), clock, PipelineLimits::default());
    for _ in 0..clients {
        working.spawn(client::<TYPE>(pipeline.clone(), Instant::now() + length));
    }
}

/// Sends until `end`; returns how many commands were answered.
async fn client<const TYPE: usize>(pipeline: Pipeline<Notes<TYPE>>, end: Instant) -> u64 {
    let mut answered = 0;
    while Instant::now() < end {
        let id = Uuid::now_v7();
        for nth in 0..COMMANDS {
            let request = Request {
                target: if nth == 0 { Target::Fresh(id) } else { Target::Named(id) },
                command: Add,
                precondition: None,
                key: (nth == 0)
                    .then(|| Key::new(format!("http:{id}"), [1; 32], Retention::Retries)),
                at: None,
                effect: Effect::Store,
                metadata: Metadata::default(),
                weight: 400,
                scope: identity::Scope::All,
            };
            let Ok(pending) = pipeline.submit(request) else { panic!("the queue is full") };
            let reply = pending.reply().await;
            assert!(reply.result.is_ok(), "{:?}", reply.result.err());
            answered += 1;
        }
    }
    answered
}
