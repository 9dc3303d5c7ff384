//! Import through a running server: the file streams up, the answers stream down.

use super::Input;
use anyhow::{Context, bail};
use futures::TryStreamExt;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead};
use tokio_util::io::{ReaderStream, StreamReader};

/// Bytes sent at a time.
const CHUNK: usize = 64 << 10;
/// How much of an answer that is no import's is shown.
const SHOWN: usize = 2_000;

/// Imports all lines, prints the server's answers, and returns how many lines were refused.
///
/// # Errors
/// When the server cannot be reached, refuses the import or ends before the summary.
pub(super) async fn import(url: &str, input: Input) -> anyhow::Result<u64> {
    let target = format!("{}/v1/import", url.trim_end_matches('/'));
    let body = reqwest::Body::wrap_stream(ReaderStream::with_capacity(input, CHUNK));
    let answer = reqwest::Client::new()
        .post(&target)
        .header("content-type", "application/x-ndjson")
        .body(body)
        .send()
        .await
        .with_context(|| format!("no orderlog server answers at {url} (--url)"))?;
    let status = answer.status();
    if !status.is_success() {
        let told: String = answer.text().await.unwrap_or_default().chars().take(SHOWN).collect();
        bail!("the server refused the import ({status}): {told}");
    }
    let lines = StreamReader::new(answer.bytes_stream().map_err(std::io::Error::other));
    failed_lines(lines).await
}

/// Prints the answer's lines up to the summary and reads from it how many were refused.
async fn failed_lines(answer: impl AsyncRead + Unpin) -> anyhow::Result<u64> {
    let mut lines = tokio::io::BufReader::new(answer).lines();
    while let Some(line) = lines.next_line().await.context("the server's answer broke off")? {
        println!("{line}");
        let answer: Value =
            serde_json::from_str(&line).context("the server answered something else than JSON")?;
        if let Some(failed) = answer.pointer("/summary/failed") {
            return failed.as_u64().context("the summary's `failed` is not a number");
        }
    }
    bail!(
        "the server stopped before the end; import the file again: what was applied is not applied twice"
    )
}
