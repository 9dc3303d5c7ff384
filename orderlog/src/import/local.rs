//! Import straight into the data folder: the same pipeline, without a server.

use super::Input;
use crate::settings::Settings;
use crate::storage::Storage;
use command_service::{CommandService, import};
use event_store::Metadata;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Refused lines that may wait to be printed.
const WAITING_REFUSALS: usize = 64;

/// Imports all lines, prints what the HTTP import would answer, and returns how many lines were refused. The views
/// are folded by the next server that starts.
///
/// # Errors
/// When the storage or the input fails before the end.
pub(super) async fn import(settings: &Settings, input: Input) -> anyhow::Result<u64> {
    let storage = Storage::open(settings).await?;
    let shutdown = server::shutdown::on_signals();
    let commands = CommandService::new(
        storage.log.clone(),
        command_service::Settings::default(),
        shutdown.clone(),
    );
    let (refused, mut refusals) = mpsc::channel::<import::Refused>(WAITING_REFUSALS);
    let printing = tokio::spawn(async move {
        while let Some(refused) = refusals.recv().await {
            println!("{}", refusal(&refused));
        }
    });
    let context = server::RequestContext::made();
    let metadata = Metadata { correlation_id: Some(context.correlation_id), ..Metadata::default() };
    let summary =
        import::run(commands.orders(), &storage.log, input, metadata, refused, &shutdown).await;
    printing.await?;
    commands.close().await;
    storage.close().await;
    let summary = summary?;
    println!("{}", json!({ "summary": summary }));
    Ok(summary.failed)
}

fn refusal(refused: &import::Refused) -> Value {
    json!({
        "line": refused.line,
        "order_id": refused.order_id.map(|id| id.to_string()),
        "problem": refused.problem.to_value(),
    })
}
