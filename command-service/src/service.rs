//! The service as a whole: made over a store, gives routes, runs behind a listener, ends without losing anything.

use crate::import::Imports;
use crate::orders::OrderCommands;
use crate::pipeline::{Clock, Pipeline, PipelineLimits};
use crate::{import, orders};
use axum::Router;
use domain::order::OrderAggregate;
use event_store::EventStore;
use server::{Limits, Readiness};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// How often the store is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(2);

/// What can be set.
#[derive(Clone)]
pub struct Settings {
    /// Bounds of the pipeline.
    pub limits: PipelineLimits,
    /// Tells the time.
    pub clock: Clock,
}

impl Default for Settings {
    fn default() -> Self {
        Self { limits: PipelineLimits::default(), clock: Arc::new(server::clock::now) }
    }
}

/// A running write side.
#[derive(Clone)]
pub struct CommandService {
    orders: OrderCommands,
    imports: Imports,
}

impl CommandService {
    /// Starts the pipeline over a writable store. Imports end when `draining` is cancelled.
    pub fn new(store: EventStore, settings: Settings, draining: CancellationToken) -> Self {
        let pipeline = Pipeline::spawn(store.clone(), settings.clock, settings.limits);
        let orders = OrderCommands::new(pipeline, store.clone());
        let imports = Imports::new(store, draining).of(&orders);
        Self { orders, imports }
    }

    /// All routes of this service with their documentation.
    pub fn routes(&self) -> OpenApiRouter {
        let orders = orders::routes().with_state(self.orders.clone());
        orders.merge(import::routes().with_state(self.imports.clone()))
    }

    /// The pipeline of orders, for callers in this process.
    pub fn orders(&self) -> &Pipeline<OrderAggregate> {
        self.orders.pipeline()
    }

    /// What takes imports, for callers in this process.
    pub fn imports(&self) -> &Imports {
        &self.imports
    }

    /// Takes nothing new, finishes what was accepted. Call when no request can come any more.
    pub async fn close(&self) {
        self.orders.pipeline().close().await;
    }
}

/// The OpenAPI part of this service's routes, to be merged into a document of several services.
pub fn api() -> utoipa::openapi::OpenApi {
    let mut document = orders::routes().into_openapi();
    document.merge(import::routes().into_openapi());
    document
}

/// The document that the routes' documentation is merged into.
#[derive(OpenApi)]
#[openapi(
    info(title = "orderlog command-service", description = "Commands of the orderlog order backend."),
    tags((name = "commands", description = "What can be asked of orders."))
)]
struct Document;

/// Serves the commands as a program of their own until `shutdown`, then drains.
///
/// # Errors
/// When the listener fails for good.
pub async fn run(
    listener: TcpListener,
    store: EventStore,
    settings: Settings,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let readiness = Readiness::draining_on(shutdown.clone());
    let service = CommandService::new(store.clone(), settings, shutdown.clone());
    tokio::spawn(watch_store(store.clone(), readiness.clone()));
    let served =
        server::serve(listener, app(&service, readiness), Limits::default(), shutdown).await;
    service.close().await;
    store.close().await;
    served
}

/// All routes of the program.
fn app(service: &CommandService, readiness: Readiness) -> Router {
    let mut document = Document::openapi();
    document.merge(server::health::api());
    let routes = OpenApiRouter::with_openapi(document).merge(service.routes());
    let (router, document) = routes.split_for_parts();
    router.merge(server::health::router(readiness)).merge(server::openapi::router(document))
}

/// Keeps the readiness of the store up to date until the service drains.
pub async fn watch_store(store: EventStore, readiness: Readiness) {
    let draining = readiness.draining();
    let mut round = tokio::time::interval(PING_EVERY);
    loop {
        tokio::select! {
            _ = round.tick() => {}
            () = draining.cancelled() => return,
        }
        let condition = store.ping().await.map_err(|error| error.to_string());
        readiness.set("event-store", condition);
    }
}
