//! The log of a seed.

use event_store::{Access, Capacities, EventStore, MemoryLog};
use rig::postgres::Database;

/// The backend of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Memory,
    Sqlite,
    Postgres,
}

impl Backend {
    /// The name in `ORDERLOG_SIMULATION_LOG`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        [Self::Memory, Self::Sqlite, Self::Postgres].into_iter().find(|its| its.name() == name)
    }
}

/// The place of the log.
pub enum Log {
    Memory(MemoryLog),
    /// The URL, and the database to drop when the seed ends.
    Stored(String, Option<Database>),
}

impl Log {
    pub async fn open(&self, access: Access, capacities: Capacities) -> EventStore {
        match self {
            Self::Memory(log) => log.open(access),
            Self::Stored(url, _) => EventStore::open_with(url, access, capacities).await.unwrap(),
        }
    }
}
