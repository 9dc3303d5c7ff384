//! The bounds of a handle's caches. No bound changes an answer, not even 0.

/// The most that a handle keeps of each kind. Any number is allowed, 0 too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacities {
    /// Streams whose ends need not be looked up, in each of two generations: about 20 MB together by default.
    pub known_streams: usize,
    /// The most events in the tail cache, for readers that follow the log in the same process.
    pub tail_events: usize,
    /// The most bytes of their payloads.
    pub tail_bytes: usize,
    /// Texts of SQL for the fast path of an append on SQLite, by its numbers of events and answers. The last one is
    /// always kept.
    pub bulk_statements: usize,
    /// Prepared statements of the connection that writes to SQLite: one for each number of rows.
    pub sqlite_statements: usize,
    /// Prepared statements of each connection to PostgreSQL.
    pub postgres_statements: usize,
}

impl Default for Capacities {
    fn default() -> Self {
        Self {
            known_streams: 65_536,
            tail_events: 4_096,
            tail_bytes: 8 * 1024 * 1024,
            bulk_statements: 256,
            sqlite_statements: 256,
            postgres_statements: 64,
        }
    }
}
