//! The folds: events in, row changes out, no I/O but the reading of rows that a fold has to go on from.

mod customers;
mod history;
mod orders;
mod products;
mod sales;

pub use customers::CUSTOMERS;
pub use history::HISTORY;
pub use orders::ORDERS;
pub use products::PRODUCTS;
pub use sales::SALES;

use crate::decoded::Decoded;
use crate::projection::Pace;
use domain::Aggregate;
use domain::order::OrderAggregate;
use event_store::{StreamId, StreamType};

/// The streams of orders.
const ORDER_STREAMS: &[StreamType] = &[StreamType::new(OrderAggregate::STREAM_TYPE)];
/// Microseconds in a UTC day.
const DAY: i64 = 86_400_000_000;

/// Days since 1970.
fn day(micros: i64) -> i64 {
    micros.div_euclid(DAY)
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
