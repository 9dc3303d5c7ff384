//! Follows a log in PostgreSQL by position, like any subscriber, and records which positions it received.
//!
//! It remembers the last position that it saw and repeatedly reads those above it. If positions are not committed in
//! order, it steps over one that commits late and never sees it. [`Followed`] counts those, by a second look at the
//! end.

use sqlx::{Connection, PgConnection};
use std::time::Duration;

/// Positions read at a time.
const PAGE: i64 = 1_000;
/// The pause after an empty page.
const PAUSE: Duration = Duration::from_millis(1);

/// The positions that a follower saw, and those that it missed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Followed {
    /// Positions seen.
    pub seen: u64,
    /// Positions that the follower stepped over and that are now in the log: they came late.
    pub late: u64,
    /// Positions below the last that are not in the log.
    pub gaps: u64,
    /// The last position.
    pub last: u64,
}

impl Followed {
    /// Whether the follower saw every position, in order.
    pub fn is_whole(&self) -> bool {
        self.late == 0 && self.gaps == 0 && self.seen == self.last
    }
}

/// Follows the log until `over` returns true and no new position comes.
///
/// # Errors
/// When the server refuses.
pub async fn follow(url: &str, over: impl Fn() -> bool) -> Result<Followed, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let (mut seen, mut last) = (0, 0);
    loop {
        let ends = over();
        let page: Vec<i64> = sqlx::query_scalar(
            "SELECT position FROM event_store.events WHERE position > $1 ORDER BY position LIMIT $2",
        )
        .bind(last)
        .bind(PAGE)
        .fetch_all(&mut connection)
        .await?;
        match page.last() {
            Some(newest) => last = *newest,
            None if ends => break,
            None => tokio::time::sleep(PAUSE).await,
        }
        seen += page.len() as u64;
    }
    let stored: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM event_store.events")
        .fetch_one(&mut connection)
        .await?;
    let (stored, last) = (stored.unsigned_abs(), last.unsigned_abs());
    Ok(Followed {
        seen,
        late: stored.saturating_sub(seen),
        gaps: last.saturating_sub(stored),
        last,
    })
}
