//! Decoding and folding a batch with every projection, without a database. `cargo bench -p projector`.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use domain::Aggregate;
use domain::order::{OrderAggregate, OrderCommand};
use event_store::{Metadata, RecordedEvent, StreamId, StreamType, Timestamp};
use projector::{Registry, fold_unwritten};
use std::hint::black_box;
use uuid::Uuid;

/// Orders of the batch, five events each.
const ORDERS: u64 = 200;
const EVENTS_EACH: u64 = 5;

fn moment(position: u64) -> Timestamp {
    let micros = 1_700_000_000_000_000 + i64::try_from(position).expect("a small number") * 1_000;
    Timestamp::from_timestamp_micros(micros).expect("a moment of the calendar")
}

/// A placed order with four notes.
fn payloads() -> Vec<domain::EncodedEvent> {
    let placed = serde_json::json!({
        "customer": {"id": "c-42", "name": "Ada Lovelace", "email": null}, "currency": "USD",
        "lines": [{"line_id": 1, "product_id": "tea", "name": "Darjeeling 100 g", "quantity": 2, "unit_price": "14.50"}],
        "total": "29.00", "note": null,
    });
    let placed = serde_json::to_vec(&placed).expect("a JSON value");
    let placed = OrderAggregate::decode("OrderPlaced", 1, &placed).expect("a stored order");
    let order = OrderAggregate::evolve(None, &placed, moment(1));
    let text = domain::Note::parse("called the customer").expect("a good note");
    let noted = OrderAggregate::decide(&order, &OrderCommand::AddNote { text }).expect("any order");
    let mut payloads = vec![OrderAggregate::encode(&placed)];
    payloads.extend((1..EVENTS_EACH).map(|_| OrderAggregate::encode(&noted[0])));
    payloads
}

fn batch() -> Vec<RecordedEvent> {
    let payloads = payloads();
    let places = (1..=EVENTS_EACH).flat_map(|version| (1..=ORDERS).map(move |o| (version, o)));
    let events = places.zip(1..).map(|((version, order), position)| {
        let encoded = &payloads[usize::try_from(version - 1).expect("a small number")];
        RecordedEvent {
            position,
            stream: StreamId {
                stream_type: StreamType::new("order"),
                id: Uuid::from_u128(u128::from(order)),
            },
            partition_key: Uuid::from_u128(u128::from(order)),
            version,
            event_id: Uuid::from_u128(u128::from(position)),
            event_type: encoded.event_type.to_owned(),
            schema_version: encoded.schema_version,
            occurred_at: moment(position),
            recorded_at: moment(position),
            metadata: Metadata::default(),
            payload: encoded.payload.clone(),
            hash: [0; 32],
        }
    });
    events.collect()
}

fn fold(criterion: &mut Criterion) {
    let (registry, events) = (Registry::standard(), batch());
    let mut group = criterion.benchmark_group("fold");
    group.throughput(Throughput::Elements(events.len() as u64));
    group.bench_function("1,000 events with every projection", |bencher| {
        let fold =
            |events| fold_unwritten(&registry, black_box(events)).expect("nothing is parked");
        bencher.iter_batched(|| events.clone(), fold, BatchSize::LargeInput);
    });
    group.finish();
}

criterion_group!(benches, fold);
criterion_main!(benches);
