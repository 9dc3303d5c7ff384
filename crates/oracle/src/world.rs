//! All orders together, at present or at a business time.

use super::fact::{Time, wire};
use super::order::{Order, Status};
use super::stream::Stream;
use std::collections::BTreeMap;
use uuid::Uuid;

#[derive(Debug, Clone, Default)]
pub struct World(pub BTreeMap<Uuid, Stream>);

/// An order at that time.
#[derive(Debug, Clone)]
pub struct Then {
    pub id: Uuid,
    pub version: u64,
    /// Position of the event that placed it.
    pub placed_position: Option<u64>,
    pub order: Order,
}

impl Then {
    /// Whether it counts: it does from its placing on.
    pub fn counts(&self) -> bool {
        self.order.placed_at.is_some()
    }

    pub fn is_cancelled(&self) -> bool {
        self.order.status == Status::Cancelled
    }

    /// The time that lists sort it by.
    pub fn listed_at(&self) -> Time {
        self.order.placed_at.unwrap_or(self.order.created_at)
    }

    /// `2017-11-24`, or of a month `2017-11`, in UTC.
    pub fn period(&self, interval: &str) -> Option<String> {
        let day = wire(self.order.placed_at?);
        Some(day[..if interval == "day" { 10 } else { 7 }].to_owned())
    }

    /// The order in which names are taken: by business time, then by position.
    pub fn placed(&self) -> Option<(Time, u64)> {
        Some((self.order.placed_at?, self.placed_position?))
    }
}

impl World {
    /// Every order that existed at `as_of`, or exists.
    pub fn at(&self, as_of: Option<Time>) -> Vec<Then> {
        let then = |stream: &Stream| {
            let version = match as_of {
                None => stream.version(),
                Some(at) => stream.version_when(|event| event.occurred_at <= at),
            };
            let order = stream.order_at(version)?;
            let events = &stream.events[..usize::try_from(version).ok()?];
            let placed = events.iter().find(|event| event.fact.name() == "OrderPlaced");
            let placed_position = placed.map(|event| event.position);
            Some(Then { id: stream.id, version, placed_position, order })
        };
        self.0.values().filter_map(then).collect()
    }

    /// Every moment at which something happened, in order, each once.
    pub fn moments(&self) -> Vec<Time> {
        let events = self.0.values().flat_map(|stream| &stream.events);
        let mut moments: Vec<Time> = events.map(|event| event.occurred_at).collect();
        moments.sort_unstable();
        moments.dedup();
        moments
    }

    /// The number of events of all orders.
    pub fn events(&self) -> u64 {
        self.0.values().map(Stream::version).sum()
    }
}
