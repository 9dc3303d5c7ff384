//! A cache of composed past orders: an order at a version never changes.
//!
//! Which version an order had at a time is read for each request, because events may have come since.

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use uuid::Uuid;

/// Bytes of documents that are kept.
const MAX_BYTES: u64 = 16 << 20;
/// A larger document is not kept, but composed for each request.
const MAX_DOCUMENT: usize = 64 << 10;
/// The bytes that an entry takes on top of its document.
const ENTRY_BYTES: usize = 128;

/// An order at one of its versions.
#[derive(Debug, Clone)]
pub(crate) struct PastOrder {
    /// JSON.
    pub document: Bytes,
    /// When the version's event happened, in microseconds.
    pub occurred_at: i64,
    /// When it was stored, in microseconds.
    pub recorded_at: i64,
}

/// Which order, at which version.
pub(crate) type Which = (Uuid, u64);

/// The cache, bounded by bytes; entries in frequent use stay.
#[derive(Debug)]
pub(crate) struct PastOrders(Cache<Which, PastOrder, Bytewise>);

#[derive(Debug, Clone)]
struct Bytewise;

impl Weighter<Which, PastOrder> for Bytewise {
    fn weight(&self, _: &Which, order: &PastOrder) -> u64 {
        (order.document.len() + ENTRY_BYTES) as u64
    }
}

impl Default for PastOrders {
    fn default() -> Self {
        let usual = 2 << 10; // bytes of a document
        Self(Cache::with_weighter((MAX_BYTES / usual) as usize, MAX_BYTES, Bytewise))
    }
}

impl PastOrders {
    pub(crate) fn get(&self, which: Which) -> Option<PastOrder> {
        self.0.get(&which)
    }

    pub(crate) fn keep(&self, which: Which, order: &PastOrder) {
        if order.document.len() <= MAX_DOCUMENT {
            self.0.insert(which, order.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(bytes: usize) -> PastOrder {
        PastOrder { document: vec![b'x'; bytes].into(), occurred_at: 1, recorded_at: 2 }
    }

    #[test]
    fn what_was_kept_is_found_at_its_version_alone() {
        let orders = PastOrders::default();
        orders.keep((Uuid::nil(), 2), &order(10));
        assert_eq!(orders.get((Uuid::nil(), 2)).unwrap().document.len(), 10);
        assert!(orders.get((Uuid::nil(), 1)).is_none());
        assert!(orders.get((Uuid::max(), 2)).is_none());
    }

    #[test]
    fn the_bytes_are_bounded_and_a_large_document_is_not_kept() {
        let orders = PastOrders::default();
        orders.keep((Uuid::nil(), 1), &order(MAX_DOCUMENT + 1));
        assert!(orders.get((Uuid::nil(), 1)).is_none());
        for number in 0..2_000 {
            orders.keep((Uuid::from_u128(number), 1), &order(MAX_DOCUMENT));
        }
        assert!(orders.0.weight() <= MAX_BYTES);
        assert!(orders.0.len() > 100);
    }
}
