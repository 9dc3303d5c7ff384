//! The program `query-service`: reads the settings and hands over to the library.

use anyhow::Context;
use clap::Parser;
use identity::access;
use security::{KEY_STORE, Security, Stored};
use std::process::ExitCode;

/// The read side of orderlog: answers views over HTTP from the read model.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on; without --auth a loopback address
    #[arg(long, env = "ORDERLOG_LISTEN", default_value = "127.0.0.1:8082")]
    listen: String,
    /// The read model that a projector fills, e.g. sqlite://orderlog-data/views.db
    #[arg(long, env = "ORDERLOG_READ_MODEL", default_value = "sqlite://orderlog-data/views.db")]
    read_model: String,
    #[command(flatten)]
    security: security::Flags,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    server::telemetry::init("query-service");
    match serve(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            server::complain("query-service", format!("{error:#}"));
            error
                .downcast_ref::<server::BindError>()
                .map_or(ExitCode::FAILURE, |refused| ExitCode::from(refused.exit_code()))
        }
    }
}

async fn serve(Arguments { listen, read_model, security: flags }: Arguments) -> anyhow::Result<()> {
    server::telemetry::announce(&[("listen", listen.clone()), ("read_model", read_model.clone())]);
    let shutdown = server::shutdown::on_signals();
    let security = Security::open(&flags, KEY_STORE, Stored::Views, access::STANDARD).await?;
    let listener = security.listen(&listen).await?;
    query_service::run(listener, read_model, security, shutdown).await.context("cannot serve")
}
