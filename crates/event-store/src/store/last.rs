//! The last event of a stream type, for programs that must not begin before they have seen it.

use super::{EventStore, on_backend};
use crate::{Position, StoreError, StreamType, points};

/// Positions that one statement looks at: no index has the type first.
const LOOKED_AT: Position = 50_000;

impl EventStore {
    /// The position of the last event of this stream type behind `after`, up to the head at the start. Takes time in proportion
    /// to the events behind `after`.
    ///
    /// # Errors
    /// [`StoreError`], as each variant says.
    pub async fn last_of(
        &self,
        stream_type: StreamType,
        after: Position,
    ) -> Result<Option<Position>, StoreError> {
        let mut until = self.head().await?.position;
        while until > after {
            let from = after.max(until.saturating_sub(LOOKED_AT));
            let _asking = points::ask("log: last of a type").await?;
            let found = on_backend!(self, store => store.last_of(stream_type, from, until).await)?;
            if found.is_some() {
                return Ok(found);
            }
            until = from;
        }
        Ok(None)
    }
}
