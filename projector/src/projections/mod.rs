//! The folds: events in, row changes out. Their only I/O reads the rows that a fold continues from.

/// Implements `Changes` by a projection's own method of `WriteTx`.
macro_rules! written_by {
    ($changes:ty, $write:ident) => {
        impl $crate::projection::Changes for $changes {
            fn write<'a>(
                self: Box<Self>,
                tx: &'a mut read_model::write::WriteTx,
                tables: read_model::write::Tables,
            ) -> futures::future::BoxFuture<'a, Result<(), read_model::ReadModelError>> {
                Box::pin(tx.$write(tables, *self))
            }
        }
    };
}

mod customers;
mod history;
mod orders;
mod products;
mod proofs;
mod reservations;
mod sales;
mod stock;

pub use customers::CUSTOMERS;
pub use history::HISTORY;
pub use orders::ORDERS;
pub use products::PRODUCTS;
pub use proofs::PROOFS;
pub use reservations::RESERVATIONS;
pub use sales::SALES;
pub use stock::STOCK;

use crate::decoded::{Decoded, Poison};
use crate::projection::{Changes, Fold, Pace};
use domain::Aggregate;
use domain::customer::{CustomerAggregate, CustomerEvent};
use domain::order::{OrderAggregate, OrderEvent};
use event_store::{RecordedEvent, StreamId, StreamType};
use read_model::write::erasures::ErasureRow;
use std::fmt;

/// The streams of orders.
const ORDER_STREAMS: &[StreamType] = &[StreamType::new(OrderAggregate::STREAM_TYPE)];
/// The streams of orders, and those that record the erasure of customers' personal data.
const ORDER_AND_CUSTOMER_STREAMS: &[StreamType] = &[
    StreamType::new(OrderAggregate::STREAM_TYPE),
    StreamType::new(CustomerAggregate::STREAM_TYPE),
];
/// Microseconds in a UTC day.
const DAY: i64 = 86_400_000_000;

/// Days since 1970.
fn day(micros: i64) -> i64 {
    micros.div_euclid(DAY)
}

/// A fold that sums the figures in the events of orders. It needs no memory, and so reads nothing back.
trait OrderSums: fmt::Debug + Send + Sync {
    type Changes: Changes + 'static;

    fn fold(&mut self, event: &OrderEvent, recorded: &RecordedEvent);

    /// Folds the erasure of a customer's personal data; only of projections that take customers' streams.
    fn erase(&mut self, erasure: ErasureRow) {
        let _ = erasure;
    }

    /// Takes what was added since the last call.
    fn changes(&mut self) -> Self::Changes;
}

impl<F: OrderSums> Fold for F {
    fn apply(&mut self, event: &Decoded) -> Result<(), Poison> {
        if let Some(fact) = event.read::<OrderAggregate>()? {
            self.fold(fact, &event.recorded);
        } else if let Some(erasure) = erasure(event)? {
            self.erase(erasure);
        }
        Ok(())
    }

    fn take(&mut self, _: Vec<Decoded>) -> Box<dyn Changes> {
        Box::new(self.changes())
    }
}

/// The erasure that an event records, if it is one of a customer.
fn erasure(event: &Decoded) -> Result<Option<ErasureRow>, Poison> {
    let Some(fact) = event.read::<CustomerAggregate>()? else { return Ok(None) };
    let CustomerEvent::PersonalDataErased { customer_id } = fact;
    let RecordedEvent { position, occurred_at, .. } = &event.recorded;
    Ok(Some(ErasureRow {
        customer_id: customer_id.as_str().to_owned(),
        position: *position,
        erased_at: occurred_at.timestamp_micros(),
    }))
}

/// The streams that a fold has to look up, each once.
fn unknown(events: &[&Decoded], pace: Pace, known: impl Fn(&StreamId) -> bool) -> Vec<StreamId> {
    let mut streams: Vec<StreamId> = events
        .iter()
        .filter(|event| pace == Pace::Repeating || event.recorded.version > 1)
        .map(|event| event.recorded.stream)
        .filter(|stream| !known(stream))
        .collect();
    streams.sort_unstable();
    streams.dedup();
    streams
}

#[cfg(test)]
mod sums_tests;
#[cfg(test)]
mod tests;
