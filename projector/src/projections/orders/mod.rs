//! Projection `orders`: the one fold of orders with a memory. It keeps the states of recently touched orders, reads back
//! evicted ones, and writes one row for each order that a batch touched, whatever the number of its events.

mod listed;
mod rows;
mod state;

use super::{ORDER_AND_CUSTOMER_STREAMS, day, erasure, unknown};
use crate::cache::Cache;
use crate::decoded::{Decoded, Poison};
use crate::projection::{Changes, Fold, Pace, Projection, Streams};
use domain::Aggregate;
use domain::order::{OrderAggregate, OrderEvent, document};
use event_store::{RecordedEvent, StreamId};
use futures::future::{BoxFuture, FutureExt};
use listed::Listed;
use read_model::write::Tables;
use read_model::write::erasures::ErasureRow;
use read_model::write::orders::{self, CountChangeRow, OrderNoteRow, OrdersChanges, StoredOrder};
use read_model::{ReadModel, ReadModelError};
use state::{Indexed, State};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The projection.
pub static ORDERS: Projection = Projection {
    name: "orders",
    version: 2,
    tables: orders::TABLES,
    streams: Streams::Of(ORDER_AND_CUSTOMER_STREAMS),
    keeps_events: false,
    fold: |pace| Box::new(OrdersFold::new(pace)),
};

/// Bytes of order states kept while following the log, roughly.
const LIVE_MEMORY: usize = 32 << 20;
/// Bytes of order states kept while filling empty tables, roughly.
const BULK_MEMORY: usize = 128 << 20;

/// The fold.
#[derive(Debug)]
pub(super) struct OrdersFold {
    pace: Pace,
    states: Cache<Uuid, State>,
    touched: Vec<Uuid>,
    changes: OrdersChanges,
    counts: BTreeMap<(i64, u8, i16), i64>,
    batch: u64,
}

impl Fold for OrdersFold {
    fn prepare<'a>(
        &'a mut self,
        events: &'a [&'a Decoded],
        model: &'a ReadModel,
        tables: Tables,
    ) -> BoxFuture<'a, Result<(), ReadModelError>> {
        async move {
            let unknown = unknown(events, self.pace, |stream| self.states.contains(&stream.id));
            let is_order =
                |stream: &&StreamId| stream.stream_type.as_str() == OrderAggregate::STREAM_TYPE;
            let unknown: Vec<Uuid> =
                unknown.iter().filter(is_order).map(|stream| stream.id).collect();
            for stored in model.load_orders(tables, &unknown).await? {
                let (stream, state) = restored(stored);
                let weight = state.weight();
                self.states.put(stream, self.batch, state);
                self.states.weigh(stream, weight);
            }
            Ok(())
        }
        .boxed()
    }

    fn apply(&mut self, event: &Decoded) -> Result<(), Poison> {
        match event.read::<OrderAggregate>()? {
            Some(fact) => self.fold(fact, &event.recorded),
            None => {
                if let Some(erasure) = erasure(event)? {
                    ErasureRow::keep_last(&mut self.changes.erasures, erasure);
                }
                Ok(())
            }
        }
    }

    fn take(&mut self, _: Vec<Decoded>) -> Box<dyn Changes> {
        Box::new(self.changes())
    }

    fn committed(&mut self, in_flight: u64) {
        self.states.trim((self.batch - 1).saturating_sub(in_flight));
    }
}

written_by!(OrdersChanges, write_orders);

impl OrdersFold {
    fn new(pace: Pace) -> Self {
        let memory = match pace {
            Pace::Repeating | Pace::Following => LIVE_MEMORY,
            Pace::Bulk => BULK_MEMORY,
        };
        Self {
            pace,
            states: Cache::new(memory),
            touched: Vec::new(),
            changes: OrdersChanges::default(),
            counts: BTreeMap::new(),
            batch: 1,
        }
    }

    fn fold(&mut self, fact: &OrderEvent, recorded: &RecordedEvent) -> Result<(), Poison> {
        let stream = recorded.stream.id;
        let state = self.states.entry(stream, self.batch, State::default);
        state.accepts(fact, recorded.version)?;
        if state.touched_in != self.batch {
            state.touched_in = self.batch;
            self.touched.push(stream);
        }
        if changes_lines(fact) {
            state.reshaped = true;
            state.indexed.get_or_insert_with(|| Indexed::of(state.order.as_ref()));
        }
        let before = state.listed;
        let order = OrderAggregate::evolve(state.order.take(), fact, recorded.occurred_at);
        if state.version == 0 {
            state.begun_position = recorded.position;
        }
        state.version = recorded.version;
        state.position = recorded.position;
        state.order = order;
        if let Some(note) = fact.note() {
            self.changes.notes.push(OrderNoteRow {
                order_id: stream,
                version: recorded.version,
                note: rows::note(note, recorded.occurred_at),
            });
        }
        if matches!(fact, OrderEvent::NoteAdded { .. }) {
            return Ok(());
        }
        let Some(after) = state.order.as_ref().map(Listed::of) else { return Ok(()) };
        if before != Some(after) {
            state.listed = Some(after);
            self.list(before, after, recorded);
        }
        Ok(())
    }

    /// Records a change of what lists show: a row for `as_of` lists, and the counts of the day.
    fn list(&mut self, before: Option<Listed>, after: Listed, recorded: &RecordedEvent) {
        self.changes.versions.push(rows::version(before, after, recorded));
        let day = day(recorded.occurred_at.timestamp_micros());
        // Counts that stay the same get no row, so that the rows depend on events alone, not on batches.
        let was: Vec<_> = before.iter().flat_map(Listed::counted).collect();
        for (dimension, code) in
            was.iter().filter(|count| after.counted().all(|other| other != **count))
        {
            *self.counts.entry((day, *dimension, *code)).or_default() -= 1;
        }
        for (dimension, code) in after.counted().filter(|count| !was.contains(count)) {
            *self.counts.entry((day, dimension, code)).or_default() += 1;
        }
    }

    fn changes(&mut self) -> OrdersChanges {
        for stream in std::mem::take(&mut self.touched) {
            let Some(state) = self.states.peek_mut(stream) else { continue };
            rows::finish(stream, state, &mut self.changes);
            let weight = state.weight();
            self.states.weigh(stream, weight);
        }
        self.batch += 1;
        let mut changes = std::mem::take(&mut self.changes);
        let counts = std::mem::take(&mut self.counts).into_iter();
        changes.counts = counts
            .map(|((day, dimension, code), change)| CountChangeRow { day, dimension, code, change })
            .collect();
        changes
    }
}

/// A row that cannot be read back parks its order at its next event; the others go on.
fn restored(stored: StoredOrder) -> (Uuid, State) {
    let state = match document::restore(stored.document.as_bytes()) {
        Ok((order, _)) => State::stored(order, stored.version, stored.begun_position),
        // serde_json's message would quote values: only the column is reported.
        Err(error) => {
            State::broken(format!("its row cannot be read back (column {})", error.column()))
        }
    };
    (stored.order_id, state)
}

fn changes_lines(fact: &OrderEvent) -> bool {
    matches!(
        fact,
        OrderEvent::OrderDrafted { .. }
            | OrderEvent::OrderPlaced { .. }
            | OrderEvent::LineAdded { .. }
            | OrderEvent::LineQuantityChanged { .. }
            | OrderEvent::LineRemoved { .. }
    )
}

#[cfg(test)]
mod tests;
