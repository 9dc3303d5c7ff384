//! Compares the head of the log with the last stored event.
//!
//! Every handle compares the two when it is opened, whatever the length of the log: one statement reads both from their
//! indexes. A head without its rows means that events answered as stored are missing, or that the storage was changed by
//! hand. Further appends would hide either. Only [`crate::Access::Verify`] opens such a log.

use crate::chain::{GENESIS, Hash};
use crate::row;
use crate::{Position, StoreError};
use sqlx::{ColumnIndex, Database, Decode, FromRow, Row, Type};

/// The SQL that reads an [`Ends`].
pub(crate) const ENDS: &str =
    "SELECT log_head.position, log_head.hash, COALESCE(last.position, 0), last.hash
     FROM log_head LEFT JOIN
         (SELECT position, hash FROM events ORDER BY position DESC LIMIT 1) AS last ON TRUE
     WHERE log_head.only_row = 1";

/// The head and the last event of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    head: (Position, Hash),
    /// Position 0 and the hash before the first event for a log without events.
    last: (Position, Hash),
}

impl Ends {
    /// Refuses a head that is not the last event; the error says what to do.
    pub fn check(self) -> Result<(), StoreError> {
        let Self { head, last } = self;
        if head == last {
            return Ok(());
        }
        let difference = if head.0 == last.0 {
            format!(
                "its head and its last event, both at position {}, have different hashes",
                head.0
            )
        } else {
            format!("its head is at position {}, its last event at position {}", head.0, last.0)
        };
        Err(StoreError::Corrupt(format!(
            "{difference}: events are missing or were changed by hand; \
             run `orderlog verify` to see where, then restore the log from a backup"
        )))
    }
}

impl<'r, R> FromRow<'r, R> for Ends
where
    R: Row,
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    &'r [u8]: Decode<'r, R::Database> + Type<R::Database>,
    R::Database: Database,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        let last = match row.try_get::<Option<&'r [u8]>, _>(3)? {
            Some(_) => row::hash(row, 3)?,
            None => GENESIS,
        };
        Ok(Self {
            head: (row::number(row, 0)?, row::hash(row, 1)?),
            last: (row::number(row, 2)?, last),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_that_is_not_the_last_event_is_refused_with_both_positions_and_what_to_do() {
        let ends = |head, last| Ends { head, last }.check();
        ends((0, GENESIS), (0, GENESIS)).unwrap();
        ends((7, [1; 32]), (7, [1; 32])).unwrap();
        let refused = |head, last| match ends(head, last) {
            Err(StoreError::Corrupt(reason)) => reason,
            other => panic!("{other:?}"),
        };
        let ahead = refused((9, [1; 32]), (7, [2; 32]));
        assert!(ahead.contains("position 9") && ahead.contains("position 7"), "{ahead}");
        assert!(ahead.contains("orderlog verify") && ahead.contains("backup"), "{ahead}");
        assert!(refused((7, [1; 32]), (7, [2; 32])).contains("different hashes"));
        assert!(refused((1, [1; 32]), (0, GENESIS)).contains("position 0"));
    }
}
