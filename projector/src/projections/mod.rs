//! The folds: events in, row changes out, no I/O but the reading of rows that a fold has to go on from.

pub(crate) mod customers;
pub(crate) mod history;
pub(crate) mod orders;
pub(crate) mod products;
pub(crate) mod sales;

use crate::kind::Kind;
use crate::source::{Decoded, Fact};
use read_model::write::customers::CustomersChanges;
use read_model::write::history::HistoryRow;
use read_model::write::orders::OrdersChanges;
use read_model::write::products::ProductsChanges;
use read_model::write::sales::SalesChanges;
use read_model::write::{Tables, WriteTx};
use read_model::{ReadModel, ReadModelError};
use uuid::Uuid;

/// Microseconds in a UTC day.
const DAY: i64 = 86_400_000_000;

/// Days since 1970.
fn day(micros: i64) -> i64 {
    micros.div_euclid(DAY)
}

/// Why an event cannot be folded. Never holds the event's values.
#[derive(Debug)]
pub(crate) struct Poison(pub String);

/// How events come, and so which rows of earlier batches are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Some may have come before: every unknown stream is looked up.
    Repeating,
    /// Each once, as the log is followed: a stream's first event needs no look.
    Following,
    /// Each once, many at a time, into tables that were empty.
    Bulk,
}

/// A fold under way.
#[derive(Debug)]
pub(crate) enum Fold {
    Orders(orders::OrdersFold),
    Customers(customers::CustomersFold),
    Products(products::ProductsFold),
    Sales(sales::SalesFold),
    History(history::HistoryFold),
}

/// What a batch changes in the tables of one projection.
#[derive(Debug)]
pub(crate) enum Changes {
    Orders(OrdersChanges),
    Customers(CustomersChanges),
    Products(ProductsChanges),
    Sales(SalesChanges),
    History(Vec<HistoryRow>),
}

impl Fold {
    pub(crate) fn new(kind: Kind, pace: Pace) -> Self {
        match kind {
            Kind::Orders => Self::Orders(orders::OrdersFold::new(pace)),
            Kind::Customers => Self::Customers(customers::CustomersFold::default()),
            Kind::Products => Self::Products(products::ProductsFold::default()),
            Kind::Sales => Self::Sales(sales::SalesFold::default()),
            Kind::History => Self::History(history::HistoryFold::new(pace)),
        }
    }

    /// Reads what folding these events needs and is not remembered.
    pub(crate) async fn prepare(
        &mut self,
        events: &[&Decoded],
        model: &ReadModel,
        tables: Tables,
    ) -> Result<(), ReadModelError> {
        match self {
            Self::Orders(fold) => fold.prepare(events, model, tables).await,
            Self::History(fold) => fold.prepare(events, model, tables).await,
            Self::Customers(_) | Self::Products(_) | Self::Sales(_) => Ok(()),
        }
    }

    /// Folds one event.
    pub(crate) fn apply(&mut self, event: &Decoded) -> Result<(), Poison> {
        let fact = match (&event.fact, &mut *self) {
            (_, Self::History(fold)) => return fold.apply(event),
            (Fact::Order(fact), _) => fact,
            (Fact::Foreign, _) => return Ok(()),
            (Fact::Unreadable(error), _) => return Err(Poison(error.to_string())),
        };
        match self {
            Self::Orders(fold) => return fold.apply(fact, &event.recorded),
            Self::Customers(fold) => fold.apply(fact, &event.recorded),
            Self::Products(fold) => fold.apply(fact, &event.recorded),
            Self::Sales(fold) => fold.apply(fact, &event.recorded),
            Self::History(_) => {}
        }
        Ok(())
    }

    /// An event that was parked leaves no row.
    pub(crate) fn refuse(&mut self, event: &Decoded) {
        if let Self::History(fold) = self {
            fold.refuse(&event.recorded);
        }
    }

    /// What has changed since the last call.
    pub(crate) fn take(&mut self, events: &mut Vec<Decoded>) -> Changes {
        match self {
            Self::Orders(fold) => Changes::Orders(fold.take()),
            Self::Customers(fold) => Changes::Customers(fold.take()),
            Self::Products(fold) => Changes::Products(fold.take()),
            Self::Sales(fold) => Changes::Sales(fold.take()),
            Self::History(fold) => Changes::History(fold.take(std::mem::take(events))),
        }
    }

    /// The batches taken so far, but the last `in_flight`, have committed.
    pub(crate) fn committed(&mut self, in_flight: u64) {
        match self {
            Self::Orders(fold) => fold.committed(in_flight),
            Self::History(fold) => fold.committed(in_flight),
            Self::Customers(_) | Self::Products(_) | Self::Sales(_) => {}
        }
    }
}

impl Changes {
    /// Writes them.
    pub(crate) async fn write(
        self,
        tx: &mut WriteTx,
        tables: Tables,
    ) -> Result<(), ReadModelError> {
        match self {
            Self::Orders(changes) => tx.write_orders(tables, changes).await,
            Self::Customers(changes) => tx.write_customers(tables, changes).await,
            Self::Products(changes) => tx.write_products(tables, changes).await,
            Self::Sales(changes) => tx.write_sales(tables, changes).await,
            Self::History(rows) => tx.write_history(tables, rows).await,
        }
    }
}

/// The streams that a fold has to look up, each once.
fn unknown(events: &[&Decoded], pace: Pace, known: impl Fn(Uuid) -> bool) -> Vec<Uuid> {
    let mut streams: Vec<Uuid> = events
        .iter()
        .filter(|event| pace == Pace::Repeating || event.recorded.version > 1)
        .map(|event| event.recorded.stream.id)
        .filter(|stream| !known(*stream))
        .collect();
    streams.sort_unstable();
    streams.dedup();
    streams
}

#[cfg(test)]
mod sums_tests;
#[cfg(test)]
mod tests;
