//! The service as a whole: it opens a read model, has routes and runs behind a listener.

use crate::app::App;
use crate::sealed_texts::{Look, look};
use crate::views;
use axum::Router;
use identity::access;
use key_store::Keyring;
use read_model::{Access, ReadModel, ReadModelError};
use security::Security;
use server::listen::Listener;
use server::{Limits, Readiness};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// The pause between attempts to open the read model.
const OPEN_EVERY: Duration = Duration::from_millis(250);
/// How long a starting program waits for its read model before it listens without it.
const OPEN_GRACE: Duration = Duration::from_secs(3);
/// How often the read model is checked for readiness.
const PING_EVERY: Duration = Duration::from_secs(2);
/// The name of the read model in `/readyz`.
const PART: &str = "read-model";

/// Event streams that may be open at a time, unless set otherwise.
const MAX_STREAMS: usize = 256;

/// The bounds of a service.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Event streams that may be open at a time.
    pub max_streams: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_streams: MAX_STREAMS }
    }
}

/// A running read side.
#[derive(Debug, Clone)]
pub struct QueryService {
    app: App,
    routes: Vec<Routes>,
}

/// Views, without the state behind them.
pub type Routes = fn() -> OpenApiRouter<App>;

impl QueryService {
    /// Views over a read model. Event streams end when `readiness` drains.
    ///
    /// # Panics
    /// Outside a tokio runtime: positions are watched by a task.
    pub fn new(read_model: ReadModel, settings: Settings, readiness: Readiness) -> Self {
        let service = Self::waiting(&settings, &readiness);
        service.app.attach(read_model);
        service
    }

    /// Views that answer 503 until they get their read model.
    fn waiting(settings: &Settings, readiness: &Readiness) -> Self {
        let app = App::new(settings.max_streams, readiness.draining());
        Self { app, routes: vec![views::routes] }
    }

    /// All routes of this service with their documentation.
    pub fn routes(&self) -> OpenApiRouter {
        let all = self.routes.iter().fold(OpenApiRouter::new(), |all, routes| all.merge(routes()));
        all.with_state(self.app.clone())
    }

    /// The same, where texts about people are sealed with keys of this keyring.
    #[must_use]
    pub fn opening(self, keyring: Option<Keyring>) -> Self {
        if let Some(keyring) = keyring {
            self.app.opener().attach(keyring);
        }
        self
    }

    /// The same, with further views.
    #[must_use]
    pub fn with(mut self, routes: Routes) -> Self {
        self.routes.push(routes);
        self
    }
}

/// The OpenAPI part of this service's routes, to be merged into a document of several services.
pub fn api() -> utoipa::openapi::OpenApi {
    views::routes().into_openapi()
}

/// The document that the routes' documentation is merged into.
#[derive(OpenApi)]
#[openapi(
    info(title = "orderlog query-service", description = "Views of the orderlog order backend."),
    tags((name = "views", description = "What is and what was."),
        (name = "events", description = "What happened, in the order it happened."),
        (name = "proofs", description = "That nothing of it was changed since."))
)]
struct Document;

/// Serves the views as a program of its own until `shutdown`, then drains. Until the read model can be opened, the
/// service is not ready and views answer 503.
///
/// # Errors
/// When the URL is not a read model's, or the listener fails for good.
pub async fn run(
    listener: Listener,
    read_model: String,
    security: Security,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    if let Err(ReadModelError::InvalidUrl(reason)) =
        ReadModel::open(&read_model, Access::ReadOnly).await
    {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, reason));
    }
    let readiness = Readiness::draining_on(shutdown.clone());
    readiness.set(PART, Err("The read model is not open yet.".to_owned()));
    let service =
        QueryService::waiting(&Settings::default(), &readiness).opening(security.keyring());
    security.watch(&readiness);
    let app = security.protect(app(&service, readiness.clone()));
    let (app_of_views, keyring) = (service.app.clone(), security.keyring());
    let opening =
        tokio::spawn(open_and_watch(read_model, app_of_views, keyring, readiness.clone()));
    let opened = async {
        while readiness.unfit().is_some() {
            tokio::time::sleep(OPEN_EVERY / 10).await;
        }
    };
    let _ = tokio::time::timeout(OPEN_GRACE, opened).await;
    let served = server::serve(listener, app, Limits::default(), shutdown).await;
    opening.abort();
    if let Some(model) = service.app.attached() {
        model.close().await;
    }
    security.close().await;
    served
}

/// All routes of the program.
fn app(service: &QueryService, readiness: Readiness) -> Router {
    let mut document = Document::openapi();
    document.merge(server::health::api());
    let routes = OpenApiRouter::with_openapi(document).merge(service.routes());
    let (router, mut document) = routes.split_for_parts();
    identity::openapi::describe(&mut document, access::STANDARD);
    router.merge(server::health::router(readiness)).merge(server::openapi::router(document))
}

async fn open_and_watch(url: String, app: App, keyring: Option<Keyring>, readiness: Readiness) {
    let draining = readiness.draining();
    let mut reported = None;
    let model = loop {
        match ReadModel::open(&url, Access::ReadOnly).await {
            Ok(model) => break model,
            Err(error) => {
                let reason = error.to_string();
                readiness.set(PART, Err(reason.clone()));
                if reported.as_ref() != Some(&reason) {
                    tracing::warn!(reason, "the read model cannot be opened; retrying");
                    reported = Some(reason);
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(OPEN_EVERY) => {}
            () = draining.cancelled() => return,
        }
    };
    let mut readable = Look::Plain;
    loop {
        if readable != Look::Readable {
            readable = look(&model, keyring.as_ref()).await.unwrap_or(readable);
        }
        app.refuse_views(match readable {
            Look::Unreadable(why) => Some(why),
            Look::Plain | Look::Readable => None,
        });
        app.attach(model.clone());
        readiness.set(PART, condition(&model, &readable).await);
        tokio::select! {
            () = tokio::time::sleep(PING_EVERY) => {}
            () = draining.cancelled() => return,
        }
    }
}

async fn condition(model: &ReadModel, readable: &Look) -> Result<(), String> {
    match readable {
        Look::Unreadable(why) => Err((*why).to_owned()),
        Look::Plain | Look::Readable => model.ping().await.map_err(|error| error.to_string()),
    }
}

/// Keeps the readiness of the read model up to date until the service drains.
pub async fn watch_read_model(model: ReadModel, readiness: Readiness) {
    let draining = readiness.draining();
    let mut round = tokio::time::interval(PING_EVERY);
    loop {
        tokio::select! {
            _ = round.tick() => {}
            () = draining.cancelled() => return,
        }
        let condition = model.ping().await.map_err(|error| error.to_string());
        readiness.set(PART, condition);
    }
}
