//! The service as a whole: made over a store, gives routes, runs behind a listener, and ends without loss.

use crate::erasure::{Erasures, FollowError};
use crate::http::{CommandApi, Commands};
use crate::import::{Imported, Imports};
use crate::pipeline::{
    Clock, Commanded, Personal, Pipeline, PipelineLimits, SealingError, forget_old_answers,
};
use crate::stock::StockPolicy;
use crate::{erasure, import, orders, stock};
use axum::Router;
use domain::order::OrderAggregate;
use domain::stock::StockAggregate;
use event_store::EventStore;
use futures::future::{self, BoxFuture, FutureExt};
use identity::access;
use key_store::Keyring;
use personal_data::KeyId;
use security::Security;
use server::listen::Listener;
use server::{Limits, Readiness};
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// The interval between pings of the store.
const PING_EVERY: Duration = Duration::from_secs(2);

/// The settings of the service.
#[derive(Clone)]
pub struct Settings {
    /// Bounds of the pipeline.
    pub limits: PipelineLimits,
    /// The present time.
    pub clock: Clock,
    /// Seals texts about people.
    pub personal: Personal,
}

impl Settings {
    /// Seals texts about people by this keyring, if there is one. The log notes which store its keys are in; erasures that the store
    /// does not know are obeyed first.
    ///
    /// # Errors
    /// When the log was sealed with another store of keys, or one of the two cannot be used.
    pub async fn sealing(
        self,
        keyring: Option<Keyring>,
        log: &EventStore,
    ) -> Result<Self, SealingError> {
        let Some(keyring) = keyring else { return Ok(self) };
        let keys = keyring.store().clone();
        let personal = Personal::sealing(keyring, log).await?;
        let settled = erasure::settle::<OrderAggregate>(log, &keys).await;
        settled.map_err(|error| match error {
            FollowError::Log(error) => SealingError::Log(error),
            FollowError::Keys(error) => SealingError::Keys(error),
        })?;
        Ok(Self { personal, ..self })
    }
}

impl Default for Settings {
    fn default() -> Self {
        let clock = Arc::new(server::clock::now);
        Self { limits: PipelineLimits::default(), clock, personal: Personal::default() }
    }
}

/// A running write side.
#[derive(Clone)]
pub struct CommandService {
    store: EventStore,
    settings: Settings,
    served: Vec<Arc<dyn Served>>,
    imports: Imports,
    erasures: Erasures,
    upkeep: Upkeep,
}

/// The running commands of one aggregate.
trait Served: Any + Send + Sync {
    fn routes(&self) -> OpenApiRouter;
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// The commands of an aggregate, and their routes without the state behind them.
struct Serving<A: CommandApi> {
    commands: Commands<A>,
    routes: Box<dyn Fn() -> OpenApiRouter<Commands<A>> + Send + Sync>,
}

impl<A: CommandApi> Served for Serving<A> {
    fn routes(&self) -> OpenApiRouter {
        (self.routes)().with_state(self.commands.clone())
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.commands.pipeline().close().boxed()
    }
}

/// The upkeep of the store, once for all pipelines: runs until it is ended or the last handle is gone.
#[derive(Clone)]
struct Upkeep {
    ending: CancellationToken,
    tasks: TaskTracker,
    _last: Arc<DropGuard>,
}

impl Upkeep {
    fn begin(store: EventStore, settings: &Settings, hurry: &Arc<Notify>) -> Self {
        let (ending, tasks) = (CancellationToken::new(), TaskTracker::new());
        if let Some(keyring) = settings.personal.keyring() {
            let keys = keyring.store().clone();
            let (log, hurry) = (store.clone(), Arc::clone(hurry));
            tasks.spawn(erasure::follow::<OrderAggregate>(log, keys, hurry, ending.clone()));
        }
        let clock = Arc::clone(&settings.clock);
        tasks.spawn(forget_old_answers(store, clock, ending.clone()));
        tasks.close();
        let last = Arc::new(ending.clone().drop_guard());
        Self { ending, tasks, _last: last }
    }

    async fn end(&self) {
        self.ending.cancel();
        self.tasks.wait().await;
    }
}

impl CommandService {
    /// Starts the pipeline of orders over a writable store, and the deletion of old answers in it. Imports end when
    /// `draining` is cancelled.
    pub fn new(store: EventStore, settings: Settings, draining: CancellationToken) -> Self {
        let hurry = Arc::default();
        let upkeep = Upkeep::begin(store.clone(), &settings, &hurry);
        let orders = commands::<OrderAggregate>(&store, &settings);
        let imports = Imports::new(store.clone(), draining).of(&orders);
        let orders = Serving { commands: orders, routes: Box::new(orders::routes) };
        let served: Vec<Arc<dyn Served>> = vec![Arc::new(orders)];
        let erasures = Erasures {
            store: store.clone(),
            keyring: settings.personal.keyring().cloned(),
            records: pipeline(&store, &settings),
            hurry,
        };
        Self { store, settings, served, imports, erasures, upkeep }
    }

    /// Adds the commands of another aggregate on a pipeline of its own, over HTTP and in imports.
    #[must_use]
    pub fn with<A: Imported>(
        mut self,
        routes: impl Fn() -> OpenApiRouter<Commands<A>> + Send + Sync + 'static,
    ) -> Self {
        let commands = commands(&self.store, &self.settings);
        self.imports = self.imports.of(&commands);
        self.served.push(Arc::new(Serving { commands, routes: Box::new(routes) }));
        self
    }

    /// Adds the commands of stock on a pipeline of their own, over HTTP.
    #[must_use]
    pub fn with_stock(mut self, policy: StockPolicy) -> Self {
        let commands: Commands<StockAggregate> = commands(&self.store, &self.settings);
        let routes = Box::new(move || stock::routes(policy.clone()));
        self.served.push(Arc::new(Serving { commands, routes }));
        self
    }

    /// All routes of this service with their documentation.
    pub fn routes(&self) -> OpenApiRouter {
        let imports = import::routes().with_state(self.imports.clone());
        let erasures = erasure::routes().with_state(self.erasures.clone());
        self.served
            .iter()
            .fold(OpenApiRouter::new(), |all, its| all.merge(its.routes()))
            .merge(imports)
            .merge(erasures)
    }

    /// The pipeline of an aggregate, for callers in this process; `None` if the aggregate is not served.
    pub fn pipeline<A: CommandApi>(&self) -> Option<&Pipeline<A>> {
        self.served.iter().find_map(|served| {
            let served: &dyn Any = &**served;
            Some(served.downcast_ref::<Serving<A>>()?.commands.pipeline())
        })
    }

    /// The imports, for callers in this process.
    pub fn imports(&self) -> &Imports {
        &self.imports
    }

    /// What names the store of keys, if texts are sealed.
    pub fn key_store(&self) -> Option<KeyId> {
        self.settings.personal.key_store()
    }

    /// Shows in the details of `/readyz` whether the log has texts about people that are not sealed, or whose keys are missing.
    pub fn tell_of_texts(&self, readiness: &Readiness) {
        if let Some(keyring) = self.settings.personal.keyring() {
            let keys = keyring.store().clone();
            tokio::spawn(erasure::tell_of_texts(keys, readiness.clone()));
        }
    }

    /// Accepts no new commands and finishes the accepted ones. Call it when no request can come any more.
    pub async fn close(&self) {
        future::join_all(self.served.iter().map(|its| its.close())).await;
        self.erasures.records.close().await;
        self.upkeep.end().await;
    }
}

/// Starts the pipeline of an aggregate.
fn commands<A: CommandApi>(store: &EventStore, settings: &Settings) -> Commands<A> {
    Commands::new(pipeline(store, settings), store.clone())
}

fn pipeline<A: Commanded>(store: &EventStore, settings: &Settings) -> Pipeline<A> {
    let (clock, personal) = (Arc::clone(&settings.clock), settings.personal.clone());
    Pipeline::spawn_sealing(store.clone(), clock, settings.limits, personal)
}

/// The OpenAPI part of this service's standard routes, to be merged into a document of several services.
pub fn api() -> utoipa::openapi::OpenApi {
    let mut document = orders::routes().into_openapi();
    document.merge(import::routes().into_openapi());
    document.merge(erasure::routes().into_openapi());
    document
}

/// The document that the routes' documentation is merged into.
#[derive(OpenApi)]
#[openapi(
    info(title = "orderlog command-service", description = "Commands of the orderlog order backend."),
    tags((name = "commands", description = "What can be asked of orders."))
)]
struct Document;

/// Serves the commands as a separate program until `shutdown`, then drains.
///
/// # Errors
/// When the listener fails for good.
pub async fn run(
    listener: Listener,
    store: EventStore,
    settings: Settings,
    security: Security,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let readiness = Readiness::draining_on(shutdown.clone());
    let service = CommandService::new(store.clone(), settings, shutdown.clone());
    let watching = tokio::spawn(watch_store(
        store.clone(),
        service.key_store(),
        readiness.clone(),
        shutdown.clone(),
    ));
    security.watch(&readiness);
    service.tell_of_texts(&readiness);
    let app = security.protect(app(&service, readiness));
    let served = server::serve(listener, app, Limits::default(), shutdown).await;
    service.close().await;
    store.close().await;
    security.close().await;
    served?;
    watching.await?.map_err(std::io::Error::other)
}

/// All routes of the program.
fn app(service: &CommandService, readiness: Readiness) -> Router {
    let mut document = Document::openapi();
    document.merge(server::health::api());
    let routes = OpenApiRouter::with_openapi(document).merge(service.routes());
    let (router, mut document) = routes.split_for_parts();
    identity::openapi::describe(&mut document, access::STANDARD);
    router.merge(server::health::router(readiness)).merge(server::openapi::router(document))
}

/// Keeps the readiness of the store up to date until the service drains. If the log notes another store of keys than `sealed`,
/// ends the program by cancelling `shutdown`.
///
/// # Errors
/// [`SealingError::Changed`].
pub async fn watch_store(
    store: EventStore,
    sealed: Option<KeyId>,
    readiness: Readiness,
    shutdown: CancellationToken,
) -> Result<(), SealingError> {
    let draining = readiness.draining();
    let mut round = tokio::time::interval(PING_EVERY);
    loop {
        tokio::select! {
            _ = round.tick() => {}
            () = draining.cancelled() => return Ok(()),
        }
        // It is a ping, too.
        let noted = store.sealed_with().await;
        let changed = noted.as_ref().is_ok_and(|noted| *noted != sealed);
        readiness.set("event-store", noted.map(drop).map_err(|error| error.to_string()));
        if changed {
            tracing::error!(error = %SealingError::Changed, "stopping");
            readiness.set("event-store", Err(SealingError::Changed.to_string()));
            shutdown.cancel();
            return Err(SealingError::Changed);
        }
    }
}
