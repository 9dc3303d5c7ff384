//! A small shop: a log and a read model in a folder of their own, and the way of a command into the log.

use chrono::{DateTime, Duration, Utc};
use domain::Aggregate;
use domain::customer::{self, CustomerAggregate, CustomerEvent};
use domain::order::command::NewLine;
use domain::order::{Customer, Order, OrderAggregate, OrderCommand};
use domain::{Currency, Money, Name, Reference};
use event_store::{
    Append, Entry, EntryOutcome, EventStore, Metadata, NewEvent, StreamId, StreamType,
};
use projector::{Registry, Source, ViewsReport};
use read_model::{Access, ReadModel};
use rig::views::Views;
use sqlx::postgres::PgRow;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions, Connection, FromRow, PgConnection, SqliteConnection};
use std::collections::HashMap;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub struct Shop {
    pub dir: TempDir,
    pub log: EventStore,
    pub model: ReadModel,
    pub now: DateTime<Utc>,
    /// What the projector knows.
    pub registry: Registry,
    states: HashMap<Uuid, (Option<Order>, u64)>,
    /// How often the personal data of each customer were erased.
    erasures: HashMap<String, u64>,
    /// Where the views are.
    url: String,
    _views: Option<Views>,
}

/// A projector at work; ends when asked.
pub struct Projector {
    shutdown: CancellationToken,
    task: JoinHandle<()>,
    /// What it says of itself.
    pub condition: watch::Receiver<projector::Condition>,
}

impl Projector {
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }

    /// As if its process had been killed.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

impl Shop {
    /// A shop whose views are a file next to its log.
    pub async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", dir.path().join("views.db").display());
        Self::at(dir, url, None).await
    }

    /// A shop with its views on either backend.
    pub async fn on(views: Views) -> Self {
        let url = views.url();
        Self::at(tempfile::tempdir().unwrap(), url, Some(views)).await
    }

    async fn at(dir: TempDir, url: String, views: Option<Views>) -> Self {
        let log = format!("sqlite://{}", dir.path().join("events.db").display());
        let log = EventStore::open(&log, event_store::Access::ReadWrite).await.unwrap();
        let model = ReadModel::open(&url, Access::ReadWrite).await.unwrap();
        let now = "2026-03-03T22:00:00Z".parse().unwrap();
        let (registry, states) = (Registry::standard(), HashMap::new());
        let erasures = HashMap::new();
        Self { dir, log, model, now, registry, states, erasures, url, _views: views }
    }

    pub fn source(&self) -> Source {
        Source::new(self.log.clone(), self.registry.clone())
    }

    /// Decides and appends; `false`: refused, or nothing to say.
    pub async fn command(&mut self, order: Uuid, command: &OrderCommand) -> bool {
        self.now += Duration::minutes(7);
        let (state, version) = self.states.entry(order).or_insert((None, 0));
        let Ok(events) = OrderAggregate::decide(state, command) else { return false };
        let mut stored = Vec::new();
        for event in &events {
            let encoded = OrderAggregate::encode(event);
            stored.push(NewEvent {
                event_id: Uuid::now_v7(),
                event_type: encoded.event_type,
                schema_version: encoded.schema_version,
                occurred_at: self.now,
                payload: encoded.payload,
            });
            *state = OrderAggregate::evolve(state.take(), event, self.now);
        }
        let expected = *version;
        *version += events.len() as u64;
        self.append(order, expected, stored).await;
        !events.is_empty()
    }

    /// Appends that a customer's personal data were erased.
    pub async fn erase(&mut self, customer: &str) {
        self.now += Duration::minutes(7);
        let customer_id = Reference::parse(customer).unwrap();
        let stored = CustomerAggregate::encode(&CustomerEvent::PersonalDataErased { customer_id });
        let event = NewEvent {
            event_id: Uuid::now_v7(),
            event_type: stored.event_type,
            schema_version: stored.schema_version,
            occurred_at: self.now,
            payload: stored.payload,
        };
        let version = self.erasures.entry(customer.to_owned()).or_default();
        let expected = *version;
        *version += 1;
        let stream_type = const { StreamType::new(CustomerAggregate::STREAM_TYPE) };
        let stream = stream_type.stream(customer::stream_id(customer));
        self.append_to(stream, expected, vec![event]).await;
    }

    /// Appends any events to an order, valid or not.
    pub async fn append(&self, order: Uuid, expected_version: u64, events: Vec<NewEvent>) {
        let stream_type = const { StreamType::new(OrderAggregate::STREAM_TYPE) };
        self.append_to(stream_type.stream(order), expected_version, events).await;
    }

    /// The same for any stream.
    pub async fn append_to(&self, stream: StreamId, expected_version: u64, events: Vec<NewEvent>) {
        self.append_entry(stream, expected_version, None, events).await;
    }

    /// Begins a stream that belongs to the business case of this id.
    pub async fn begin_in_case(&self, stream: StreamId, case: Uuid, events: Vec<NewEvent>) {
        self.append_entry(stream, 0, Some(case), events).await;
    }

    async fn append_entry(
        &self,
        stream: StreamId,
        expected_version: u64,
        partition_key: Option<Uuid>,
        events: Vec<NewEvent>,
    ) {
        let metadata = Metadata::default();
        let entry = Entry {
            stream,
            expected_version,
            partition_key,
            events,
            metadata,
            answer: None,
            joint: None,
        };
        let append = Append { entries: vec![entry], recorded_at: Utc::now() };
        let appended = self.log.append(append).await.unwrap();
        assert!(matches!(appended.outcomes[..], [EntryOutcome::Written { .. }]));
    }

    /// An event that no build can read.
    pub async fn poison(&self, order: Uuid, expected_version: u64) {
        let event = NewEvent {
            event_id: Uuid::now_v7(),
            event_type: "OrderTeleported",
            schema_version: 9,
            occurred_at: self.now,
            payload: b"{}".to_vec(),
        };
        self.append(order, expected_version, vec![event]).await;
    }

    /// Places an order of two products.
    pub async fn place(&mut self, customer: &str) -> Uuid {
        let order = Uuid::now_v7();
        assert!(self.command(order, &create(customer, &[("tea", 2, 450), ("cup", 1, 999)])).await);
        order
    }

    pub fn follow(&self) -> Projector {
        let shutdown = CancellationToken::new();
        let (condition, conditions) = watch::channel(Err(String::new()));
        let run = projector::run(self.source(), self.model.clone(), condition, shutdown.clone());
        let task = tokio::spawn(async move { run.await.unwrap() });
        Projector { shutdown, task, condition: conditions }
    }

    /// Waits until every projection stands at the log's head.
    pub async fn caught_up(&self) {
        let mut moved = self.model.moved_hint();
        let head = self.log.head().await.unwrap().position;
        loop {
            moved.borrow_and_update();
            let catalog = self.model.catalog().await.unwrap();
            if catalog.len() == self.registry.projections().len()
                && catalog.iter().all(|entry| entry.position >= head)
            {
                return;
            }
            // A second handle's writes send no hint here, so poll too.
            let _ =
                tokio::time::timeout(std::time::Duration::from_millis(20), moved.changed()).await;
        }
    }

    /// Follows up to the head and stops.
    pub async fn project(&self) {
        let projector = self.follow();
        self.caught_up().await;
        projector.stop().await;
    }

    pub async fn verify(&self) -> ViewsReport {
        let scratch = self.dir.path().join(format!("fresh-{}.db", Uuid::now_v7()));
        projector::verify_views(&self.source(), &self.model, &scratch, |_, _| {}).await.unwrap()
    }

    /// Fails with the first differences if the views are not a fresh fold of the log.
    pub async fn assert_sound(&self) {
        let report = self.verify().await;
        assert!(report.is_sound(), "{:#?}{:#?}", report.differences, report.unfoldable);
        assert!(report.behind.is_empty(), "{:#?}", report.behind);
    }

    /// The read model as another process has it.
    pub async fn other_handle(&self) -> ReadModel {
        ReadModel::open(&self.url, Access::ReadWrite).await.unwrap()
    }

    /// Rows of the views, past the read model.
    pub async fn rows<R>(&self, sql: &'static str) -> Vec<R>
    where
        R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        if self.url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap()
        } else {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap()
        }
    }

    /// Changes rows past the read model.
    pub async fn tamper(&self, sql: &'static str) {
        if self.url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        } else {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        }
    }

    /// The same log through another handle.
    pub async fn reopen_log(&mut self, access: event_store::Access) {
        let url = format!("sqlite://{}", self.dir.path().join("events.db").display());
        self.log = EventStore::open(&url, access).await.unwrap();
    }

    /// Puts another, empty log in the place of this one.
    pub async fn exchange_log(&mut self) {
        let other = format!("sqlite://{}", self.dir.path().join("other.db").display());
        self.log = EventStore::open(&other, event_store::Access::ReadWrite).await.unwrap();
        self.states.clear();
    }

    /// A plain connection to the views that are a file next to the log.
    pub async fn sql(&self) -> SqliteConnection {
        let file = self.dir.path().join("views.db");
        SqliteConnectOptions::new().filename(file).connect().await.unwrap()
    }
}

pub fn create(customer: &str, lines: &[(&str, u32, i64)]) -> OrderCommand {
    let currency = Currency::from_code("EUR").unwrap();
    let lines = lines.iter().map(|(product, quantity, price)| NewLine {
        product_id: Reference::parse(*product).unwrap(),
        name: Name::parse(format!("The {product}")).unwrap(),
        quantity: *quantity,
        unit_price: Money::from_minor(*price, currency),
    });
    OrderCommand::Create {
        customer: Customer {
            id: Reference::parse(customer).unwrap(),
            name: Some(Name::parse(format!("Customer {customer}")).unwrap()),
            email: None,
        },
        currency,
        lines: lines.collect(),
        draft: false,
        note: None,
    }
}
