//! `orderlog serve`: commands, projections and views in one process.
//!
//! The three services are the same libraries that run as programs of their own; here they share the log, the views
//! and one listener. At the end they stop in the order of the data's path: requests first, then the pipeline, then the
//! projector.

use crate::settings::Settings;
use crate::storage::Storage;
use axum::Router;
use command_service::CommandService;
use projector::Source;
use query_service::QueryService;
use server::{Limits, Readiness};
use std::process::ExitCode;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// What the merged documentation begins with.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "orderlog",
        description = "An order backend whose truth is an append-only log: commands by POST, views by GET, every past state on request."
    ),
    tags(
        (name = "commands", description = "What can be asked of orders."),
        (name = "views", description = "What has become of them, now and at any time."),
        (name = "events", description = "What happened, in the order it happened."),
        (name = "operations", description = "How the service is.")
    )
)]
struct Document;

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
    let listener = server::bind(&settings.listen).await?;
    let storage = Storage::open(settings).await?;

    let readiness = Readiness::draining_on(shutdown.clone());
    let commands = CommandService::new(
        storage.log.clone(),
        command_service::Settings::default(),
        shutdown.clone(),
    );
    let views = QueryService::new(
        storage.views.clone(),
        query_service::Settings::default(),
        readiness.clone(),
    );
    let following = CancellationToken::new();
    let source = Source::Log(storage.log.clone());
    projector::check_lineage(&source, &storage.views).await?;
    let (condition, told) = watch::channel(Err("nothing is followed yet".to_owned()));
    let projector =
        tokio::spawn(projector::run(source, storage.views.clone(), condition, following.clone()));
    tokio::spawn(projector::watch_condition(told, readiness.clone()));
    tokio::spawn(command_service::watch_store(storage.log.clone(), readiness.clone()));
    tokio::spawn(query_service::watch_read_model(storage.views.clone(), readiness.clone()));

    let app = app(&commands, &views, readiness);
    let served = server::serve(listener, app, Limits::default(), shutdown).await;
    commands.close().await;
    following.cancel();
    projector.await??;
    storage.close().await;
    served?;
    Ok(ExitCode::SUCCESS)
}

/// All routes with one document.
fn app(commands: &CommandService, views: &QueryService, readiness: Readiness) -> Router {
    let mut document = Document::openapi();
    document.merge(server::health::api());
    let (router, document) = OpenApiRouter::with_openapi(document)
        .merge(commands.routes())
        .merge(views.routes())
        .split_for_parts();
    router.merge(server::health::router(readiness)).merge(server::openapi::router(document))
}
