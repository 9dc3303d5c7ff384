//! Where a seed has its log.

use event_store::{Access, Capacities, EventStore, MemoryLog};
use rig::postgres::Database;

/// Where the log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Memory,
    Sqlite,
    Postgres,
}

impl Backend {
    /// By which `ORDERLOG_SIMULATION_LOG` names it.
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

/// Where the log is.
pub enum Log {
    Memory(MemoryLog),
    /// By its URL, and the database to drop when the seed ends.
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
