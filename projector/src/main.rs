//! `projector`: follows a log into a read model, or rebuilds, rolls back, retries, stops and starts projections.
//!
//! This file wires: it reads the settings, opens both ends and calls the library.

use anyhow::Context;
use clap::Parser;
use event_store::EventStore;
use projector::{Kind, Show, Source};
use read_model::ReadModel;
use read_model::write::catalog::State;
use server::{Limits, Readiness};
use std::process::ExitCode;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often `/readyz` looks at both ends.
const CHECK: Duration = Duration::from_secs(2);

/// Follows the log of orders into the read model, and keeps the read model in shape.
#[derive(Debug, Parser)]
#[command(version)]
struct Settings {
    /// Where events come from: sqlite://path/to/events.db
    #[arg(long, env = "ORDERLOG_SOURCE")]
    source: String,
    /// Where rows go: sqlite://path/to/views.db
    #[arg(long, env = "ORDERLOG_READ_MODEL")]
    read_model: String,
    /// Where /healthz, /readyz and /metrics are served
    #[arg(long, env = "ORDERLOG_LISTEN", default_value = "127.0.0.1:8083")]
    listen: String,
    /// Rebuild all or the named projections (NAME,NAME), whether a projector runs or not, and end
    #[arg(long, env = "ORDERLOG_REBUILD", value_name = "NAME,…", num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    rebuild: Option<String>,
    /// Put back what the last rebuild replaced, and end
    #[arg(long, env = "ORDERLOG_ROLLBACK", value_name = "NAME,…", num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    rollback: Option<String>,
    /// Fold parked orders again, and end
    #[arg(long, env = "ORDERLOG_RETRY_PARKED", value_name = "NAME,…", num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    retry_parked: Option<String>,
    /// Let projections stand still until --start, and end
    #[arg(long, env = "ORDERLOG_STOP", value_name = "NAME,…", num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    stop: Option<String>,
    /// Let stopped projections go on, and end
    #[arg(long, env = "ORDERLOG_START", value_name = "NAME,…", num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    start: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let settings = Settings::parse();
    server::telemetry::init("projector");
    server::telemetry::announce(&[
        ("source", settings.source.clone()),
        ("read_model", settings.read_model.clone()),
        ("listen", settings.listen.clone()),
    ]);
    match work(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("projector: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn work(settings: Settings) -> anyhow::Result<()> {
    let shutdown = server::shutdown::on_signals();
    let log = EventStore::open(&settings.source, event_store::Access::ReadOnly)
        .await
        .context("cannot open the source (--source)")?;
    let model = ReadModel::open(&settings.read_model, read_model::Access::ReadWrite)
        .await
        .context("cannot open the read model (--read-model)")?;
    let done = match verb(&settings) {
        Some((verb, names)) => {
            let kinds = Kind::parse_list(names).map_err(anyhow::Error::msg)?;
            act(verb, &kinds, &log, &model, &shutdown).await
        }
        None => follow(&settings, &log, &model, shutdown).await,
    };
    model.close().await;
    log.close().await;
    done
}

/// What is to be done once, instead of following.
#[derive(Debug, Clone, Copy)]
enum Verb {
    Rebuild,
    RollBack,
    RetryParked,
    Stop,
    Start,
}

fn verb(settings: &Settings) -> Option<(Verb, &str)> {
    let verbs = [
        (Verb::Rebuild, &settings.rebuild),
        (Verb::RollBack, &settings.rollback),
        (Verb::RetryParked, &settings.retry_parked),
        (Verb::Stop, &settings.stop),
        (Verb::Start, &settings.start),
    ];
    verbs.into_iter().find_map(|(verb, names)| Some((verb, names.as_deref()?)))
}

async fn act(
    verb: Verb,
    kinds: &[Kind],
    log: &EventStore,
    model: &ReadModel,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    match verb {
        Verb::Rebuild => {
            let source = Source::Log(log.clone());
            let report =
                projector::rebuild(&source, model, kinds, Show::detect(), shutdown).await?;
            println!("{report}");
        }
        Verb::RollBack => projector::roll_back(model, kinds).await?,
        Verb::RetryParked => {
            let report = projector::retry_parked(model, kinds).await?;
            println!("{} events folded, {} stay parked", report.folded, report.parked);
        }
        Verb::Stop => set_state(model, kinds, State::Stopped).await?,
        Verb::Start => set_state(model, kinds, State::Live).await?,
    }
    Ok(())
}

async fn set_state(model: &ReadModel, kinds: &[Kind], state: State) -> anyhow::Result<()> {
    for kind in kinds {
        if !model.set_state(kind.name(), state).await? {
            anyhow::bail!("the read model has no projection {} yet", kind.name());
        }
    }
    Ok(())
}

async fn follow(
    settings: &Settings,
    log: &EventStore,
    model: &ReadModel,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let listener = server::bind(&settings.listen).await?;
    let readiness = Readiness::draining_on(shutdown.clone());
    let check = tokio::spawn(check(log.clone(), model.clone(), readiness.clone()));
    let source = Source::Log(log.clone());
    let run = tokio::spawn(projector::run(source, model.clone(), shutdown.clone()));
    let app = server::health::router(readiness);
    server::serve(listener, app, Limits::default(), shutdown.clone()).await?;
    shutdown.cancel();
    run.await??;
    check.abort();
    Ok(())
}

/// Tells `/readyz` how both ends are.
async fn check(log: EventStore, model: ReadModel, readiness: Readiness) {
    let mut every = tokio::time::interval(CHECK);
    loop {
        every.tick().await;
        readiness.set("source", log.ping().await.map_err(|error| error.to_string()));
        readiness.set("read-model", model.ping().await.map_err(|error| error.to_string()));
    }
}
