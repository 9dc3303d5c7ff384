//! External facts under the caller's own ids: payments, refunds, shipments.
//!
//! They keep the order in which they were recorded. An order may have thousands, so an index finds them by id. They are
//! stored as the plain list of entries; reading it rebuilds the index.

use super::{Payment, Refund, Shipment};
use crate::Reference;
use serde::{Deserialize, Serialize, Serializer};
use std::ops::Deref;

/// A fact with an id of the caller's.
pub trait Identified {
    /// That id: unique within its order, never changed.
    fn id(&self) -> &Reference;
}

impl Identified for Payment {
    fn id(&self) -> &Reference {
        &self.payment_id
    }
}

impl Identified for Refund {
    fn id(&self) -> &Reference {
        &self.refund_id
    }
}

impl Identified for Shipment {
    fn id(&self) -> &Reference {
        &self.shipment_id
    }
}

/// Entries in their order, with an index by id. Reads like a slice.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Vec<T>")]
pub struct Recorded<T: Identified> {
    entries: Vec<T>,
    /// Places of the entries, sorted by id.
    by_id: Vec<u32>,
}

impl<T: Identified> Recorded<T> {
    /// An empty list.
    pub const fn new() -> Self {
        Self { entries: Vec::new(), by_id: Vec::new() }
    }

    /// The entry with this id.
    pub fn get(&self, id: &Reference) -> Option<&T> {
        self.place(id).ok().map(|at| &self.entries[self.by_id[at] as usize])
    }

    /// The entry with this id, to be changed in everything but its id.
    pub(super) fn get_mut(&mut self, id: &Reference) -> Option<&mut T> {
        self.place(id).ok().map(|at| &mut self.entries[self.by_id[at] as usize])
    }

    /// Appends an entry. If two have the same id, which no decision makes, the first is found.
    pub(super) fn push(&mut self, entry: T) {
        if let (Err(at), Ok(place)) = (self.place(entry.id()), u32::try_from(self.entries.len())) {
            self.by_id.insert(at, place);
        }
        self.entries.push(entry);
    }

    fn place(&self, id: &Reference) -> Result<usize, usize> {
        self.by_id.binary_search_by(|place| self.entries[*place as usize].id().cmp(id))
    }
}

impl<T: Identified> Default for Recorded<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Identified> Deref for Recorded<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.entries
    }
}

impl<T: Identified> From<Vec<T>> for Recorded<T> {
    fn from(entries: Vec<T>) -> Self {
        entries.into_iter().collect()
    }
}

impl<T: Identified + Serialize> Serialize for Recorded<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.entries.serialize(serializer)
    }
}

impl<T: Identified> FromIterator<T> for Recorded<T> {
    /// Sorts once, so that reading a long list needs no insertion in the middle.
    fn from_iter<I: IntoIterator<Item = T>>(entries: I) -> Self {
        let entries: Vec<T> = entries.into_iter().collect();
        let mut by_id: Vec<u32> = (0..u32::try_from(entries.len()).unwrap_or(u32::MAX)).collect();
        // Stable: of two entries with the same id, the first stays in front and is kept.
        by_id.sort_by(|a, b| entries[*a as usize].id().cmp(entries[*b as usize].id()));
        by_id.dedup_by(|later, first| {
            entries[*later as usize].id() == entries[*first as usize].id()
        });
        Self { entries, by_id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    struct Fact(Reference, u32);

    impl Identified for Fact {
        fn id(&self) -> &Reference {
            &self.0
        }
    }

    fn fact(id: &str, number: u32) -> Fact {
        Fact(Reference::parse(id).expect("an id"), number)
    }

    #[test]
    fn entries_keep_their_order_and_are_found_by_id() {
        let names = ["m", "a", "z", "b", "m"];
        let mut pushed = Recorded::new();
        for (id, number) in names.into_iter().zip(0..) {
            pushed.push(fact(id, number));
        }
        let collected: Recorded<Fact> =
            names.into_iter().zip(0..).map(|(id, number)| fact(id, number)).collect();
        assert_eq!(pushed, collected);
        let numbers: Vec<u32> = pushed.iter().map(|fact| fact.1).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4]);
        for (id, number) in [("m", Some(0)), ("a", Some(1)), ("z", Some(2)), ("x", None)] {
            let found = pushed.get(&fact(id, 0).0).map(|fact| fact.1);
            assert_eq!(found, number, "{id}");
        }
    }

    #[test]
    fn it_is_stored_as_a_plain_list() {
        let recorded: Recorded<Fact> = [fact("b", 1), fact("a", 2)].into_iter().collect();
        let stored = serde_json::to_value(&recorded).expect("JSON");
        assert_eq!(stored, json!([["b", 1], ["a", 2]]));
        let read: Recorded<Fact> = serde_json::from_value(stored).expect("a list");
        assert_eq!(read, recorded);
    }
}
