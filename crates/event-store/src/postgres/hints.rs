//! Hints that the head moved, and the SQL that polls the head when none comes.

use pg_hints::{Ask, Channel, News};
use std::time::Duration;

/// Hints of appends, in the log's own database.
pub(super) const APPENDED: Channel = Channel {
    name: "orderlog_appended",
    news: News::Higher,
    ask: Some(Ask {
        sql: "SELECT position FROM log_head WHERE only_row = 1",
        every: Duration::from_secs(1),
    }),
};
/// One connection listens, one asks and notifies.
pub(super) const CONNECTIONS: u32 = 2;
