//! The pure hot paths, each repeated: `hot-paths PATH TIMES`. `tests/instructions.rs` counts their instructions.
//!
//! Nothing here depends on a clock, a seed or the machine, so the same build executes the same instructions. With
//! `TIMES` 0 it only prepares: the difference of two counts is the work alone.

use anyhow::{Context, bail};
use domain::order::{Customer, NewLine, OrderAggregate, OrderCommand, OrderEvent};
use domain::{Aggregate, Currency, EncodedEvent, Money, Name, Reference, Timestamp};
use event_store::{Metadata, RecordedEvent, StreamId, StreamType};
use std::hint::black_box;
use uuid::Uuid;

/// The number of orders in the batch that is folded.
const FOLDED_ORDERS: u64 = 100;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().context("usage: hot-paths PATH TIMES")?;
    let times: usize = arguments.next().context("how many times?")?.parse()?;
    let steps = steps()?;
    let events = walk(&steps)?;
    let stored: Vec<EncodedEvent> = events.iter().map(OrderAggregate::encode).collect();
    let batch = batch(&stored)?;
    let usd = usd()?;
    let registry = projector::Registry::standard();
    for _ in 0..times {
        match path.as_str() {
            "parse-money" => drop(black_box(Money::parse(black_box("1234.50"), usd))),
            "walk-an-order" => drop(black_box(walk(black_box(&steps))?)),
            "encode-events" => {
                black_box(&events).iter().for_each(|event| drop(OrderAggregate::encode(event)));
            }
            "decode-events" => black_box(&stored).iter().try_for_each(decode)?,
            "fold-a-batch" => {
                black_box(projector::fold_unwritten(&registry, black_box(batch.clone()))?);
            }
            _ => bail!("no path is called {path:?}"),
        }
    }
    Ok(())
}

fn decode(stored: &EncodedEvent) -> anyhow::Result<()> {
    let (name, version) = (stored.event_type, stored.schema_version);
    drop(black_box(OrderAggregate::decode(name, version, &stored.payload)?));
    Ok(())
}

fn usd() -> anyhow::Result<Currency> {
    Currency::from_code("USD").context("USD is a currency")
}

fn reference(text: &str) -> anyhow::Result<Reference> {
    Reference::parse(text).map_err(|error| anyhow::anyhow!(error.detail))
}

fn moment(number: u64) -> anyhow::Result<Timestamp> {
    let micros = 1_700_000_000_000_000 + i64::try_from(number)? * 1_000;
    Timestamp::from_timestamp_micros(micros).context("a moment of the calendar")
}

fn line(product: &str, quantity: u32, price: &str) -> anyhow::Result<NewLine> {
    let name = Name::parse("Darjeeling 100 g").map_err(|error| anyhow::anyhow!(error.detail))?;
    let unit_price = Money::parse(price, usd()?)?;
    Ok(NewLine { product_id: reference(product)?, name, quantity, unit_price })
}

/// The five steps of an order of two lines.
fn steps() -> anyhow::Result<[OrderCommand; 5]> {
    let customer = Customer { id: reference("c-42")?, name: None, email: None };
    let lines = vec![line("tea", 2, "14.50")?, line("pot-7", 1, "15.48")?];
    let shipment_id = reference("s-1")?;
    Ok([
        OrderCommand::Create { customer, currency: usd()?, lines, draft: false, note: None },
        OrderCommand::Confirm,
        OrderCommand::RecordPayment {
            payment_id: reference("p-1")?,
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
    ])
}

fn walk(steps: &[OrderCommand]) -> anyhow::Result<Vec<OrderEvent>> {
    let at = moment(0)?;
    let mut state = None;
    let mut all = Vec::new();
    for step in steps {
        let events = OrderAggregate::decide(&state, step)
            .map_err(|rejection| anyhow::anyhow!("refused: {rejection:?}"))?;
        for event in &events {
            state = OrderAggregate::evolve(state.take(), event, at);
        }
        all.extend(events);
    }
    Ok(all)
}

/// The events of many orders, interleaved: the first of every order, then the second of every order, …
fn batch(stored: &[EncodedEvent]) -> anyhow::Result<Vec<RecordedEvent>> {
    let mut batch = Vec::new();
    for (version, encoded) in (1..).zip(stored) {
        for order in 1..=FOLDED_ORDERS {
            let position = batch.len() as u64 + 1;
            batch.push(RecordedEvent {
                position,
                stream: StreamId {
                    stream_type: StreamType::new("order"),
                    id: Uuid::from_u128(order.into()),
                },
                partition_key: Uuid::from_u128(order.into()),
                version,
                event_id: Uuid::from_u128(position.into()),
                event_type: encoded.event_type.to_owned(),
                schema_version: encoded.schema_version,
                occurred_at: moment(position)?,
                recorded_at: moment(position)?,
                metadata: Metadata::default(),
                payload: encoded.payload.clone(),
                hash: [0; 32],
            });
        }
    }
    Ok(batch)
}
