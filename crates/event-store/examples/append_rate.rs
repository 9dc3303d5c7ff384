//! How fast this machine appends, durably, by batch size: `cargo run --release --example append_rate -p event-store`.
//!
//! Five commands an order as the write side would send them, about 300 bytes of JSON each, every fifth with a kept
//! answer; then the whole log is read, loaded by stream and verified. A number says how many events per batch size. On
//! SQLite, then on a private PostgreSQL server, if one is installed here.

use event_store::{
    Access, Append, Entry, EventStore, KeyedAnswer, Metadata, NewEvent, StreamId, StreamType,
    Timestamp,
};
use rig::postgres::database_or_say;
use std::time::{Duration, Instant};
use uuid::Uuid;

const VERSIONS: u64 = 5;
const BATCHES: [u64; 5] = [1, 16, 64, 256, 1_024];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let events: u64 = std::env::args().nth(1).map_or(Ok(100_000), |number| number.parse())?;
    for batch in BATCHES {
        let directory = tempfile::tempdir_in(".")?;
        let url = format!("sqlite://{}", directory.path().join("events.db").display());
        measure("SQLite", &url, batch, events).await?;
    }
    for batch in BATCHES {
        if let Some(database) = database_or_say("appending to PostgreSQL").await {
            measure("PostgreSQL", &database.url(), batch, events).await?;
        }
    }
    Ok(())
}

async fn measure(
    backend: &str,
    url: &str,
    batch: u64,
    events: u64,
) -> Result<(), Box<dyn std::error::Error>> {
    let store = EventStore::open(url, Access::ReadWrite).await?;
    let total = if batch == 1 { events / 20 } else { events };
    let (mut done, mut streams) = (0, Vec::new());
    let mut spent = Duration::ZERO;
    while done < total {
        let ids: Vec<Uuid> = (0..batch).map(|_| Uuid::now_v7()).collect();
        for version in 0..VERSIONS {
            let entries = ids.iter().map(|id| entry(*id, version)).collect();
            let append = Append { entries, recorded_at: chrono::Utc::now() };
            let started = Instant::now();
            store.append(append).await?;
            spent += started.elapsed();
            done += batch;
        }
        streams.extend(
            ids.into_iter().map(|id| StreamId { stream_type: StreamType::new("order"), id }),
        );
    }
    say(&format!("{backend}: append, batches of {batch}"), done, spent);
    if batch == 1_024 {
        read(&store, done, &streams).await?;
    }
    store.close().await;
    Ok(())
}

async fn read(
    store: &EventStore,
    events: u64,
    streams: &[StreamId],
) -> Result<(), Box<dyn std::error::Error>> {
    let started = Instant::now();
    let mut after = 0;
    while let Some(last) = store.read_feed(after, 1_000).await?.last() {
        after = last.position;
    }
    say("read the feed, pages of 1000", after, started.elapsed());
    let started = Instant::now();
    for streams in streams.chunks(256) {
        store.load(streams, 1).await?;
    }
    say("load, 256 streams at once", events, started.elapsed());
    let started = Instant::now();
    let report = store.verify(|_, _| {}).await?;
    assert!(report.defects.is_empty(), "{:?}", report.defects);
    say("verify", report.events, started.elapsed());
    Ok(())
}

fn say(what: &str, events: u64, spent: Duration) {
    let rate = events as f64 / spent.as_secs_f64();
    println!("{what:40} {rate:>10.0} events/s {:>8.2} µs each", 1e6 / rate);
}

fn entry(id: Uuid, version: u64) -> Entry {
    let payload = format!(
        r#"{{"customer":{{"id":"c-1","name":"Somebody"}},"currency":"EUR","total":"29.99","version":{version},"lines":[{{"line_id":1,"product_id":"p-{id}","name":"A thing of some length","quantity":1,"unit_price":"29.99","line_total":"29.99"}}],"note":"left at the door of the house beside the lake"}}"#
    );
    let events = vec![NewEvent {
        event_id: Uuid::now_v7(),
        event_type: "OrderPlaced",
        schema_version: 1,
        occurred_at: Timestamp::UNIX_EPOCH,
        payload: payload.into_bytes(),
    }];
    let answer = (version == 0).then(|| KeyedAnswer {
        key: format!("http:{id}"),
        fingerprint: [1; 32],
        answer: vec![1; 120],
        permanent: false,
    });
    let metadata =
        Metadata { correlation_id: Some(Uuid::now_v7().to_string()), ..Metadata::default() };
    Entry {
        stream: StreamId { stream_type: StreamType::new("order"), id },
        expected_version: version,
        partition_key: None,
        events,
        metadata,
        answer,
        joint: None,
    }
}
