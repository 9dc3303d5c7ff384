//! What an item that is short should release: its newest soft reservations. They are read only if an item is short.

use crate::app::App;
use crate::consistency::Consistency;
use read_model::read::positions::Projection;
use read_model::read::stock::ItemFigures;
use server::Problem;
use std::collections::HashMap;
use uuid::Uuid;

/// The reservations to release, by item.
pub(super) struct Releases {
    /// Everything up to here is in them.
    position: u64,
    /// `None` for a view of the past, which names none.
    by_item: Option<HashMap<Uuid, Vec<Uuid>>>,
}

impl Releases {
    /// For a view of the past.
    pub(super) const fn none() -> Self {
        Self { position: u64::MAX, by_item: None }
    }

    /// Those of the items that are short.
    ///
    /// # Errors
    /// As [`App::model_at`], and when the read model fails.
    pub(super) async fn read(
        app: &App,
        items: &[ItemFigures],
        consistency: Consistency,
    ) -> Result<Self, Problem> {
        let short = items.iter().filter(|item| item.available < 0);
        let short: Vec<Uuid> = short.map(|item| item.item_id).collect();
        if short.is_empty() {
            return Ok(Self { position: u64::MAX, by_item: Some(HashMap::new()) });
        }
        let model = app.model_at(consistency, &[Projection::RESERVATIONS]).await?;
        let seen = consistency.seen(model.newest_soft_reservations(&short).await)?;
        Ok(Self { position: seen.position, by_item: Some(seen.found) })
    }

    /// The position of an answer that shows these beside what stands at `position`.
    pub(super) fn beside(&self, position: u64) -> u64 {
        position.min(self.position)
    }

    /// Those of an item; `None` if it is not short, or the past is shown.
    pub(super) fn of_item(&self, item: &ItemFigures) -> Option<&[Uuid]> {
        let by_item = self.by_item.as_ref().filter(|_| item.available < 0)?;
        Some(by_item.get(&item.item_id).map_or(&[], Vec::as_slice))
    }
}
