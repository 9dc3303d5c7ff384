//! Whether a service of its own can open the texts about people that its views hold. It knows no log, which names the store
//! of keys. So it looks at the newest orders.

use key_store::{Keyring, keys_in};
use read_model::read::orders::{Direction, OrderFilter, OrderPage, OrderSort, SortKey};
use read_model::{ReadModel, ReadModelError};
use std::collections::BTreeSet;

/// Orders that a look takes in.
const LOOKED_AT: u32 = 20;

/// What a look has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Look {
    /// Nothing is sealed, as far as one can see.
    Plain,
    /// The keys are there.
    Readable,
    /// The texts cannot be opened: why, and what to do.
    Unreadable(&'static str),
}

/// Looks at the newest orders.
///
/// # Errors
/// When the read model cannot be read.
pub(crate) async fn look(
    model: &ReadModel,
    keyring: Option<&Keyring>,
) -> Result<Look, ReadModelError> {
    let sort = OrderSort { by: SortKey::Listed, direction: Direction::Descending };
    let page = OrderPage { sort, after: None, limit: LOOKED_AT };
    let newest = model.list_orders(&OrderFilter::default(), &page).await?.found;
    let keys: BTreeSet<_> =
        newest.iter().flat_map(|order| keys_in(order.summary.as_bytes())).collect();
    if keys.is_empty() {
        return Ok(Look::Plain);
    }
    let Some(keyring) = keyring else {
        return Ok(Look::Unreadable(
            "Texts about people are sealed here. Start the service with --personal-data-key-file.",
        ));
    };
    let keys: Vec<_> = keys.into_iter().collect();
    match keyring.store().data_keys(&keys).await {
        Ok(found) if found.is_empty() => Ok(Look::Unreadable(
            "The store of keys has none of the keys that texts are sealed with. Name the right one (--key-store).",
        )),
        Ok(_) => Ok(Look::Readable),
        // Its own part of the readiness says so.
        Err(_) => Ok(Look::Plain),
    }
}
