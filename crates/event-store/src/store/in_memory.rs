//! Handles on the log in memory.

use super::EventStore;
use crate::Access;
use crate::memory::{MemoryLog, MemoryStore};
use std::sync::Arc;

impl MemoryLog {
    /// Another handle on this log.
    pub fn open(&self, access: Access) -> EventStore {
        EventStore::Memory(Arc::new(MemoryStore::on(self.clone(), access)))
    }
}
