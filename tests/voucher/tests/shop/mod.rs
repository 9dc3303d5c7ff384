//! A shop that sells orders and vouchers: all parts in this process, called without a network.

#![allow(dead_code, reason = "each test program uses some of it")]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use clap::Parser;
use command_service::CommandService;
use event_store::{Access, EventStore};
use projector::{Source, TopicFeed, ViewsReport, verify_views};
use query_service::QueryService;
use read_model::ReadModel;
use relay::consumer::ConsumerSettings;
use relay::{Kafka, SecurityFlags};
use rig::kafka::Broker;
use rig::views::Views;
use serde_json::Value;
use server::Readiness;
use std::sync::Mutex;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use uuid::Uuid;
use voucher::projection::{registry, schema};

pub struct Shop {
    pub log: EventStore,
    pub model: ReadModel,
    /// Where a relay publishes to.
    pub topic: Option<Kafka>,
    pub commands: CommandService,
    app: Router,
    /// The token of the last command, which requests for views carry.
    token: Mutex<String>,
    shutdown: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    dir: TempDir,
    _views: Option<Views>,
}

pub struct Answer {
    pub status: u16,
    headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn problem(&self) -> (u16, &str) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.body);
        (self.status, self.body["code"].as_str().unwrap())
    }
}

impl Shop {
    /// A shop whose views follow the log.
    pub async fn open(views: Views) -> Self {
        let mut shop = Self::at(&views.url()).await;
        shop._views = Some(views);
        let (condition, _reported) = watch::channel(Ok(()));
        let (source, model) = (shop.source(), shop.model.clone());
        let run = projector::run(source, model, condition, shop.shutdown.clone());
        shop.tasks.push(tokio::spawn(async move { run.await.unwrap() }));
        shop
    }

    /// A shop whose views follow a topic, which a relay fills.
    pub async fn over(broker: &Broker) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut shop =
            Self::at(&format!("sqlite://{}", dir.path().join("views.db").display())).await;
        let (topic, log) = (format!("voucher-{}", Uuid::now_v7().simple()), shop.url());
        let arguments =
            ["relay", "--event-store", &log, "--kafka", &broker.address(), "--topic", &topic];
        let settings = relay::Settings::parse_from(arguments);
        let store = EventStore::open(&log, Access::ReadWrite).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let run = relay::run(settings, store, listener.into(), shop.shutdown.clone());
        shop.tasks.push(tokio::spawn(async move { run.await.unwrap() }));

        let kafka = Kafka::new(&broker.address(), &topic, &SecurityFlags::default()).unwrap();
        shop.topic = Some(kafka.clone());
        let consumer = ConsumerSettings::new(kafka, &topic);
        let feed = TopicFeed { consumer, log: Some(shop.log.clone()), registry: registry() };
        let (condition, _reported) = watch::channel(Ok(()));
        let run = projector::run_topic(feed, shop.model.clone(), condition, shop.shutdown.clone());
        shop.tasks.push(tokio::spawn(async move {
            let _views = dir;
            run.await.unwrap();
        }));
        shop
    }

    async fn at(views: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = format!("sqlite://{}", dir.path().join("events.db").display());
        let log = EventStore::open(&log, Access::ReadWrite).await.unwrap();
        let model = ReadModel::open_with(views, read_model::Access::ReadWrite, &schema()).await;
        let (model, shutdown) = (model.unwrap(), CancellationToken::new());
        let settings = command_service::Settings::default();
        let commands = CommandService::new(log.clone(), settings, shutdown.clone())
            .with(voucher::http::routes);
        let readiness = Readiness::draining_on(shutdown.clone());
        let settings = query_service::Settings::default();
        let views =
            QueryService::new(model.clone(), settings, readiness).with(voucher::view::routes);
        let (routes, document) = commands.routes().merge(views.routes()).split_for_parts();
        assert!(document.paths.paths.contains_key("/v1/vouchers/{id}/redeem"));
        let app = server::layer(routes, &server::Limits::default());
        let token = Mutex::default();
        let tasks = Vec::new();
        let (topic, _views) = (None, None);
        Self { log, model, topic, commands, app, token, shutdown, tasks, dir, _views }
    }

    fn url(&self) -> String {
        format!("sqlite://{}", self.dir.path().join("events.db").display())
    }

    pub fn source(&self) -> Source {
        Source::new(self.log.clone(), registry())
    }

    pub async fn verify(&self) -> ViewsReport {
        let scratch = self.dir.path().join(format!("fresh-{}.db", Uuid::now_v7()));
        verify_views(&self.source(), &self.model, &scratch, |_, _| {}).await.unwrap()
    }

    pub async fn close(self) {
        self.shutdown.cancel();
        self.commands.close().await;
        for task in self.tasks {
            task.await.unwrap();
        }
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_with(path, &[], body).await
    }

    pub async fn post_with(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let mut request = Request::post(path).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (answer, text) = self.send(request.body(Body::from(body.to_string())).unwrap()).await;
        let token = answer.header("consistency-token");
        if !token.is_empty() {
            *self.token.lock().unwrap() = token.to_owned();
        }
        Answer { body: serde_json::from_str(&text).unwrap(), ..answer }
    }

    /// Reads a view that includes the last command.
    pub async fn get(&self, path: &str) -> Answer {
        let token = self.token.lock().unwrap().clone();
        let request = Request::get(path).header("prefer", "wait=20");
        let request = match token.is_empty() {
            true => request,
            false => request.header("consistency-token", token),
        };
        let (answer, text) = self.send(request.body(Body::empty()).unwrap()).await;
        Answer { body: serde_json::from_str(&text).unwrap(), ..answer }
    }

    /// From now on views include this position.
    pub fn shows(&self, position: u64) {
        *self.token.lock().unwrap() = position.to_string();
    }

    /// Imports these lines; returns the lines of the answer.
    pub async fn import(&self, lines: &str) -> Vec<Value> {
        let request = Request::post("/v1/import").header("content-type", "application/x-ndjson");
        let (_, text) = self.send(request.body(Body::from(lines.to_owned())).unwrap()).await;
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        self.shows(lines.last().unwrap()["summary"]["position"].as_u64().unwrap());
        lines
    }

    async fn send(&self, request: Request<Body>) -> (Answer, String) {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 1 << 24).await.unwrap();
        let answer =
            Answer { status: parts.status.as_u16(), headers: parts.headers, body: Value::Null };
        (answer, String::from_utf8(bytes.to_vec()).unwrap())
    }
}
