//! The batch loaders: one statement reads what many requests want at the same moment.
//!
//! They serve the two reads that almost every request about one order makes: the current order, and a stream's version
//! at a moment of the past.

use crate::coalescer::{BatchLoader, Panicked};
use read_model::read::Seen;
use read_model::read::order::{Batched, OrderText};
use read_model::read::version_at::{StreamAt, Until};
use read_model::{ReadModel, ReadModelError};
use uuid::Uuid;

/// Requests in one statement.
const BATCH: usize = 32;
/// Statements of one kind under way at a time.
const READERS: usize = 2;

type Answer<T> = Result<Seen<T>, ReadModelError>;

/// One loader for each of these reads.
#[derive(Debug)]
pub(crate) struct Loaders {
    orders: BatchLoader<Uuid, Answer<Batched>>,
    versions: BatchLoader<StreamAt, Answer<u64>>,
}

impl Default for Loaders {
    fn default() -> Self {
        Self {
            orders: BatchLoader::new(BATCH, READERS),
            versions: BatchLoader::new(BATCH, READERS),
        }
    }
}

impl Loaders {
    /// The current order.
    ///
    /// # Errors
    /// When the storage refuses.
    pub(crate) async fn order(
        &self,
        model: &ReadModel,
        order_id: Uuid,
    ) -> Answer<Option<OrderText>> {
        let alone = async {
            let Seen { position, found } = model.order(order_id).await?;
            Ok(Seen { position, found: found.map_or(Batched::Missing, Batched::Found) })
        };
        let loaded = self.orders.load(order_id, alone, model, orders).await;
        let Seen { position, found } = loaded.unwrap_or_else(failed)?;
        match found {
            Batched::Found(order) => Ok(Seen { position, found: Some(order) }),
            Batched::Missing => Ok(Seen { position, found: None }),
            Batched::TooLarge => model.order(order_id).await,
        }
    }

    /// The stream's version at that moment; 0 before its first event, or if there is no such stream.
    ///
    /// # Errors
    /// When the storage refuses.
    pub(crate) async fn version_at(
        &self,
        model: &ReadModel,
        stream: (&'static str, Uuid),
        until: Until,
    ) -> Answer<u64> {
        let asked = StreamAt { stream, until };
        let alone = async {
            let Seen { position, found } = model.versions_at(&[asked]).await?;
            Ok(Seen { position, found: found.first().copied().unwrap_or(0) })
        };
        let loaded = self.versions.load(asked, alone, model, versions).await;
        loaded.unwrap_or_else(failed)
    }
}

async fn orders(model: ReadModel, order_ids: Vec<Uuid>) -> Vec<Answer<Batched>> {
    each(model.orders(&order_ids).await, order_ids.len())
}

async fn versions(model: ReadModel, asked: Vec<StreamAt>) -> Vec<Answer<u64>> {
    each(model.versions_at(&asked).await, asked.len())
}

/// What one statement found, for each request; or why it failed, for all of them.
fn each<T>(read: Answer<Vec<T>>, requests: usize) -> Vec<Answer<T>> {
    match read {
        Ok(Seen { position, found }) => {
            found.into_iter().map(|found| Ok(Seen { position, found })).collect()
        }
        Err(error) => (0..requests).map(|_| Err(error.clone())).collect(),
    }
}

fn failed<T>(_: Panicked) -> Answer<T> {
    Err(ReadModelError::Unavailable("the reader that was asked has failed".into()))
}
