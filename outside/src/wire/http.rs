//! Requests over HTTP. No redirects are followed, no proxy of the environment is used, no cookie is kept, and an answer
//! has a largest size.

use super::{Answer, Ask, Content, Method};
use crate::failure::{Cause, Failure};
use crate::secret::Secret;
use reqwest::header;
use serde_json::Value;
use std::time::Duration;

/// The largest answer that is read.
const MAX_ANSWER: usize = 1024 * 1024;
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);

/// A provider's address and the key it knows us by.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
    base: String,
    api_key: Secret,
}

impl Http {
    /// A provider at an address, such as `https://api.stripe.com`. A request that takes longer than `patience` ends in
    /// silence.
    ///
    /// # Errors
    /// When no TLS can be had.
    pub fn new(base: &str, api_key: Secret, patience: Duration) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(patience)
            .build()?;
        Ok(Self { client, base: base.trim_end_matches('/').to_owned(), api_key })
    }

    pub(super) async fn send(&self, ask: &Ask) -> Result<Answer, Failure> {
        let url = format!("{}{}", self.base, ask.path);
        let request = match (ask.method, &ask.content) {
            (Method::Get, Content::Form(fields)) if fields.is_empty() => self.client.get(url),
            (Method::Get, Content::Form(fields)) => {
                self.client.get(format!("{url}?{}", encoded(fields)))
            }
            (Method::Get, Content::Json(_)) => self.client.get(url),
            (method, content) => {
                let request = match method {
                    Method::Put => self.client.put(url),
                    _ => self.client.post(url),
                };
                let (kind, body) = match content {
                    Content::Form(fields) => ("application/x-www-form-urlencoded", encoded(fields)),
                    Content::Json(text) => ("application/json", text.expose().to_owned()),
                };
                request.header(header::CONTENT_TYPE, kind).body(body)
            }
        };
        let request = match &ask.key {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        };
        let answer = request.bearer_auth(self.api_key.expose()).send().await.map_err(silence)?;
        read(answer).await
    }
}

async fn read(mut answer: reqwest::Response) -> Result<Answer, Failure> {
    let status = answer.status().as_u16();
    let retry_after = answer.headers().get(header::RETRY_AFTER);
    let retry_after = retry_after.and_then(|it| it.to_str().ok()?.trim().parse().ok());
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(silence)? {
        if bytes.len() + chunk.len() > MAX_ANSWER {
            return Err(Failure::Silence { cause: Cause::BrokenBody });
        }
        bytes.extend_from_slice(&chunk);
    }
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    Ok(Answer { status, body, retry_after: retry_after.map(Duration::from_secs) })
}

/// What an error of the transport means. Its text is not kept: it may name the request's address with its query.
#[allow(clippy::needless_pass_by_value)] // it is the end of the error
fn silence(error: reqwest::Error) -> Failure {
    let cause = if error.is_connect() {
        Cause::NoConnection
    } else if error.is_timeout() {
        Cause::Timeout
    } else if error.is_decode() {
        Cause::BrokenBody
    } else {
        Cause::Reset
    };
    Failure::Silence { cause }
}

fn encoded(fields: &[(String, Secret)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields {
        form.append_pair(name, value.expose());
    }
    form.finish()
}
