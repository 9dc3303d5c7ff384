//! How requests reach a provider: over HTTP, or in this process to the sandbox.
//!
//! Both give the same [`Answer`], so everything above is the same for both.

mod http;

use crate::failure::{Cause, Failure};
use crate::secret::Secret;
use sandbox::core::{Fate, Reply, Request};
use serde_json::Value;
use std::time::Duration;

pub use http::Http;

/// The way to a provider.
#[derive(Debug, Clone)]
pub enum Wire {
    /// HTTP, to this address.
    Http(Http),
    /// A sandbox in this process. Where the plan makes it silent, that is known at once.
    InProcess(sandbox::Shared),
}

/// The methods that providers are asked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Changes nothing.
    Get,
    /// Changes something.
    Post,
    /// Puts something under a name that the caller chose.
    Put,
}

/// What is sent with a request.
#[derive(Debug, Clone)]
pub enum Content {
    /// A form's fields; with [`Method::Get`], the query.
    Form(Vec<(String, Secret)>),
    /// A JSON body.
    Json(Secret),
}

/// One request.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The method.
    pub method: Method,
    /// The path below the provider's address, with a slash in front.
    pub path: String,
    /// What is sent with it.
    pub content: Content,
    /// The idempotency key.
    pub key: Option<String>,
}

/// An answer that came whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The JSON body; null if an error's body is none.
    pub body: Value,
    /// The header `Retry-After`, if it is a number of seconds.
    pub retry_after: Option<Duration>,
}

impl Wire {
    /// Sends a request and takes its answer.
    ///
    /// # Errors
    /// [`Failure::Silence`] without an answer that can be read.
    pub async fn send(&self, ask: &Ask) -> Result<Answer, Failure> {
        match self {
            Self::Http(http) => http.send(ask).await,
            Self::InProcess(shared) => in_process(shared, ask).await,
        }
    }
}

async fn in_process(shared: &sandbox::Shared, ask: &Ask) -> Result<Answer, Failure> {
    let method = match ask.method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
    };
    let (form, json) = match &ask.content {
        Content::Form(fields) => {
            let plain = |(name, it): &(String, Secret)| (name.clone(), it.expose().to_owned());
            (fields.iter().map(plain).collect(), None)
        }
        Content::Json(text) => (Vec::new(), serde_json::from_str(text.expose()).ok()),
    };
    let request = Request {
        method: method.to_owned(),
        path: ask.path.clone(),
        form,
        json,
        key: ask.key.clone(),
        known_caller: true,
    };
    match shared.call(&request).await.fate {
        Fate::Answer(Reply { status, body, retry_after_s, .. }) => {
            let retry_after = retry_after_s.map(Duration::from_secs);
            Ok(Answer { status, body, retry_after })
        }
        Fate::Silence => Err(Failure::Silence { cause: Cause::Timeout }),
        Fate::Cut => Err(Failure::Silence { cause: Cause::Reset }),
    }
}

impl Answer {
    /// The body of a success; every other status as its class of failure.
    ///
    /// # Errors
    /// What the status means, with the code that `code_of` finds in the body.
    pub fn success(self, code_of: impl Fn(&Value) -> Option<String>) -> Result<Value, Failure> {
        match self.status {
            200..=299 if self.body.is_object() => Ok(self.body),
            200..=299 => Err(Failure::Silence { cause: Cause::BrokenBody }),
            429 => Err(Failure::RateLimited { retry_after: self.retry_after }),
            500.. => Err(Failure::ServerError { status: self.status }),
            status => {
                let code = code_of(&self.body).unwrap_or_else(|| format!("http-{status}"));
                Err(Failure::Refused { code, is_final: is_final(status) })
            }
        }
    }
}

/// Whether a refusal says something about the call itself. Wrong credentials, a wrong address, a key that is in use and a
/// third party that fails say something about now.
fn is_final(status: u16) -> bool {
    !matches!(status, 300..=399 | 401 | 403 | 408 | 409 | 424 | 425)
}
