//! The cases by name, for the command line, the cases themselves and their reports.

/// A case; the names are those of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Case {
    /// axum that parses and answers but stores nothing, over clients
    Ceiling,
    /// Five-step orders over clients, compared with the ceiling and the peer
    Commands,
    /// The peer (cqrs-es on PostgreSQL) with pools of several sizes, 64 clients
    Peer,
    /// One and ten hot orders, 64 clients, compared with the spread case
    Hot,
    /// Latency at 70 % of the highest rate, timed from when each command was due
    Latency,
    /// From 2xx to visible in the view, at 1,000 commands a second
    Visibility,
    /// How far views fall behind at the highest rate; memory meanwhile
    Lag,
    /// One order, a list, an order as of a time, compared with the same bytes from memory
    Reads,
    /// All projections from the log, while serving
    Rebuild,
    /// The relay from a full log to a full topic
    Relay,
    /// Orders from a file
    Import,
    /// Five-step orders with texts about people sealed, compared with plain ones (SQLite)
    Sealing,
    /// From exec to ready
    Start,
    /// Reservations of one product and of several, 64 clients, compared with one UPDATE a commit
    Stock,
    /// The storage by itself
    Floors,
    /// The same figures at growing numbers of orders (--sizes)
    Growth,
}

/// The cases that run when none is named. All but `growth`, which takes long, `relay`, which needs a broker, `sealing`,
/// whose figures are in another document, and those that `commands` includes.
pub const USUAL: [Case; 10] = [
    Case::Floors,
    Case::Commands,
    Case::Hot,
    Case::Latency,
    Case::Visibility,
    Case::Lag,
    Case::Reads,
    Case::Rebuild,
    Case::Import,
    Case::Start,
];
