//! Names that later orders change: the name in the last-placed order is kept, whatever the order of arrival.
//!
//! Orders arrive in any order: partitions advance independently, and imports bring history after later orders. So a
//! name carries the business time at which its order was placed and, for equal times, the event's position. The later
//! one is kept, in the fold as in the tables.

use crate::db::{Binds, stored};
use faults::{Fault, arrival, planted};

/// A name, with the placing of the order that gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The name in that order.
    pub name: String,
    /// When the order was placed, in microseconds.
    pub at: i64,
    /// The position of the event that placed it.
    pub position: u64,
}

impl Named {
    /// Takes this name, unless the kept one is from an order placed later. Within one order, the last name is kept.
    pub fn keep_last(kept: &mut Option<Self>, name: &str, at: i64, position: u64) {
        let at = if planted(Fault::NameByArrival) { arrival() } else { at };
        match kept {
            Some(kept) if (kept.at, kept.position) > (at, position) => {}
            Some(kept) => {
                kept.name.clear();
                kept.name.push_str(name);
                (kept.at, kept.position) = (at, position);
            }
            None => *kept = Some(Self { name: name.to_owned(), at, position }),
        }
    }
}

/// Binds `named_at` and `named_position`; without a name, values before those of every order.
pub(super) fn bind_placing(named: Option<(i64, u64)>, binds: &mut Binds) {
    let (at, position) = named.unwrap_or((i64::MIN, 0));
    binds.int(at).int(stored(position));
}

/// Whether the new row's name is from an order placed later than the stored one.
macro_rules! is_later {
    () => {
        "(excluded.named_at, excluded.named_position) > (kept.named_at, kept.named_position)"
    };
}

/// Replaces a stored row's name and its placing by the new row's, if that order was placed later.
macro_rules! keep_last_name {
    () => {
        concat!(
            "name = CASE WHEN ",
            is_later!(),
            " THEN excluded.name ELSE kept.name END, named_at = CASE WHEN ",
            is_later!(),
            " THEN excluded.named_at ELSE kept.named_at END, named_position = CASE WHEN ",
            is_later!(),
            " THEN excluded.named_position ELSE kept.named_position END"
        )
    };
}
pub(super) use {is_later, keep_last_name};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_last_placed_order_stays_in_any_order_of_arrival() {
        let mut named = [("old", 1, 9), ("early", 5, 2), ("late", 5, 3)];
        for turn in 0..6 {
            named.rotate_left(1);
            if turn == 3 {
                named.swap(0, 1);
            }
            let mut kept = None;
            named.iter().for_each(|(name, at, position)| {
                Named::keep_last(&mut kept, name, *at, *position);
            });
            assert_eq!(kept, Some(Named { name: "late".into(), at: 5, position: 3 }));
        }
        let mut kept = None;
        Named::keep_last(&mut kept, "first line", 1, 1);
        Named::keep_last(&mut kept, "last line", 1, 1);
        assert_eq!(kept.map(|kept| kept.name).as_deref(), Some("last line"));
    }
}
