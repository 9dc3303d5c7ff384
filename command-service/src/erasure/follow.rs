//! Whose each key is, read from the log.
//!
//! Commands take keys from memory and wait for nothing, so nowhere but in the log is it written which key became whose. This
//! task reads the log after them and notes it in the store of keys, page by page and each page once: the position there
//! moves with the page, and only from where the page begins. Several processes may do it at once; one of them notes a page.
//!
//! Only an erasure needs it at once, and says so; otherwise pages are noted a few times a second, so that a commit here is
//! shared by many commands.
//!
//! The first event of a stream names its customer. For a later one whose stream is not known here, the first is read.

use crate::pipeline::Commanded;
use domain::Aggregate;
use domain::customer::{CustomerAggregate, CustomerEvent};
use event_store::{EventStore, RecordedEvent, StoreError, StreamType};
use key_store::{FollowedPage, KeyStore, KeyStoreError, Place, keys_in};
use lru::LruCache;
use personal_data::{KeyId, MARK};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Events that are noted at a time.
const PAGE: usize = 1_000;
/// Streams whose customers are remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(100_000).expect("it is not 0");
/// The pause after the last page that there was.
const BREATH: Duration = Duration::from_millis(250);
/// The longest pause between two looks at the log, and the pause after a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// Keys of which it is known that they are noted.
const NOTED_KEYS: NonZeroUsize = NonZeroUsize::new(100_000).expect("it is not 0");

/// Follows the log until `ending` is cancelled; at once when `hurry` says so.
pub(crate) async fn follow<A: Commanded>(
    store: EventStore,
    keys: KeyStore,
    hurry: Arc<Notify>,
    ending: CancellationToken,
) {
    let mut head = store.head_hint();
    let mut follower = Follower::<A>::new(store, keys);
    let following = async {
        loop {
            match follower.note_page().await {
                Ok(Noted::Page) => {}
                Ok(Noted::Nothing) => {
                    let more = async {
                        sleep(BREATH).await;
                        // A hint may be lost; the pause is the truth.
                        drop(timeout(PAUSE, head.changed()).await);
                    };
                    tokio::select! {
                        () = more => {}
                        () = hurry.notified() => {}
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "whose the keys of personal data are is not noted now; it is tried again");
                    sleep(PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = following => {}
        () = ending.cancelled() => {}
    }
}

/// Before anything is answered: obeys every erasure that the log has and the store of keys does not know, because that was put
/// back from an older copy. Begins again where the store has followed another log than this one, or further.
///
/// # Errors
/// When one of the two cannot be used.
pub(crate) async fn settle<A: Commanded>(
    store: &EventStore,
    keys: &KeyStore,
) -> Result<(), FollowError> {
    let place = keys.place().await?;
    if !fits(store, place).await? && keys.follow_again(place.position).await? {
        let followed = place.position;
        tracing::warn!(
            followed,
            "the store of keys has followed another log, or a longer one; it is followed from the start"
        );
    }
    let erasures = const { StreamType::new(CustomerAggregate::STREAM_TYPE) };
    let Some(last) = store.last_of(erasures, keys.followed().await?).await? else { return Ok(()) };
    tracing::info!(
        last,
        "the log has erasures that the store of keys has not followed; they are obeyed first"
    );
    let mut follower = Follower::<A>::new(store.clone(), keys.clone());
    while keys.followed().await? < last {
        follower.note_page().await?;
    }
    Ok(())
}

/// Whether the log has, at its place, the event that was followed last.
async fn fits(store: &EventStore, place: Place) -> Result<bool, StoreError> {
    let Some(before) = place.position.checked_sub(1) else { return Ok(true) };
    let found = store.read_feed(before, 1).await?;
    let found = found.first().filter(|event| event.position == place.position);
    Ok(found.is_some_and(|event| place.hash.is_none_or(|hash| hash == event.hash)))
}

/// Why a page was not noted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FollowError {
    /// The log cannot be used.
    #[error("the log: {0}")]
    Log(#[from] StoreError),
    /// The store of keys cannot be used.
    #[error("the store of keys: {0}")]
    Keys(#[from] KeyStoreError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noted {
    /// A full page, here or elsewhere: there may be more.
    Page,
    /// All that there was.
    Nothing,
}

/// Reads the streams of one aggregate.
struct Follower<A> {
    store: EventStore,
    keys: KeyStore,
    /// The customer of each stream; `None` = it has none.
    owners: LruCache<Uuid, Option<Arc<str>>>,
    /// Keys that were noted.
    noted: LruCache<KeyId, ()>,
    aggregate: std::marker::PhantomData<fn() -> A>,
}

impl<A: Commanded> Follower<A> {
    fn new(store: EventStore, keys: KeyStore) -> Self {
        let aggregate = std::marker::PhantomData;
        let (owners, noted) = (LruCache::new(REMEMBERED), LruCache::new(NOTED_KEYS));
        Self { store, keys, owners, noted, aggregate }
    }

    async fn note_page(&mut self) -> Result<Noted, FollowError> {
        let from = self.keys.followed().await?;
        let events = self.store.read_feed(from, PAGE).await?;
        let full = events.len() == PAGE;
        let Some(page) = self.page(&events).await? else { return Ok(Noted::Nothing) };
        let cut = events.last().is_some_and(|last| last.position > page.position);
        if let Some(strange) = self.keys.note_followed(from, &page).await? {
            if let Some(first) = strange.first() {
                let keys = strange.len();
                tracing::error!(keys, %first, "events use keys that the store of keys does not have; was it put back from a backup?");
            }
            for (key, _) in page.keys {
                self.noted.put(key, ());
            }
        }
        Ok(if full || cut { Noted::Page } else { Noted::Nothing })
    }

    /// What the events say, up to the next erasure: when that comes first, all keys from before it are noted. `None` = there
    /// are no events.
    async fn page(
        &mut self,
        events: &[RecordedEvent],
    ) -> Result<Option<FollowedPage>, FollowError> {
        let mut page = FollowedPage::default();
        for event in events {
            if let Some(customer) = erased(event) {
                if page.position > 0 {
                    break;
                }
                self.erase_again(&customer, event).await?;
            }
            (page.position, page.hash) = (event.position, event.hash);
            if event.stream.stream_type.as_str() != A::STREAM_TYPE {
                continue;
            }
            let keys = keys_in(&event.payload);
            let personal = A::PERSONAL_EVENTS.contains(&event.event_type.as_str());
            let begins = event.version == 1;
            // A newer build may seal texts in events that this one does not know.
            if keys.is_empty() && !personal && !begins {
                continue;
            }
            let read = if personal || begins { decoded::<A>(event) } else { None };
            if begins {
                let owner = read.as_ref().and_then(|read| named::<A>(read, event));
                self.owners.put(event.stream.id, owner);
            }
            let Some(customer) = self.owner(event).await? else { continue };
            let plain = personal && read.is_some_and(has_plain_texts::<A>);
            for key in keys.into_iter().filter(|key| self.noted.get(key).is_none()) {
                page.keys.insert(key, (*customer).into());
            }
            if begins || plain {
                let figures = page.customers.entry((*customer).into()).or_default();
                figures.orders += u64::from(begins);
                figures.plain += u64::from(plain);
            }
        }
        Ok((page.position > 0).then_some(page))
    }

    /// Keys that were destroyed are there again if the store was put back from an older copy.
    async fn erase_again(&self, customer: &str, event: &RecordedEvent) -> Result<(), FollowError> {
        let keys = self.keys.destroy_again(customer, event.occurred_at).await?;
        if keys > 0 {
            tracing::warn!(target: "audit", customer, keys, position = event.position, "keys of erased data were there again, and are destroyed again");
        }
        Ok(())
    }

    async fn owner(&mut self, event: &RecordedEvent) -> Result<Option<Arc<str>>, StoreError> {
        if let Some(owner) = self.owners.get(&event.stream.id) {
            return Ok(owner.clone());
        }
        let first = self.store.read_stream(&event.stream, 0, 1).await?;
        let owner = first.first().and_then(|first| named::<A>(&decoded::<A>(first)?, first));
        self.owners.put(event.stream.id, owner.clone());
        Ok(owner)
    }
}

/// Whose data an event says were erased.
fn erased(event: &RecordedEvent) -> Option<String> {
    if event.stream.stream_type.as_str() != CustomerAggregate::STREAM_TYPE {
        return None;
    }
    let CustomerEvent::PersonalDataErased { customer_id } = decoded::<CustomerAggregate>(event)?;
    Some(customer_id.as_str().to_owned())
}

/// The customer that a stream's first event names.
fn named<A: Commanded>(read: &A::Event, first: &RecordedEvent) -> Option<Arc<str>> {
    A::customer(&A::evolve(A::State::default(), read, first.occurred_at)).map(Arc::from)
}

/// Whether an event holds texts about people that were not sealed: it is older than the key, or was written without one.
fn has_plain_texts<A: Aggregate>(mut event: A::Event) -> bool {
    let mut plain = false;
    A::change_personal(&mut event, &mut |text| {
        plain |= !text.starts_with(MARK);
        text.to_owned()
    });
    plain
}

fn decoded<A: Aggregate>(event: &RecordedEvent) -> Option<A::Event> {
    // An event that this build cannot read is of a newer one, which follows the log, too.
    A::decode(&event.event_type, event.schema_version, &event.payload).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::order::OrderAggregate;
    use event_store::{Access, Metadata, StreamType};
    use key_store::Figures;
    use personal_data::DataKey;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    fn event(stream: Uuid, version: u64, name: &str, payload: &Value) -> RecordedEvent {
        RecordedEvent {
            position: version,
            stream: StreamType::new(OrderAggregate::STREAM_TYPE).stream(stream),
            partition_key: stream,
            version,
            event_id: Uuid::now_v7(),
            event_type: name.to_owned(),
            schema_version: 1,
            occurred_at: domain::Timestamp::UNIX_EPOCH,
            recorded_at: domain::Timestamp::UNIX_EPOCH,
            metadata: Metadata::default(),
            payload: payload.to_string().into_bytes(),
            hash: [0; 32],
        }
    }

    #[tokio::test]
    async fn the_keys_of_events_that_only_a_newer_build_knows_are_noted() {
        let folder = tempfile::tempdir().unwrap();
        let url = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
        let store = EventStore::open(&url("events.db"), Access::ReadWrite).await.unwrap();
        let keys = KeyStore::open(&url("keys.db"), key_store::Access::Manage).await.unwrap();
        let mut follower = Follower::<OrderAggregate>::new(store, keys);
        let (first, later) = (DataKey::generate().unwrap(), DataKey::generate().unwrap());
        let seal = |key: &DataKey| key.seal("Ada").unwrap().to_string();
        let customer = json!({"id": "c-ada", "name": seal(&first)});
        let stream = Uuid::now_v7();
        let events = [
            event(
                stream,
                1,
                "OrderDrafted",
                &json!({"customer": customer, "currency": "EUR", "lines": []}),
            ),
            event(stream, 2, "DraftDiscarded", &json!({})),
            event(stream, 3, "FromTheFuture", &json!({"text": seal(&later)})),
        ];
        let page = follower.page(&events).await.unwrap().unwrap();
        let noted = [&first, &later].map(|key| (key.id(), "c-ada".to_owned()));
        assert_eq!(page.keys, BTreeMap::from(noted));
        assert_eq!(page.customers["c-ada"], Figures { orders: 1, plain: 0 });
        assert_eq!(page.position, 3);
    }
}
