//! The program `command-service`: reads the settings, opens the log, and calls the library.

use anyhow::Context;
use clap::Parser;
use command_service::Settings;
use event_store::{Access, EventStore};
use identity::access;
use security::{KEY_STORE, Security, Stored};
use std::process::ExitCode;

/// The write side of orderlog: takes commands over HTTP and appends to the log.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on; without --auth a loopback address
    #[arg(long, env = "ORDERLOG_LISTEN", default_value = "127.0.0.1:8081")]
    listen: String,
    /// The log, e.g. sqlite://orderlog-data/events.db or postgres://user@host/database
    #[arg(long, env = "ORDERLOG_EVENT_STORE", default_value = "sqlite://orderlog-data/events.db")]
    event_store: String,
    #[command(flatten)]
    security: security::Flags,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    server::telemetry::init("command-service");
    match serve(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            server::complain("command-service", format!("{error:#}"));
            error
                .downcast_ref::<server::BindError>()
                .map_or(ExitCode::FAILURE, |refused| ExitCode::from(refused.exit_code()))
        }
    }
}

async fn serve(
    Arguments { listen, event_store, security: flags }: Arguments,
) -> anyhow::Result<()> {
    let shown = [("listen", listen.clone()), ("event_store", event_store.clone())];
    server::telemetry::announce(&shown);
    let shutdown = server::shutdown::on_signals();
    flags.check()?;
    let store = EventStore::open(&event_store, Access::ReadWrite)
        .await
        .context("--event-store cannot be opened")?;
    let stored = Stored::Log(store.sealed_with().await?);
    let security = Security::open(&flags, KEY_STORE, stored, access::STANDARD).await?;
    let listener = security.listen(&listen).await?;
    let settings = Settings::default().sealing(security.keyring(), &store).await?;
    command_service::run(listener, store, settings, security, shutdown).await?;
    Ok(())
}
