//! Follows a log in PostgreSQL by position, as any subscriber would, and keeps account of what it was given.
//!
//! It remembers the last position that it saw and asks for those above it, again and again. If positions are not handed
//! out in commit order, it steps over one that commits late, and never sees it: [`Followed`] says how many, by looking
//! once more when everything is over.

use sqlx::{Connection, PgConnection};
use std::time::Duration;

/// Positions asked for at a time.
const PAGE: i64 = 1_000;
/// The pause after an empty page.
const PAUSE: Duration = Duration::from_millis(1);

/// What a follower saw, and what it did not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Followed {
    /// Positions seen.
    pub seen: u64,
    /// Positions that the follower stepped over and that are in the log: they came late.
    pub late: u64,
    /// Positions up to the last that are not in the log at all.
    pub gaps: u64,
    /// The last position.
    pub last: u64,
}

impl Followed {
    /// Whether the follower was given every position, in order.
    pub fn is_whole(&self) -> bool {
        self.late == 0 && self.gaps == 0 && self.seen == self.last
    }
}

/// Follows the log until nothing new comes after `over` has said true.
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
