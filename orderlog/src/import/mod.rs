//! `orderlog import FILE`: commands from NDJSON, through a running server (`--url`) or directly into the data folder.
//!
//! Refused lines go to standard output as they come, one JSON object each, and the summary last, exactly as the HTTP
//! import answers them. The exit code is 1 if a line was refused, the file could not be read to its end, or the output
//! could not be written in full.

mod gzip;
mod input;
mod local;
mod progress;
mod remote;

use crate::settings::{Import, Settings};
use input::Opened;
use server::{Output, complain};
use std::process::ExitCode;

/// The outcome of an import.
struct Done {
    /// The number of refused lines.
    failed: u64,
    /// The output that reported them.
    output: Output,
}

/// Imports a file.
///
/// # Errors
/// When the file cannot be opened, or the server or the storage fails before the end.
pub async fn import(settings: &Settings, import: &Import) -> anyhow::Result<ExitCode> {
    let Opened { input, progress, broke } = input::open(&import.file).await?;
    let done = match &import.url {
        Some(url) => remote::import(url, import.token_file.as_deref(), input).await,
        None => local::import(settings, input).await,
    };
    progress.finish();
    let Done { failed, output } = done?;
    if let Some(error) = broke.get() {
        let name = import.file.display();
        complain(
            "orderlog",
            format!("{name} cannot be read to its end: {error}. What came before it was imported"),
        );
        return Ok(ExitCode::FAILURE);
    }
    let code = if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    Ok(output.code("orderlog", code))
}
