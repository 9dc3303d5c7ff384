//! `orderlog`: the whole system in one program.
//!
//! Without a verb it serves: commands, projections and views in one process. This file reads the settings and calls the
//! file of the verb; it decides nothing.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod checkpoints;
mod import;
mod keys;
mod log_key;
mod openapi;
mod rebuild;
mod same_file;
mod sealed_keys;
mod secret_file;
mod serve;
mod settings;
mod stock_audit;
mod storage;
mod verify;

use settings::{Settings, Verb};
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let settings = Settings::read();
    server::telemetry::init("orderlog");
    match run(settings).await {
        Ok(code) => code,
        Err(error) => {
            server::complain("orderlog", format!("{error:#}"));
            error
                .downcast_ref::<server::BindError>()
                .map_or(ExitCode::FAILURE, |refused| ExitCode::from(refused.exit_code()))
        }
    }
}

async fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    match settings.verb() {
        Verb::Serve => serve::serve(&settings).await,
        Verb::Import(import) => import::import(&settings, &import).await,
        Verb::Rebuild { names } => rebuild::rebuild(&settings, &names).await,
        Verb::Verify(against) => verify::verify(&settings, &against).await,
        Verb::Migrate => storage::migrate(&settings).await,
        Verb::Openapi => Ok(openapi::print()),
        Verb::Keys(asked) => keys::keys(&settings, &asked).await,
        Verb::LogKey(asked) => log_key::log_key(&asked),
    }
}
