//! Import through a running server: the file streams up, the answers stream down.
//!
//! A server on this machine is contacted directly, whatever proxies the environment names. A server elsewhere is
//! contacted through them; errors then name the proxy.

use super::Done;
use super::input::Input;
use crate::settings::{ServerUrl, proxy_variable};
use anyhow::{Context, bail};
use futures::TryStreamExt;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response};
use serde_json::Value;
use server::Output;
use server::problem::PROBLEM_JSON;
use std::path::Path;
use tokio::io::{AsyncBufReadExt, AsyncRead};
use tokio_util::io::{ReaderStream, StreamReader};

/// Bytes sent at a time.
const CHUNK: usize = 64 << 10;
/// The most characters that are shown of an answer that is not an import's.
const SHOWN: usize = 2_000;
/// The media type of both streams.
const NDJSON: &str = "application/x-ndjson";

/// Imports all lines and prints the server's answers, to their end even if the output is closed.
///
/// # Errors
/// When the server cannot be reached, refuses the import or ends before the summary.
pub(super) async fn import(
    server: &ServerUrl,
    token_file: Option<&Path>,
    input: Input,
) -> anyhow::Result<Done> {
    let way = Way::to(server);
    let token = token_file.map(token).transpose()?;
    let body = reqwest::Body::wrap_stream(ReaderStream::with_capacity(input, CHUNK));
    let request = way.client()?.post(server.at("/v1/import")).header(CONTENT_TYPE, NDJSON);
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let answer = request.body(body).send().await.map_err(|error| way.explained(error))?;
    way.check(&answer)?;
    if !answer.status().is_success() {
        let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
        let text: String = text.chars().take(SHOWN).collect();
        bail!("the server refused the import ({status}): {text}");
    }
    let lines = StreamReader::new(answer.bytes_stream().map_err(std::io::Error::other));
    print_answers(lines).await
}

/// Reads a token; the line end that editors put after it is not part of it.
fn token(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| {
        format!("the token cannot be read from {} (--token-file)", file.display())
    })?;
    Ok(text.trim().to_owned())
}

/// The way to a server.
struct Way<'s> {
    server: &'s ServerUrl,
    /// The environment variable that names the proxy, if one is used.
    proxy: Option<&'static str>,
}

impl<'s> Way<'s> {
    fn to(server: &'s ServerUrl) -> Self {
        let proxy = if server.is_here() { None } else { proxy_variable() };
        Self { server, proxy }
    }

    fn client(&self) -> anyhow::Result<Client> {
        let builder = Client::builder();
        let builder = if self.server.is_here() { builder.no_proxy() } else { builder };
        builder.build().map_err(|error| match self.proxy {
            Some(proxy) => anyhow::Error::from(error)
                .context(format!("the proxy that {proxy} names cannot be used")),
            None => error.into(),
        })
    }

    /// The error of a request without an answer, with its cause.
    fn explained(&self, error: reqwest::Error) -> anyhow::Error {
        let server = self.server;
        let why = match (error.is_connect(), self.proxy) {
            (true, None) => format!("no server answers at {server} (--url)"),
            (true, Some(proxy)) => format!(
                "no server answers at {server} (--url), asked by way of the proxy that {proxy} names; NO_PROXY goes around it"
            ),
            (false, _) => {
                format!(
                    "the connection to {server} broke off; import the file again: what was applied is not applied twice"
                )
            }
        };
        anyhow::Error::from(error).context(why)
    }

    /// Refuses an answer that no orderlog server gives.
    fn check(&self, answer: &Response) -> anyhow::Result<()> {
        let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let expected = if answer.status().is_success() { NDJSON } else { PROBLEM_JSON };
        if kind.is_some_and(|kind| kind.starts_with(expected)) {
            return Ok(());
        }
        let (server, status) = (self.server, answer.status());
        match self.proxy {
            Some(proxy) => bail!(
                "{status}, not from an orderlog server at {server} (--url): it may be from the proxy that {proxy} names; \
                 NO_PROXY goes around it"
            ),
            None => bail!("{status}: what answers at {server} (--url) is no orderlog server"),
        }
    }
}

/// Prints the answer's lines up to the summary.
async fn print_answers(answer: impl AsyncRead + Unpin) -> anyhow::Result<Done> {
    let mut output = Output::default();
    let mut lines = tokio::io::BufReader::new(answer).lines();
    while let Some(line) = lines.next_line().await.context("the server's answer broke off")? {
        output.line(&line);
        let answer: Value =
            serde_json::from_str(&line).context("the server answered something else than JSON")?;
        if let Some(failed) = answer.pointer("/summary/failed") {
            let failed = failed.as_u64().context("the summary's `failed` is not a number")?;
            return Ok(Done { failed, output });
        }
    }
    bail!(
        "the server stopped before the end; import the file again: what was applied is not applied twice"
    )
}
