//! A small shop: a log, a read model that follows it, and the query service's routes over that.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use chrono::{DateTime, Duration, Utc};
use domain::Aggregate;
use domain::customer::{self, CustomerAggregate, CustomerEvent};
use domain::order::command::NewLine;
use domain::order::{Customer, Order, OrderAggregate, OrderCommand, OrderEvent};
use domain::{Currency, Money, Name, Reference};
use event_store::{Append, Entry, EventStore, Metadata, NewEvent, StreamId, StreamType};
use http_body_util::BodyExt;
use key_store::Keyring;
use projector::{Registry, Source};
use query_service::{QueryService, Settings};
use read_model::{Access, ReadModel};
use rig::views::Views;
use serde_json::Value;
use server::{Limits, Readiness};
use std::collections::HashMap;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use utoipa::openapi::OpenApi;
use uuid::Uuid;

/// Something that happened, as the shop remembers it.
pub struct Happened {
    pub order: Uuid,
    pub version: u64,
    pub event: OrderEvent,
    pub at: DateTime<Utc>,
}

pub struct Shop {
    _dir: TempDir,
    views: Views,
    pub log: EventStore,
    pub model: ReadModel,
    pub now: DateTime<Utc>,
    pub happened: Vec<Happened>,
    pub readiness: Readiness,
    pub api: OpenApi,
    /// What the projector knows.
    registry: Registry,
    states: HashMap<Uuid, (Option<Order>, u64)>,
    app: Router,
}

/// What the service answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}")).to_str().unwrap()
    }

    /// The problem's code.
    pub fn code(&self) -> (u16, String) {
        let code = self.json()["code"].as_str().unwrap_or_default().to_owned();
        (self.status.as_u16(), code)
    }
}

impl Shop {
    pub async fn on(views: Views) -> Self {
        Self::open_with(views, Settings::default()).await
    }

    pub async fn open_with(views: Views, settings: Settings) -> Self {
        Self::opening(views, settings, None).await
    }

    /// A shop whose texts are sealed.
    pub async fn sealing(views: Views, keyring: Keyring) -> Self {
        Self::opening(views, Settings::default(), Some(keyring)).await
    }

    /// A shop that keeps stock.
    pub async fn with_stock(views: Views) -> Self {
        let shop = Self::on(views).await;
        let (model, readiness) = (shop.model.clone(), shop.readiness.clone());
        let service = QueryService::new(model, Settings::default(), readiness);
        let routes = service.with(query_service::views::stock::routes).routes();
        let (app, api) = routes.split_for_parts();
        let app = server::layer(app, &Limits::default());
        Self { app, api, registry: Registry::with_stock(), ..shop }
    }

    async fn opening(views: Views, settings: Settings, keyring: Option<Keyring>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = format!("sqlite://{}", dir.path().join("events.db").display());
        let log = EventStore::open(&log, event_store::Access::ReadWrite).await.unwrap();
        let model = ReadModel::open(&views.url(), Access::ReadWrite).await.unwrap();
        let readiness = Readiness::default();
        let service =
            QueryService::new(model.clone(), settings, readiness.clone()).opening(keyring);
        let (app, api) = service.routes().split_for_parts();
        Self {
            _dir: dir,
            views,
            log,
            model,
            now: "2026-03-03T00:30:00Z".parse().unwrap(),
            happened: Vec::new(),
            readiness,
            api,
            registry: Registry::standard(),
            states: HashMap::new(),
            app: server::layer(app, &Limits::default()),
        }
    }

    /// The read model as another process has it.
    pub async fn other_handle(&self) -> ReadModel {
        ReadModel::open(&self.views.url(), Access::ReadWrite).await.unwrap()
    }

    /// Decides and appends, some time after what happened last; `false`: refused, or nothing to say.
    pub async fn command(&mut self, order: Uuid, command: &OrderCommand, later: Duration) -> bool {
        let (state, _) = self.states.entry(order).or_insert((None, 0));
        let Ok(events) = OrderAggregate::decide(state, command) else {
            self.now += later;
            return false;
        };
        self.happens(order, events, later).await
    }

    /// Appends events, decided or not, some time after what happened last; `false`: there are none.
    pub async fn happens(&mut self, order: Uuid, events: Vec<OrderEvent>, later: Duration) -> bool {
        self.now += later;
        let (state, version) = self.states.entry(order).or_insert((None, 0));
        let expected_version = *version;
        let mut stored = Vec::new();
        for event in events {
            let encoded = OrderAggregate::encode(&event);
            stored.push(NewEvent {
                event_id: Uuid::now_v7(),
                event_type: encoded.event_type,
                schema_version: encoded.schema_version,
                occurred_at: self.now,
                payload: encoded.payload,
            });
            *state = OrderAggregate::evolve(state.take(), &event, self.now);
            *version += 1;
            self.happened.push(Happened { order, version: *version, event, at: self.now });
        }
        let any = !stored.is_empty();
        let stream = StreamId {
            stream_type: const { StreamType::new(OrderAggregate::STREAM_TYPE) },
            id: order,
        };
        let metadata = Metadata { correlation_id: Some("c-1".into()), ..Metadata::default() };
        let entry = Entry {
            stream,
            expected_version,
            partition_key: None,
            events: stored,
            metadata,
            answer: None,
            joint: None,
        };
        let append = Append { entries: vec![entry], recorded_at: Utc::now() };
        self.log.append(append).await.unwrap();
        any
    }

    /// Appends that a customer's personal data were erased, for the first time.
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
        let stream_type = const { StreamType::new(CustomerAggregate::STREAM_TYPE) };
        let entry = Entry {
            stream: stream_type.stream(customer::stream_id(customer)),
            expected_version: 0,
            partition_key: None,
            events: vec![event],
            metadata: Metadata::default(),
            answer: None,
            joint: None,
        };
        let append = Append { entries: vec![entry], recorded_at: Utc::now() };
        self.log.append(append).await.unwrap();
    }

    /// Places an order.
    pub async fn place(&mut self, customer: &str, lines: &[(&str, u32, i64)]) -> Uuid {
        let order = Uuid::now_v7();
        let command = create(customer, "EUR", lines);
        assert!(self.command(order, &command, Duration::minutes(7)).await);
        order
    }

    /// Does something to an order that must work.
    pub async fn must(&mut self, order: Uuid, command: OrderCommand) {
        assert!(self.command(order, &command, Duration::minutes(7)).await, "{command:?}");
    }

    /// Follows the log up to its head.
    pub async fn project(&self) {
        let shutdown = CancellationToken::new();
        let source = Source::new(self.log.clone(), self.registry.clone());
        let (condition, _reported) = tokio::sync::watch::channel(Ok(()));
        let model = self.model.clone();
        let run = tokio::spawn(projector::run(source, model, condition, shutdown.clone()));
        let head = self.log.head().await.unwrap().position;
        let mut moved = self.model.moved_hint();
        while self.model.applied().await.unwrap().least_of_all() < head {
            moved.changed().await.unwrap();
        }
        shutdown.cancel();
        run.await.unwrap().unwrap();
    }

    pub async fn head(&self) -> u64 {
        self.log.head().await.unwrap().position
    }

    pub fn version(&self, order: Uuid) -> u64 {
        self.states[&order].1
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[]).await
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask(Method::GET, path, headers).await
    }

    pub async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let response = self.open_stream(method, path, headers).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn open_stream(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> axum::response::Response {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    /// 200, as JSON.
    pub async fn ok(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    /// All rows of a list, page by page.
    pub async fn all(&self, path: &str) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut cursor = String::new();
        for _ in 0..1_000 {
            let page = self.ok(&format!("{path}{cursor}")).await;
            rows.extend(page["data"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return rows,
            }
        }
        panic!("{path} does not end");
    }
}

pub fn create(customer: &str, currency: &str, lines: &[(&str, u32, i64)]) -> OrderCommand {
    let currency = Currency::from_code(currency).unwrap();
    let lines = lines.iter().map(|(product, quantity, price)| NewLine {
        product_id: Reference::parse(*product).unwrap(),
        name: Name::parse(format!("The {product}")).unwrap(),
        quantity: *quantity,
        unit_price: Money::from_minor(*price, currency),
    });
    OrderCommand::Create {
        customer: Customer {
            id: Reference::parse(customer).unwrap(),
            name: Some(Name::parse(format!("\"notes\":[] {customer}")).unwrap()),
            email: None,
        },
        currency,
        lines: lines.collect(),
        draft: false,
        note: None,
    }
}

pub fn drafted(command: OrderCommand) -> OrderCommand {
    match command {
        OrderCommand::Create { customer, currency, lines, note, .. } => {
            OrderCommand::Create { customer, currency, lines, draft: true, note }
        }
        other => other,
    }
}
