//! The service on a store of its own, called without a network.

use ::rig::log::Log;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Request, Response, StatusCode};
use chrono::{DateTime, Utc};
use command_service::stock::StockPolicy;
use command_service::{CommandService, Settings};
use event_store::{Access, EventStore};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// The present time of every test.
pub const NOW: &str = "2026-03-03T00:00:00Z";

pub struct Rig {
    pub store: EventStore,
    pub service: CommandService,
    pub draining: CancellationToken,
    app: Router,
    _log: Log,
}

/// An answer that has been read.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Rig {
    pub async fn on(log: Log) -> Self {
        Self::with(log, |service| service).await
    }

    /// The service of a shop that sells from the warehouses `main` and `east`.
    pub async fn selling(log: Log) -> Self {
        let policy = StockPolicy::default().with_warehouses("main,east").unwrap();
        Self::with(log, |service| service.with_stock(policy)).await
    }

    async fn with(log: Log, extended: impl FnOnce(CommandService) -> CommandService) -> Self {
        let store = EventStore::open(&log.url(), Access::ReadWrite).await.unwrap();
        let now: DateTime<Utc> = NOW.parse().unwrap();
        let settings = Settings { clock: Arc::new(move || now), ..Settings::default() };
        let draining = CancellationToken::new();
        let service = CommandService::new(store.clone(), settings, draining.clone());
        let service = extended(service);
        let (routes, _) = service.routes().split_for_parts();
        let app = server::layer(routes, &server::Limits::default());
        Self { store, service, draining, app, _log: log }
    }

    /// A response whose body is still to be read.
    pub async fn open(&self, request: Request<Body>) -> Response<Body> {
        self.app.clone().oneshot(request).await.unwrap()
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.open(request).await;
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 24).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.post_with(path, &[], body).await
    }

    pub async fn post_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::post(path).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    /// Places an order of 25.00 USD; returns its path.
    pub async fn placed(&self) -> String {
        let answer = self.post("/v1/orders", order().to_string()).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        answer.header("location").to_owned()
    }

    pub async fn events(&self) -> u64 {
        self.store.head().await.unwrap().position
    }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and problem code; asserts that it is a problem.
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{:?}", self.body);
        let body = self.json();
        assert_eq!(body["status"], self.status.as_u16());
        (self.status.as_u16(), body["code"].as_str().unwrap().to_owned())
    }

    pub fn types(&self) -> Vec<String> {
        let body = self.json();
        let events = body["events"].as_array().unwrap();
        events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }
}

/// The body of an order of 25.00 USD.
pub fn order() -> Value {
    json!({
        "customer": {"id": "c-1", "name": "Ada", "email": "ada@example.org"},
        "currency": "USD",
        "lines": [{"product_id": "mug", "name": "Blue mug", "quantity": 2, "unit_price": "12.50"}],
    })
}
