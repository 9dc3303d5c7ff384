//! The pure half of a command: decide, evolve, encode, decode, money. `cargo bench -p domain`.

use criterion::{Criterion, criterion_group, criterion_main};
use domain::order::{Customer, NewLine, OrderAggregate, OrderCommand, OrderEvent};
use domain::{Aggregate, Currency, EncodedEvent, Money, Name, Reference, Timestamp};
use std::hint::black_box;

fn reference(text: &str) -> Reference {
    Reference::parse(text).expect("a good reference")
}

fn usd() -> Currency {
    Currency::from_code("USD").expect("USD is a currency")
}

fn moment() -> Timestamp {
    Timestamp::from_timestamp_micros(1_700_000_000_000_000).expect("a moment of the calendar")
}

fn line(product: &str, quantity: u32, price: &str) -> NewLine {
    NewLine {
        product_id: reference(product),
        name: Name::parse("Darjeeling 100 g").expect("a good name"),
        quantity,
        unit_price: Money::parse(price, usd()).expect("a good price"),
    }
}

/// The five steps of an order of two lines.
fn steps() -> [OrderCommand; 5] {
    let customer = Customer { id: reference("c-42"), name: None, email: None };
    let lines = vec![line("tea", 2, "14.50"), line("pot-7", 1, "15.48")];
    let shipment_id = reference("s-1");
    [
        OrderCommand::Create { customer, currency: usd(), lines, draft: false, note: None },
        OrderCommand::Confirm,
        OrderCommand::RecordPayment {
            payment_id: reference("p-1"),
            amount: "44.48".to_owned(),
            currency: None,
            method: None,
        },
        OrderCommand::Ship {
            shipment_id: shipment_id.clone(),
            carrier: None,
            tracking_number: None,
            lines: None,
        },
        OrderCommand::Deliver { shipment_id },
    ]
}

fn walk(steps: &[OrderCommand]) -> Vec<OrderEvent> {
    let mut state = None;
    let mut all = Vec::new();
    for step in steps {
        let events = OrderAggregate::decide(&state, step).expect("no rule is broken");
        for event in &events {
            state = OrderAggregate::evolve(state.take(), event, moment());
        }
        all.extend(events);
    }
    all
}

fn decode(stored: &EncodedEvent) -> OrderEvent {
    OrderAggregate::decode(stored.event_type, stored.schema_version, &stored.payload)
        .expect("what was encoded can be decoded")
}

fn order(criterion: &mut Criterion) {
    let steps = steps();
    let events = walk(&steps);
    let stored: Vec<_> = events.iter().map(OrderAggregate::encode).collect();
    criterion.bench_function("decide and evolve the five steps of an order", |bencher| {
        bencher.iter(|| walk(black_box(&steps)));
    });
    criterion.bench_function("evolve the six events of an order", |bencher| {
        bencher.iter(|| {
            let fold = |state, event| OrderAggregate::evolve(state, event, moment());
            black_box(&events).iter().fold(None, fold)
        });
    });
    criterion.bench_function("encode the six events of an order", |bencher| {
        bencher.iter(|| black_box(&events).iter().map(OrderAggregate::encode).collect::<Vec<_>>());
    });
    criterion.bench_function("decode the six events of an order", |bencher| {
        bencher.iter(|| black_box(&stored).iter().map(decode).collect::<Vec<_>>());
    });
}

fn money(criterion: &mut Criterion) {
    let usd = usd();
    for text in ["7", "14.50", "9007199254740.99"] {
        criterion.bench_function(&format!("parse money {text}"), |bencher| {
            bencher.iter(|| Money::parse(black_box(text), usd));
        });
    }
}

criterion_group!(benches, order, money);
criterion_main!(benches);
