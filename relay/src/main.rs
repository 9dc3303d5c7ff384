//! The relay program: reads settings, opens the log, wires, runs. It decides nothing.

use anyhow::Context;
use clap::Parser;
use event_store::{Access, EventStore};
use relay::{Settings, audit};
use std::process::ExitCode;
use tokio::net::TcpListener;

fn main() -> ExitCode {
    let settings = Settings::parse();
    let runtime = tokio::runtime::Runtime::new().expect("the system gives threads and a poller");
    let ended = runtime.block_on(async {
        if settings.audit { compare(settings).await } else { publish(settings).await }
    });
    // A request to a broker that does not answer may still wait; the program does not wait for it.
    runtime.shutdown_background();
    ended.unwrap_or_else(|error| {
        server::complain("relay", format!("{error:#}"));
        ExitCode::from(2)
    })
}

async fn publish(settings: Settings) -> anyhow::Result<ExitCode> {
    settings.kafka()?;
    server::telemetry::init("relay");
    server::telemetry::announce(&settings.shown());
    let shutdown = server::shutdown::on_signals();
    let store = EventStore::open(&settings.event_store, Access::Lease).await?;
    let address = settings.listen;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("--listen {address} cannot be listened on"))?;
    let ended = relay::run(settings, store.clone(), listener.into(), shutdown).await;
    store.close().await;
    ended?;
    Ok(ExitCode::SUCCESS)
}

async fn compare(settings: Settings) -> anyhow::Result<ExitCode> {
    let kafka = settings.kafka()?;
    let store = EventStore::open(&settings.event_store, Access::ReadOnly).await?;
    let report = audit::compare(&store, &kafka).await?;
    let mut output = server::Output::default();
    output.line(&report);
    let code = if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(1) };
    Ok(output.code("relay", code))
}
