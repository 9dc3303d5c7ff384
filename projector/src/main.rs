//! `projector`: follows a log or a topic into a read model, or rebuilds, rolls back, retries, stops and starts projections.
//!
//! This file wires: it reads the settings, opens both ends and calls the library.

use anyhow::Context;
use clap::Parser;
use event_store::EventStore;
use projector::{Projection, Registry, Show, SigningFlags, Source, TopicFeed};
use read_model::ReadModel;
use read_model::write::catalog::State;
use relay::consumer::ConsumerSettings;
use relay::{Kafka, SecurityFlags};
use server::{Limits, Output, Readiness};
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often the read model is checked for `/readyz`.
const CHECK: Duration = Duration::from_secs(2);

/// Follows the log into the read model, and keeps the read model in shape.
#[derive(Debug, Parser)]
#[command(version)]
struct Settings {
    /// Where events come from: sqlite://path/to/events.db, postgres://user@host/database, or kafka://host:port[,host:port…]/topic
    #[arg(long, env = "ORDERLOG_SOURCE")]
    source: String,
    /// The log behind a Kafka source: for records that the topic no longer has, and for --rebuild
    #[arg(long, visible_alias = "log", env = "ORDERLOG_EVENT_STORE", value_name = "URL")]
    event_store: Option<String>,
    /// The consumer group whose members share a Kafka source's partitions
    #[arg(long, env = "ORDERLOG_GROUP", default_value = "orderlog-projector")]
    group: String,
    #[command(flatten)]
    security: SecurityFlags,
    #[command(flatten)]
    signing: SigningFlags,
    /// Where rows go: sqlite://path/to/views.db or postgres://user@host/database
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
    /// Fold parked events again, and end
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
        ("event_store", settings.event_store.clone().unwrap_or_default()),
        ("group", settings.group.clone()),
        ("kafka_security_protocol", format!("{:?}", settings.security.protocol)),
        ("read_model", settings.read_model.clone()),
        ("listen", settings.listen.clone()),
    ]);
    match work(settings).await {
        Ok(output) => output.code("projector", ExitCode::SUCCESS),
        Err(error) => {
            server::complain("projector", format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Does what the settings say; returns the output of a job that ends.
async fn work(settings: Settings) -> anyhow::Result<Output> {
    let shutdown = server::shutdown::on_signals();
    let registry = Registry::standard();
    let feed = Feed::open(&settings, &registry).await?;
    let model = ReadModel::open(&settings.read_model, read_model::Access::ReadWrite)
        .await
        .context("cannot open the read model (--read-model)")?;
    let done = match verb(&settings) {
        Some((verb, names)) => {
            let projections = registry.parse_list(names).map_err(anyhow::Error::msg)?;
            act(verb, &registry, &projections, &feed, &model, &shutdown).await
        }
        None => {
            follow(&settings, &registry, &feed, &model, shutdown).await.map(|()| Output::default())
        }
    };
    model.close().await;
    if let Some(log) = feed.log() {
        log.close().await;
    }
    done
}

/// Where events come from.
enum Feed {
    Log(EventStore),
    Topic(TopicFeed),
}

impl Feed {
    async fn open(settings: &Settings, registry: &Registry) -> anyhow::Result<Self> {
        let open = |url: String| async move {
            EventStore::open(&url, event_store::Access::ReadOnly).await
        };
        if !settings.source.starts_with("kafka:") {
            anyhow::ensure!(
                settings.event_store.is_none(),
                "--event-store goes with --source kafka://… only"
            );
            let log = open(settings.source.clone()).await;
            return Ok(Self::Log(log.context("cannot open the source (--source)")?));
        }
        let kafka = Kafka::from_url(&settings.source, &settings.security)?;
        let consumer = ConsumerSettings::new(kafka, &settings.group);
        let log = match settings.event_store.clone() {
            Some(url) => Some(open(url).await.context("cannot open the log (--event-store)")?),
            None => None,
        };
        Ok(Self::Topic(TopicFeed { consumer, log, registry: registry.clone() }))
    }

    fn log(&self) -> Option<&EventStore> {
        match self {
            Self::Log(log) => Some(log),
            Self::Topic(feed) => feed.log.as_ref(),
        }
    }
}

/// A job that is done once, instead of following.
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
    registry: &Registry,
    projections: &[&'static Projection],
    feed: &Feed,
    model: &ReadModel,
    shutdown: &CancellationToken,
) -> anyhow::Result<Output> {
    let mut output = Output::default();
    match verb {
        Verb::Rebuild => {
            let log =
                feed.log().context("--rebuild with a Kafka source needs --event-store URL")?;
            let source = Source::new(log.clone(), registry.clone());
            let report =
                projector::rebuild(&source, model, projections, Show::detect(), shutdown).await?;
            output.line(report);
        }
        Verb::RollBack => projector::roll_back(model, projections).await?,
        Verb::RetryParked => {
            let report = projector::retry_parked(registry, model, projections).await?;
            let (folded, parked) = (report.folded, report.parked);
            output.line(format!("{folded} events folded, {parked} stay parked"));
        }
        Verb::Stop => set_state(model, projections, State::Stopped).await?,
        Verb::Start => set_state(model, projections, State::Live).await?,
    }
    Ok(output)
}

async fn set_state(
    model: &ReadModel,
    projections: &[&'static Projection],
    state: State,
) -> anyhow::Result<()> {
    for projection in projections {
        if !model.set_state(projection.name, state).await? {
            anyhow::bail!("the read model has no projection {} yet", projection.name);
        }
    }
    Ok(())
}

async fn follow(
    settings: &Settings,
    registry: &Registry,
    feed: &Feed,
    model: &ReadModel,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let signer = settings.signing.open().context("cannot sign the log (--log-key-file)")?;
    let listener = server::bind(&settings.listen, server::listen::Exposure::LoopbackOnly).await?;
    let readiness = Readiness::draining_on(shutdown.clone());
    let (condition, conditions) = watch::channel(Err("nothing is followed yet".to_owned()));
    let following = CancellationToken::new();
    let (model, until) = (model.clone(), following.clone());
    tokio::spawn(projector::watch_condition(conditions, readiness.clone()));
    let check = tokio::spawn(check(model.clone(), readiness.clone()));
    if let Some(signer) = signer {
        tokio::spawn(signer.run(model.clone(), readiness.clone(), following.clone()));
    }
    let mut run = match feed {
        Feed::Log(log) => tokio::spawn(projector::run(
            Source::new(log.clone(), registry.clone()),
            model,
            condition,
            until,
        )),
        Feed::Topic(feed) => {
            tokio::spawn(projector::run_topic(feed.clone(), model, condition, until))
        }
    };
    let app = server::health::router(readiness);
    let served = tokio::select! {
        served = server::serve(listener, app, Limits::default(), shutdown) => served,
        // Following ends at shutdown or by a defect. Then the process ends too, rather than idle.
        ended = &mut run => {
            ended.context("following panicked")??;
            anyhow::bail!("following has ended by itself");
        }
    };
    following.cancel();
    run.await??;
    check.abort();
    Ok(served?)
}

/// Keeps the read model's part of `/readyz` up to date.
async fn check(model: ReadModel, readiness: Readiness) {
    let mut every = tokio::time::interval(CHECK);
    loop {
        every.tick().await;
        readiness.set("read-model", model.ping().await.map_err(|error| error.to_string()));
    }
}
