//! `orderlog --rebuild[=NAME,…]`: rebuilds projections from the log while a running server goes on serving.

use crate::settings::Settings;
use crate::storage::Storage;
use projector::{Show, Source};
use server::Output;
use std::process::ExitCode;

/// Rebuilds projections and swaps them in.
///
/// # Errors
/// When a name is not a projection's, another rebuild runs, or a storage refuses.
pub async fn rebuild(settings: &Settings, names: &str) -> anyhow::Result<ExitCode> {
    let registry = settings.checkout.registry();
    let kinds = registry.parse_list(names).map_err(anyhow::Error::msg)?;
    let shutdown = server::shutdown::on_signals();
    let storage = Storage::open_to_rebuild(settings).await?;
    let source = Source::new(storage.log.clone(), registry);
    let report =
        projector::rebuild(&source, &storage.views, &kinds, Show::detect(), &shutdown).await;
    storage.close().await;
    let mut output = Output::default();
    output.line(report?);
    Ok(output.code("orderlog", ExitCode::SUCCESS))
}
