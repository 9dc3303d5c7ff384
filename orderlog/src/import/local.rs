//! Import directly into the data folder: the same pipeline, without a server.

use super::Done;
use super::input::Input;
use crate::settings::Settings;
use crate::storage::Storage;
use command_service::CommandService;
use command_service::import::{Refused, RefusedLine};
use event_store::Metadata;
use security::Stored;
use serde_json::json;
use server::Output;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// Refused lines that may wait to be printed.
const WAITING_REFUSALS: usize = 64;

/// Imports all lines and prints what the HTTP import would answer, to its end even if the output is closed. The next
/// server that starts folds the views.
///
/// # Errors
/// When the storage or the input fails before the end.
pub(super) async fn import(settings: &Settings, input: Input) -> anyhow::Result<Done> {
    let storage = Storage::open(settings).await?;
    let stored = Stored::Log(storage.log.sealed_with().await?);
    let keyring = security::sealing(&settings.security, &settings.key_store(), stored).await?;
    let shutdown = server::shutdown::on_signals();
    let sealing = keyring
        .clone()
        .map(|keyring| AbortOnDropHandle::new(tokio::spawn(keyring.run(CancellationToken::new()))));
    let service =
        command_service::Settings::default().sealing(keyring.clone(), &storage.log).await?;
    let commands = CommandService::new(storage.log.clone(), service, shutdown);
    let (refused, mut refusals) = mpsc::channel::<Refused>(WAITING_REFUSALS);
    let printing = tokio::spawn(async move {
        let mut output = Output::default();
        while let Some(refused) = refusals.recv().await {
            let refused = RefusedLine::from(refused);
            output.line(serde_json::to_string(&refused).expect("an output line is plain JSON"));
        }
        output
    });
    let context = server::RequestContext::made();
    let metadata = Metadata { correlation_id: Some(context.correlation_id), ..Metadata::default() };
    let summary = commands.imports().run(input, metadata, refused).await;
    let mut output = printing.await?;
    commands.close().await;
    drop(sealing);
    if let Some(keyring) = keyring {
        keyring.store().close().await;
    }
    storage.close().await;
    let summary = summary?;
    output.line(json!({ "summary": summary }));
    Ok(Done { failed: summary.failed, output })
}
