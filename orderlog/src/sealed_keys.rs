//! Whether the store of keys has every key that a text in the log is sealed with. What it lacks can never be read again.

use crate::settings::Settings;
use anyhow::Context;
use event_store::{EventStore, MAX_PAGE};
use key_store::{Access, Kept, KeyStore, keys_in};
use server::Output;
use std::collections::BTreeMap;

/// Prints what it found. Returns whether nothing is missing.
///
/// # Errors
/// When the log or the store of keys cannot be read.
pub async fn check(
    settings: &Settings,
    log: &EventStore,
    output: &mut Output,
) -> anyhow::Result<bool> {
    let (used, named) = (used(log).await?, log.sealed_with().await.context("cannot read the log")?);
    if used.is_empty() {
        return Ok(true);
    }
    let Some(named) = named else {
        output.line(
            "keys: texts in the log are sealed, and it does not note with the keys of which store",
        );
        return Ok(false);
    };
    let url = settings.key_store();
    let store = match KeyStore::open(&url, Access::Follow).await {
        Ok(store) => store,
        Err(error) => {
            let masked = server::telemetry::masked(&url);
            output.line(format!(
                "keys: texts in the log are sealed, and their store of keys is not at {masked} (--data-dir or --key-store): {error}"
            ));
            return Ok(false);
        }
    };
    let found = compare(&used, &store, named, output).await;
    store.close().await;
    found.context("cannot read the store of keys (--data-dir or --key-store)")
}

async fn compare(
    used: &BTreeMap<personal_data::KeyId, u64>,
    store: &KeyStore,
    named: personal_data::KeyId,
    output: &mut Output,
) -> anyhow::Result<bool> {
    if store.identity().await? != Some(named) {
        output.line("keys: the log was sealed with keys of another store; put its newest copy back, or name it (--key-store)");
        return Ok(false);
    }
    let (mut missing, mut destroyed) = (Vec::new(), 0_u64);
    for (key, position) in used {
        match store.data_keys(&[*key]).await?.first().map(|stored| &stored.kept) {
            None => missing.push(*position),
            Some(Kept::Destroyed(_)) => destroyed += 1,
            Some(Kept::Wrapped { .. }) => {}
        }
    }
    let (keys, lacking) = (used.len(), missing.len());
    if let Some(first) = missing.iter().min() {
        output.line(format!(
            "keys: {lacking} of the {keys} keys that texts are sealed with are not in the store of keys, the first at position \
             {first}; put its newest copy back"
        ));
        return Ok(false);
    }
    output.line(format!(
        "keys: all {keys} keys that texts are sealed with are in the store of keys, {destroyed} of them erased"
    ));
    Ok(true)
}

/// The keys that events use, each with the first position where it is used.
async fn used(log: &EventStore) -> anyhow::Result<BTreeMap<personal_data::KeyId, u64>> {
    let (mut used, mut after) = (BTreeMap::new(), 0);
    loop {
        let events = log.read_feed(after, MAX_PAGE).await.context("cannot read the log")?;
        let Some(last) = events.last() else { return Ok(used) };
        after = last.position;
        for event in &events {
            for key in keys_in(&event.payload) {
                used.entry(key).or_insert(event.position);
            }
        }
    }
}
