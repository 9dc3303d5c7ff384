//! Orders with texts about people, on a log that nobody but the holder of the keys can read.

use super::{Key, Personal, Pipeline, PipelineLimits, Request, Target};
use crate::erasure::follow;
use crate::pipeline::{Effect, Reply};
use chrono::Utc;
use domain::order::{Customer, NewLine, OrderAggregate, OrderCommand, ShippedLine};
use domain::{Currency, Email, Label, Name, Note, Reference};
use event_store::{Access, EventStore, Metadata, RecordedEvent, StreamId, StreamType};
use key_store::{Figures, KeyStore, Keyring};
use personal_data::MasterKey;
use std::sync::Arc;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(super) const CUSTOMER: &str = "c-1";
pub(super) const SECRETS: [&str; 4] = ["Ada Lovelace", "ada@example.org", "ring twice", "TRACK-77"];

pub(super) struct Shop {
    pub(super) folder: TempDir,
    master: MasterKey,
}

/// A process over the shop's files.
pub(super) struct Process {
    pub(super) store: EventStore,
    pub(super) keys: KeyStore,
    pub(super) keyring: Keyring,
    pub(super) pipeline: Pipeline<OrderAggregate>,
    pub(super) _running: tokio_util::task::AbortOnDropHandle<()>,
}

impl Shop {
    pub(super) fn new() -> Self {
        let (folder, master) = (tempfile::tempdir().unwrap(), MasterKey::generate().unwrap());
        Self { folder, master }
    }

    pub(super) fn url(&self, file: &str) -> String {
        format!("sqlite://{}", self.folder.path().join(file).display())
    }

    pub(super) async fn start(&self, snapshot_every: u64) -> Process {
        let keys = KeyStore::open(&self.url("keys.db"), key_store::Access::Manage).await.unwrap();
        self.start_over(keys, snapshot_every).await
    }

    /// A process over this store of keys.
    pub(super) async fn start_over(&self, keys: KeyStore, snapshot_every: u64) -> Process {
        let store = EventStore::open(&self.url("events.db"), Access::ReadWrite).await.unwrap();
        let master = MasterKey::parse(self.master.reveal()).unwrap();
        let keyring = Keyring::new(keys.clone(), master);
        let running = tokio::spawn(keyring.clone().run(CancellationToken::new()));
        let limits = PipelineLimits { snapshot_every, ..PipelineLimits::default() };
        let (clock, personal) = (
            Arc::new(server::clock::now),
            Personal::sealing(keyring.clone(), &store).await.unwrap(),
        );
        let pipeline = Pipeline::spawn_sealing(store.clone(), clock, limits, personal);
        let _running = tokio_util::task::AbortOnDropHandle::new(running);
        Process { store, keys, keyring, pipeline, _running }
    }

    /// Whether a text is in any file.
    fn holds(&self, text: &str) -> bool {
        self.holds_bytes(text.as_bytes())
    }

    pub(super) fn holds_bytes(&self, bytes: &[u8]) -> bool {
        std::fs::read_dir(self.folder.path()).unwrap().any(|entry| {
            let content = std::fs::read(entry.unwrap().path()).unwrap();
            content.windows(bytes.len()).any(|window| window == bytes)
        })
    }
}

impl Process {
    pub(super) async fn ask(&self, id: Uuid, command: OrderCommand) -> Reply<OrderAggregate> {
        self.ask_as(id, command, identity::Scope::All).await
    }

    pub(super) async fn ask_as(
        &self,
        id: Uuid,
        command: OrderCommand,
        scope: identity::Scope,
    ) -> Reply<OrderAggregate> {
        self.ask_with(id, command, scope, None).await
    }

    pub(super) async fn ask_with(
        &self,
        id: Uuid,
        command: OrderCommand,
        scope: identity::Scope,
        key: Option<Key>,
    ) -> Reply<OrderAggregate> {
        let target = match command {
            OrderCommand::Create { .. } => Target::Fresh(id),
            _ => Target::Named(id),
        };
        let request = Request {
            target,
            command,
            precondition: None,
            key,
            at: None,
            effect: Effect::Store,
            metadata: Metadata::default(),
            weight: 64,
            scope,
        };
        self.pipeline.submit(request).unwrap_or_else(|_| panic!("refused")).reply().await
    }

    /// The events that a command led to.
    pub(super) async fn done(&self, id: Uuid, command: OrderCommand) -> usize {
        match self.ask(id, command).await.result {
            Ok(accepted) => accepted.events.len(),
            Err(refusal) => panic!("{refusal:?}"),
        }
    }

    pub(super) async fn log(&self, id: Uuid) -> Vec<RecordedEvent> {
        let stream = StreamId { stream_type: StreamType::new("order"), id };
        self.store.read_stream(&stream, 0, 1_000).await.unwrap()
    }

    /// All payloads of a stream as their readers see them, in one text.
    pub(super) async fn shown(&self, id: Uuid) -> String {
        let mut shown = String::new();
        for event in self.log(id).await {
            let opened = self.keyring.open_json(&event.payload).await.unwrap();
            shown.push_str(std::str::from_utf8(&opened.json).unwrap());
        }
        shown
    }

    /// Follows the log to its present end.
    pub(super) async fn follow(&self) {
        let ending = CancellationToken::new();
        let following = follow::<OrderAggregate>(
            self.store.clone(),
            self.keys.clone(),
            Arc::default(),
            ending.clone(),
        );
        let following = tokio::spawn(following);
        let head = self.store.head().await.unwrap().position;
        while self.keys.followed().await.unwrap() < head {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        ending.cancel();
        following.await.unwrap();
    }
}

pub(super) fn reference(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

pub(super) fn create(draft: bool) -> OrderCommand {
    let currency = Currency::from_code("EUR").unwrap();
    OrderCommand::Create {
        customer: Customer {
            id: reference(CUSTOMER),
            name: Some(Name::parse(SECRETS[0]).unwrap()),
            email: Some(Email::parse(SECRETS[1]).unwrap()),
        },
        currency,
        lines: vec![NewLine {
            product_id: reference("tea"),
            name: Name::parse("Tea").unwrap(),
            quantity: 2,
            unit_price: domain::Money::from_minor(1_000, currency),
        }],
        draft,
        note: Some(Note::parse(SECRETS[2]).unwrap()),
    }
}

fn ship() -> OrderCommand {
    OrderCommand::Ship {
        shipment_id: reference("s-1"),
        carrier: None,
        tracking_number: Some(Label::parse(SECRETS[3]).unwrap()),
        lines: Some(vec![ShippedLine { line_id: 1, quantity: 1 }]),
    }
}

pub(super) fn note(text: &str) -> OrderCommand {
    OrderCommand::AddNote { text: Note::parse(text).unwrap() }
}

#[tokio::test]
async fn no_text_about_a_person_is_in_a_file_and_rules_still_compare_them() {
    let shop = Shop::new();
    let id = Uuid::from_u128(1);
    let first = shop.start(3).await;
    first.done(id, create(false)).await;
    first.done(id, OrderCommand::Confirm).await;
    assert_eq!(first.done(id, ship()).await, 1);
    assert_eq!(first.done(id, ship()).await, 0, "it is recorded already");
    for number in 0..7 {
        first.done(id, note(&format!("{} {number}", SECRETS[2]))).await;
    }
    first.pipeline.close().await;
    assert!(shop.holds("OrderPlaced"), "the search finds what is there");
    for secret in SECRETS {
        assert!(!shop.holds(secret), "{secret}");
        assert!(first.shown(id).await.contains(secret), "{secret}");
    }

    // A process that loads the snapshot and the events after it.
    let second = shop.start(3).await;
    assert_eq!(second.done(id, ship()).await, 0, "it compares the tracking number");
}

#[tokio::test]
async fn what_was_erased_does_not_come_back_with_what_follows_from_it() {
    let shop = Shop::new();
    let (draft, long) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let process = shop.start(3).await;
    process.done(draft, create(true)).await;
    process.done(long, create(false)).await;
    for number in 0..5 {
        process.done(long, note(&format!("{} {number}", SECRETS[2]))).await;
    }
    process.follow().await;
    assert!(process.keyring.erase(CUSTOMER, Utc::now()).await.unwrap() > 0);

    // Placing repeats the draft's customer, from a state that was in memory.
    process.done(draft, OrderCommand::Place { expected_total: None }).await;
    for number in 0..5 {
        process.done(long, note(&format!("later {number}"))).await;
    }
    for secret in &SECRETS[..3] {
        for id in [draft, long] {
            assert!(!process.shown(id).await.contains(secret), "{secret}");
        }
    }
    assert!(process.shown(long).await.contains("later 4"), "what came later is there");
    process.pipeline.close().await;

    // A process that finds a snapshot from before it folds the events.
    let second = shop.start(1_000).await;
    second.done(long, OrderCommand::Confirm).await;
    let history = second.log(long).await;
    assert_eq!(history.last().unwrap().version, 1 + 5 + 5 + 1);
}

#[tokio::test]
async fn an_erasure_in_another_process_empties_this_ones_memory() {
    let shop = Shop::new();
    let id = Uuid::from_u128(1);
    let (here, there) = (shop.start(1_000).await, shop.start(1_000).await);
    here.done(id, create(true)).await;
    here.follow().await;
    there.keyring.erase(CUSTOMER, Utc::now()).await.unwrap();
    // Until this process learns of it, it seals with the destroyed key; afterwards, on a state without the texts.
    for _ in 0..40 {
        here.done(id, OrderCommand::ChangeLineQuantity { line_id: 1, quantity: 1 }).await;
        here.done(id, OrderCommand::ChangeLineQuantity { line_id: 1, quantity: 2 }).await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    here.done(id, OrderCommand::Place { expected_total: None }).await;
    for secret in &SECRETS[..3] {
        assert!(!here.shown(id).await.contains(secret), "{secret}");
        assert!(!there.shown(id).await.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn the_log_says_whose_the_keys_are_whichever_process_sealed_what() {
    let shop = Shop::new();
    let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let process = shop.start(1_000).await;
    process.done(first, create(false)).await;
    process.done(second, create(true)).await;
    process.pipeline.close().await;
    drop(process);
    // This one knows no key of the customer, so its note has one of its own.
    let process = shop.start(1_000).await;
    process.done(first, note("later")).await;
    let others = shop.start(1_000).await;
    tokio::join!(process.follow(), others.follow());
    let customer = process.keys.customer(CUSTOMER).await.unwrap().unwrap();
    assert_eq!(customer.figures, Figures { orders: 2, plain: 0 }, "each page counts once");
    assert_eq!(process.keyring.erase(CUSTOMER, Utc::now()).await.unwrap(), 2);
    for secret in &SECRETS[..3] {
        assert!(!process.shown(first).await.contains(secret), "{secret}");
    }
    assert!(!process.shown(first).await.contains("later"));
}

#[tokio::test]
async fn texts_from_before_the_key_are_counted_because_nothing_can_erase_them() {
    let shop = Shop::new();
    let store = EventStore::open(&shop.url("events.db"), Access::ReadWrite).await.unwrap();
    let limits = PipelineLimits::default();
    let clock = Arc::new(server::clock::now);
    let plain = Pipeline::<OrderAggregate>::spawn(store.clone(), clock, limits);
    let process = Process { pipeline: plain, ..shop.start(1_000).await };
    process.done(Uuid::from_u128(1), create(false)).await;
    process.done(Uuid::from_u128(1), OrderCommand::Confirm).await;
    process.done(Uuid::from_u128(1), note("plain")).await;
    process.follow().await;
    let customer = process.keys.customer(CUSTOMER).await.unwrap().unwrap();
    assert_eq!(customer.figures, Figures { orders: 1, plain: 2 });
    assert!(shop.holds(SECRETS[0]));
}
