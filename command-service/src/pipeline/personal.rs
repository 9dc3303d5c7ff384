//! Texts about people: plain in memory, where rules compare them, and sealed in what is stored.
//!
//! When a customer's data are erased, states in memory still hold them in plain. So each batch notes the keyring's
//! generation before it takes a state. If that is another one when it has decided, it decides again on states that are
//! loaded afresh: what was erased cannot come back in a new event or snapshot.

use super::key::Key;
use domain::Aggregate;
use event_store::{EventStore, LoadedStream, RecordedEvent, StoreError};
use key_store::{KeyStoreError, Keyring};
use personal_data::{DataKey, KeyId, MARK};
use std::borrow::Cow;
use std::sync::Arc;

/// Seals and opens, if the program has a keyring. By default nothing is sealed.
#[derive(Clone, Default)]
pub struct Personal(Option<Sealing>);

#[derive(Clone)]
struct Sealing {
    keyring: Keyring,
    /// Requests are fingerprinted with it.
    requests: Arc<DataKey>,
}

/// Why texts cannot be sealed in a log.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// The log notes another store of keys.
    #[error("--key-store: the texts of this log are sealed with the keys of another store")]
    OtherStore,
    /// The log notes another store of keys, or one for the first time, since the program has started.
    #[error(
        "another program has sealed this log, or given it another store of keys, since this one started; what this one would store \
         could not be read, or would be plain. Start it again"
    )]
    Changed,
    /// The store of keys cannot be used.
    #[error("--key-store: {0}")]
    Keys(#[from] KeyStoreError),
    /// The log cannot be used.
    #[error("--event-store: {0}")]
    Log(#[from] StoreError),
}

impl Personal {
    /// Seals with this keyring what is stored in a log. The log notes which store the keys are in, before anything is sealed.
    ///
    /// # Errors
    /// [`SealingError`].
    pub async fn sealing(keyring: Keyring, log: &EventStore) -> Result<Self, SealingError> {
        let requests = Arc::new(keyring.request_key().await?);
        if log.seal_with(requests.id()).await? != requests.id() {
            return Err(SealingError::OtherStore);
        }
        keyring.prepare();
        Ok(Self(Some(Sealing { keyring, requests })))
    }

    /// The keyring, if the program has one.
    pub fn keyring(&self) -> Option<&Keyring> {
        self.0.as_ref().map(|sealing| &sealing.keyring)
    }

    /// What names the store of keys, if texts are sealed.
    pub fn key_store(&self) -> Option<KeyId> {
        self.0.as_ref().map(|sealing| sealing.requests.id())
    }

    /// A request's key as it is kept in the log.
    pub fn sealed_key(&self, key: Key) -> Key {
        match &self.0 {
            Some(Sealing { requests, .. }) => key.sealed(requests),
            None => key,
        }
    }

    /// Rises with each erasure.
    pub fn generation(&self) -> u64 {
        self.keyring().map_or(0, Keyring::generation)
    }

    /// Waits, within a bound, until this many commands can be sealed. If that was in vain, those that need another key are
    /// refused when they are decided.
    pub async fn ready(&self, commands: usize) {
        if let Some(keyring) = self.keyring() {
            keyring.ready(commands).await;
        }
    }

    /// The event as it is stored: its texts about people sealed for the customer. `None` if that cannot be done now.
    pub fn sealed<'a, A: Aggregate>(
        &self,
        event: &'a A::Event,
        customer: Option<&str>,
    ) -> Option<Cow<'a, A::Event>> {
        let (Some(keyring), Some(customer)) = (self.keyring(), customer) else {
            return Some(Cow::Borrowed(event));
        };
        let mut sealed = event.clone();
        let mut failed = false;
        A::change_personal(&mut sealed, &mut |text| {
            // What was erased from a state stays as it is.
            if text.starts_with(MARK) {
                return text.to_owned();
            }
            keyring.seal(customer, text).unwrap_or_else(|| {
                failed = true;
                String::new()
            })
        });
        if failed { None } else { Some(Cow::Owned(sealed)) }
    }

    /// A state as a snapshot stores it. `None` if it cannot be sealed now.
    ///
    /// No event may ever use the key, so whose it is must be noted here: otherwise an erasure would not destroy it.
    pub async fn sealed_state(&self, state: Vec<u8>, customer: Option<&str>) -> Option<Vec<u8>> {
        let (Some(keyring), Some(customer)) = (self.keyring(), customer) else {
            return Some(state);
        };
        let sealed = keyring.seal(customer, std::str::from_utf8(&state).ok()?)?;
        let sealed = serde_json::to_vec(&sealed).ok()?;
        match keyring.keep_for(customer, &sealed).await {
            Ok(theirs) => theirs.then_some(sealed),
            Err(error) => {
                tracing::warn!(%error, "whose key a snapshot is sealed with cannot be noted; there is none");
                None
            }
        }
    }

    /// Opens what was loaded of a stream. A snapshot that was erased is left out, so that the events must be folded.
    ///
    /// # Errors
    /// When the store of keys cannot be reached.
    pub async fn open(&self, loaded: &mut LoadedStream) -> Result<Opening, KeyStoreError> {
        let Some(keyring) = self.keyring() else { return Ok(Opening::Whole) };
        self.open_events(&mut loaded.events).await?;
        let Some(snapshot) = &mut loaded.snapshot else { return Ok(Opening::Whole) };
        if !snapshot.state.starts_with(br#""\u001a"#) {
            return Ok(Opening::Whole);
        }
        let opened = keyring.open_json(&snapshot.state).await?;
        match serde_json::from_slice::<String>(&opened.json) {
            Ok(state) if !state.starts_with(MARK) => {
                snapshot.state = state.into_bytes();
                Ok(Opening::Whole)
            }
            _ => Ok(Opening::SnapshotErased),
        }
    }

    /// Opens events. What was erased stays sealed.
    ///
    /// # Errors
    /// When the store of keys cannot be reached.
    pub async fn open_events(&self, events: &mut [RecordedEvent]) -> Result<(), KeyStoreError> {
        let Some(keyring) = self.keyring() else { return Ok(()) };
        for event in events {
            let opened = keyring.open_what_is_left(&event.payload).await?;
            if let Cow::Owned(opened) = opened {
                event.payload = opened;
            }
        }
        Ok(())
    }
}

/// What could be opened of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// All that was loaded.
    Whole,
    /// All but its snapshot.
    SnapshotErased,
}
