//! Projection `stock`: the units of each product in each warehouse. It keeps the counters of recently touched items, reads
//! back evicted ones, and writes one row for each item that a batch touched and one for each event.
//!
//! The counters are those of the domain's own fold. Only streams of items are read: the streams of movements and
//! reservations are of the same aggregate, but what they do to an item stands in the item's stream.

use super::unknown;
use crate::cache::Cache;
use crate::decoded::{Decoded, Poison};
use crate::projection::{Changes, Fold, Pace, Projection, Streams};
use domain::stock::{ITEM, StockAggregate, StockEvent, StockItem, StockState};
use domain::{Aggregate, Reference};
use event_store::{RecordedEvent, StreamType};
use futures::future::{BoxFuture, FutureExt};
use read_model::write::Tables;
use read_model::write::stock::{self, StockChanges, StockItemRow, StockVersionRow, StoredItem};
use read_model::{ReadModel, ReadModelError};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as ValueError;
use uuid::Uuid;

/// The projection.
pub static STOCK: Projection = Projection {
    name: "stock",
    version: 1,
    tables: stock::TABLES,
    streams: Streams::Of(&[StreamType::new(ITEM)]),
    keeps_events: false,
    fold: |pace| Box::new(StockFold::new(pace)),
};

written_by!(StockChanges, write_stock);

/// Items kept while following the log.
const LIVE_ITEMS: usize = 65_536;
/// Items kept while filling empty tables.
const BULK_ITEMS: usize = 524_288;

/// The fold.
#[derive(Debug)]
struct StockFold {
    pace: Pace,
    states: Cache<Uuid, State>,
    touched: Vec<Uuid>,
    versions: Vec<StockVersionRow>,
    batch: u64,
}

/// What the fold keeps of one item between its events.
#[derive(Debug, Default)]
struct State {
    /// `None` before its first event.
    item: Option<StockItem>,
    version: u64,
    position: u64,
    updated_at: i64,
    touched_in: u64,
    /// Why its row cannot be continued from.
    broken: Option<String>,
}

impl Fold for StockFold {
    fn prepare<'a>(
        &'a mut self,
        events: &'a [&'a Decoded],
        model: &'a ReadModel,
        tables: Tables,
    ) -> BoxFuture<'a, Result<(), ReadModelError>> {
        async move {
            let unknown = unknown(events, self.pace, |stream| self.states.contains(&stream.id));
            let unknown: Vec<Uuid> = unknown.iter().map(|stream| stream.id).collect();
            for stored in model.load_stock_items(tables, &unknown).await? {
                let item_id = stored.item_id;
                self.states.put(item_id, self.batch, State::restored(stored));
                self.states.weigh(item_id, 1);
            }
            Ok(())
        }
        .boxed()
    }

    fn apply(&mut self, event: &Decoded) -> Result<(), Poison> {
        let Some(fact) = event.read::<StockAggregate>()? else { return Ok(()) };
        self.fold(fact, &event.recorded)
    }

    fn take(&mut self, _: Vec<Decoded>) -> Box<dyn Changes> {
        Box::new(self.changes())
    }

    fn committed(&mut self, in_flight: u64) {
        self.states.trim((self.batch - 1).saturating_sub(in_flight));
    }
}

impl StockFold {
    fn new(pace: Pace) -> Self {
        let items = match pace {
            Pace::Repeating | Pace::Following => LIVE_ITEMS,
            Pace::Bulk => BULK_ITEMS,
        };
        let (touched, versions) = (Vec::new(), Vec::new());
        Self { pace, states: Cache::new(items), touched, versions, batch: 1 }
    }

    fn fold(&mut self, fact: &StockEvent, recorded: &RecordedEvent) -> Result<(), Poison> {
        let item_id = recorded.stream.id;
        let state = self.states.entry(item_id, self.batch, State::default);
        let item = state.after(fact, recorded)?;
        let (version, updated_at) = (recorded.version, recorded.occurred_at.timestamp_micros());
        self.versions.push(StockVersionRow {
            item_id,
            version,
            occurred_at: updated_at,
            recorded_at: recorded.recorded_at.timestamp_micros(),
            on_hand: item.on_hand,
            reserved: item.reserved,
            committed_total: item.committed_total,
        });
        state.item = Some(item);
        (state.version, state.position, state.updated_at) =
            (version, recorded.position, updated_at);
        if state.touched_in != self.batch {
            state.touched_in = self.batch;
            self.touched.push(item_id);
        }
        Ok(())
    }

    fn changes(&mut self) -> StockChanges {
        let mut items = Vec::with_capacity(self.touched.len());
        for item_id in std::mem::take(&mut self.touched) {
            let Some(state) = self.states.peek_mut(item_id) else { continue };
            items.extend(state.row(item_id));
            self.states.weigh(item_id, 1);
        }
        self.batch += 1;
        StockChanges { items, versions: std::mem::take(&mut self.versions) }
    }
}

impl State {
    /// A row that cannot be read back parks its item at its next event; the others go on.
    fn restored(stored: StoredItem) -> Self {
        let (product_id, warehouse) = match (name(stored.product_id), name(stored.warehouse)) {
            (Ok(product_id), Ok(warehouse)) => (product_id, warehouse),
            (Err(error), _) | (_, Err(error)) => {
                let broken = Some(format!("its row cannot be read back ({error})"));
                return Self { broken, ..Self::default() };
            }
        };
        let item = StockItem {
            product_id,
            warehouse,
            on_hand: stored.on_hand,
            reserved: stored.reserved,
            committed_total: stored.committed_total,
        };
        Self { item: Some(item), version: stored.version, ..Self::default() }
    }

    /// The item after an event. Nothing is changed if the event cannot follow.
    fn after(&self, fact: &StockEvent, recorded: &RecordedEvent) -> Result<StockItem, Poison> {
        if let Some(why) = &self.broken {
            return Err(Poison(why.clone()));
        }
        if recorded.version != self.version + 1 {
            return Err(Poison(format!("version {} follows {}", recorded.version, self.version)));
        }
        let before = self.item.clone().map_or(StockState::Absent, StockState::Item);
        match StockAggregate::evolve(before, fact, recorded.occurred_at) {
            StockState::Item(item) if fits(&item) => Ok(item),
            StockState::Item(_) => Err(Poison("a counter is larger than rows can hold".into())),
            _ => Err(Poison("the first event is not one of an item".into())),
        }
    }

    fn row(&self, item_id: Uuid) -> Option<StockItemRow> {
        let item = self.item.as_ref()?;
        Some(StockItemRow {
            item_id,
            product_id: item.product_id.as_str().to_owned(),
            warehouse: item.warehouse.as_str().to_owned(),
            on_hand: item.on_hand,
            reserved: item.reserved,
            available: item.available(),
            committed_total: item.committed_total,
            version: self.version,
            position: self.position,
            updated_at: self.updated_at,
        })
    }
}

/// A stored id, which no later rule for ids judges.
fn name(text: String) -> Result<Reference, ValueError> {
    Reference::deserialize(text.into_deserializer())
}

/// Whether the columns hold the counters. No decision leads to larger ones; a foreign log may.
fn fits(item: &StockItem) -> bool {
    [item.on_hand, item.reserved, item.committed_total]
        .iter()
        .all(|counter| i64::try_from(*counter).is_ok())
}
