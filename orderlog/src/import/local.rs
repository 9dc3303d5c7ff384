//! Import straight into the data folder: the same pipeline, without a server.

use super::Done;
use super::input::Input;
use crate::settings::Settings;
use crate::storage::Storage;
use command_service::{CommandService, import};
use event_store::Metadata;
use serde_json::{Value, json};
use server::Output;
use tokio::sync::mpsc;

/// Refused lines that may wait to be printed.
const WAITING_REFUSALS: usize = 64;

/// Imports all lines and prints what the HTTP import would answer, to its end even if nobody reads it. The views are
/// folded by the next server that starts.
///
/// # Errors
/// When the storage or the input fails before the end.
pub(super) async fn import(settings: &Settings, input: Input) -> anyhow::Result<Done> {
    let storage = Storage::open(settings).await?;
    let shutdown = server::shutdown::on_signals();
    let commands = CommandService::new(
        storage.log.clone(),
        command_service::Settings::default(),
        shutdown.clone(),
    );
    let (refused, mut refusals) = mpsc::channel::<import::Refused>(WAITING_REFUSALS);
    let printing = tokio::spawn(async move {
        let mut output = Output::default();
        while let Some(refused) = refusals.recv().await {
            output.line(refusal(&refused));
        }
        output
    });
    let context = server::RequestContext::made();
    let metadata = Metadata { correlation_id: Some(context.correlation_id), ..Metadata::default() };
    let summary =
        import::run(commands.orders(), &storage.log, input, metadata, refused, &shutdown).await;
    let mut output = printing.await?;
    commands.close().await;
    storage.close().await;
    let summary = summary?;
    output.line(json!({ "summary": summary }));
    Ok(Done { failed: summary.failed, output })
}

fn refusal(refused: &import::Refused) -> Value {
    json!({
        "line": refused.line,
        "order_id": refused.order_id.map(|id| id.to_string()),
        "problem": refused.problem.to_value(),
    })
}
