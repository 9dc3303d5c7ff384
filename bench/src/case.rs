//! The cases by name, as the command line, the cases themselves and their reports know them.

/// What can be measured by itself; the names are those of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Case {
    /// axum that parses and answers, storing nothing, over clients
    Ceiling,
    /// Five-step orders over clients, beside the ceiling and the peer
    Commands,
    /// The peer (cqrs-es on PostgreSQL) with pools of several sizes, 64 clients
    Peer,
    /// One and ten hot orders, 64 clients, beside the spread case
    Hot,
    /// Latency at 70 % of the highest rate, timed from when each command was due
    Latency,
    /// From 2xx to visible in the view, at 1,000 commands a second
    Visibility,
    /// How far views fall behind at the highest rate; memory meanwhile
    Lag,
    /// One order, a list, an order as of then, beside the same bytes from memory
    Reads,
    /// All projections from the log, while serving
    Rebuild,
    /// The relay from a full log to a full topic
    Relay,
    /// Orders from a file
    Import,
    /// From exec to ready
    Start,
    /// What the storage does without us
    Floors,
    /// The same figures at growing numbers of orders (--sizes)
    Growth,
}

/// What runs when no case is named: all but `growth`, which takes long, `relay`, which needs a broker, and what
/// `commands` includes.
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
