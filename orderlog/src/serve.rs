//! `orderlog serve`: commands, projections and views in one process.
//!
//! The three services are the same libraries that run as separate programs; here they share the log, the views and one
//! listener. At the end they stop in the order of the data path: requests first, then the pipeline, then the projector.

use crate::settings::Settings;
use crate::storage::{Storage, make_data_dir};
use anyhow::Context;
use axum::Router;
use command_service::CommandService;
use identity::access::Rule;
use projector::Source;
use query_service::QueryService;
use security::{Security, Stored};
use server::listen::Listener;
use server::{Limits, Readiness};
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

/// How long listening waits for the projector's first report.
const FIRST_WORD: Duration = Duration::from_secs(2);

/// Serves until stopped.
///
/// # Errors
/// When a storage or the listener cannot be opened.
pub async fn serve(settings: &Settings) -> anyhow::Result<ExitCode> {
    server::telemetry::announce(&[
        ("listen", settings.listen.clone()),
        ("event_store", settings.event_store()),
        ("read_model", settings.read_model()),
    ]);
    let shutdown = server::shutdown::on_signals();
    settings.security.check()?;
    make_data_dir(settings)?;
    let signer = settings.signing.open().context("cannot sign the log (--log-key-file)")?;
    let storage = Storage::open(settings).await?;
    let opened = secure(settings, &storage).await;
    if opened.is_err() {
        // Who puts another copy of a file in its place must find no WAL.
        storage.close().await;
    }
    let (security, listener) = opened?;
    let sealing =
        command_service::Settings::default().sealing(security.keyring(), &storage.log).await?;

    let readiness = Readiness::draining_on(shutdown.clone());
    let mut commands = CommandService::new(storage.log.clone(), sealing, shutdown.clone());
    let mut views = QueryService::new(
        storage.views.clone(),
        query_service::Settings::default(),
        readiness.clone(),
    )
    .opening(security.keyring());
    if let Some(policy) = settings.checkout.policy() {
        commands = commands.with_stock(policy);
        views = views.with(query_service::views::stock::routes);
    }
    let following = CancellationToken::new();
    let source = Source::new(storage.log.clone(), settings.checkout.registry());
    projector::check_log_identity(&source, &storage.views).await?;
    let (condition, mut reported) = watch::channel(Err("nothing is followed yet".to_owned()));
    let projector =
        tokio::spawn(projector::run(source, storage.views.clone(), condition, following.clone()));
    // A client that reads the listening line may request `/readyz` at once.
    if tokio::time::timeout(FIRST_WORD, reported.changed()).await.is_err() {
        tracing::warn!("the projector takes long to start; views may be behind");
    }
    readiness.set("projector", reported.borrow().clone());
    tokio::spawn(projector::watch_condition(reported, readiness.clone()));
    let watch = Watch {
        following: following.clone(),
        readiness: readiness.clone(),
        shutdown: shutdown.clone(),
    };
    let projector = tokio::spawn(watch.over(projector));
    let watching = tokio::spawn(command_service::watch_store(
        storage.log.clone(),
        commands.key_store(),
        readiness.clone(),
        shutdown.clone(),
    ));
    if let Some(signer) = signer {
        let (views, readiness) = (storage.views.clone(), readiness.clone());
        tokio::spawn(signer.run(views, readiness, following.clone()));
    }
    tokio::spawn(query_service::watch_read_model(storage.views.clone(), readiness.clone()));

    security.watch(&readiness);
    commands.tell_of_texts(&readiness);
    let app = security.protect(app(&commands, &views, &settings.checkout.access(), readiness));
    let served = server::serve(listener, app, Limits::default(), shutdown).await;
    commands.close().await;
    following.cancel();
    let projected = projector.await?;
    storage.close().await;
    security.close().await;
    served?;
    watching.await??;
    projected?;
    Ok(ExitCode::SUCCESS)
}

/// Opens the keys, and listens.
async fn secure(settings: &Settings, storage: &Storage) -> anyhow::Result<(Security, Listener)> {
    let stored = Stored::Log(storage.log.sealed_with().await?);
    let key_store = settings.key_store();
    let rules = settings.checkout.access();
    let security = Security::open(&settings.security, &key_store, stored, &rules).await?;
    match security.listen(&settings.listen).await {
        Ok(listener) => Ok((security, listener)),
        Err(refused) => {
            security.close().await;
            Err(refused.into())
        }
    }
}

/// Watches the projector. Without it, the views stop while everything else looks well. So if it ends unexpectedly, the
/// whole program stops with an error, for its supervisor to restart it.
struct Watch {
    /// Cancelled when the projector is asked to end.
    following: CancellationToken,
    readiness: Readiness,
    shutdown: CancellationToken,
}

impl Watch {
    async fn over<E: Into<anyhow::Error>>(
        self,
        projector: JoinHandle<Result<(), E>>,
    ) -> anyhow::Result<()> {
        let ended = projector.await;
        let asked = self.following.is_cancelled();
        let why = match ended {
            Ok(Ok(())) if asked => return Ok(()),
            Ok(Ok(())) => anyhow::anyhow!("it ended by itself"),
            Ok(Err(error)) => error.into(),
            Err(error) => anyhow::Error::from(error),
        };
        tracing::error!(error = format!("{why:#}"), "the projector ended; stopping");
        self.readiness
            .set("projector", Err("The projector has ended. Restart the server.".to_owned()));
        self.shutdown.cancel();
        Err(why.context("the projector ended unasked"))
    }
}

/// All routes, with one OpenAPI document.
fn app(
    commands: &CommandService,
    views: &QueryService,
    rules: &[Rule],
    readiness: Readiness,
) -> Router {
    let (router, mut document) = OpenApiRouter::with_openapi(crate::openapi::preface())
        .merge(commands.routes())
        .merge(views.routes())
        .split_for_parts();
    identity::openapi::describe(&mut document, rules);
    router.merge(server::health::router(readiness)).merge(server::openapi::router(document))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn watched(
        following: CancellationToken,
        projector: JoinHandle<Result<(), std::io::Error>>,
    ) -> (anyhow::Result<()>, bool) {
        let shutdown = CancellationToken::new();
        let readiness = Readiness::draining_on(shutdown.clone());
        let watch = Watch { following, readiness: readiness.clone(), shutdown: shutdown.clone() };
        let ended = watch.over(projector).await;
        assert_eq!(shutdown.is_cancelled(), readiness.unfit().is_some());
        (ended, shutdown.is_cancelled())
    }

    #[tokio::test]
    async fn a_projector_that_ends_unasked_stops_the_program_with_an_error() {
        let panics = async || -> Result<(), std::io::Error> { panic!("planted") };
        for projector in [
            tokio::spawn(panics()),
            tokio::spawn(async { Ok(()) }),
            tokio::spawn(async { Err(std::io::Error::other("planted")) }),
        ] {
            let (ended, stopped) = watched(CancellationToken::new(), projector).await;
            assert!(ended.is_err() && stopped);
        }
    }

    #[tokio::test]
    async fn a_projector_that_was_asked_to_end_is_no_error() {
        let following = CancellationToken::new();
        following.cancel();
        let (ended, stopped) = watched(following, tokio::spawn(async { Ok(()) })).await;
        assert!(ended.is_ok() && !stopped);
    }
}
