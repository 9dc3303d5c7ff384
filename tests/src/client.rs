//! A small typed client: sends JSON, returns whole answers, and checks each against the served OpenAPI document.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::auth;
use crate::contract::Contract;

/// Longer than any answer may take: the server's longest wait is 30 s.
const ANSWER_BOUND: Duration = Duration::from_secs(60);

/// Shorter than the 8 s after which the server closes a kept connection: no request is sent into a closing one.
const KEPT_CONNECTION: Duration = Duration::from_secs(4);

/// Headers by name.
pub type Headers<'a> = &'a [(&'a str, &'a str)];

/// A client of one server.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    contract: Option<Arc<Contract>>,
    bearer: Option<String>,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The request, such as `POST /v1/orders`, for messages.
    pub asked: String,
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body's bytes.
    pub body: Bytes,
}

impl Client {
    /// A client that asserts that the served OpenAPI document names the route and status of every answer.
    pub async fn checked(base: &str) -> Self {
        let plain = Self::unchecked(base);
        let document = plain.get("/openapi.json").await.ok();
        Self { contract: Some(Arc::new(Contract::new(document))), ..plain }
    }

    /// A client that checks no answers.
    ///
    /// # Panics
    /// When the HTTP library cannot be set up.
    pub fn unchecked(base: &str) -> Self {
        let http = reqwest::Client::builder()
            .timeout(ANSWER_BOUND)
            .pool_idle_timeout(KEPT_CONNECTION)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("a plain HTTP client needs nothing of the system");
        Self { http, base: base.to_owned(), contract: None, bearer: None }.with_every_right()
    }

    /// The same client with no token.
    #[must_use]
    pub fn without_token(&self) -> Self {
        Self { bearer: None, ..self.clone() }
    }

    /// Where programs ask for tokens, one that may do everything.
    fn with_every_right(self) -> Self {
        let bearer = auth::is_on().then(|| auth::everything().to_owned());
        Self { bearer, ..self }
    }

    /// The same client with a token or API key on every request.
    #[must_use]
    pub fn bearing(&self, token: &str) -> Self {
        Self { bearer: Some(token.to_owned()), ..self.clone() }
    }

    /// `http://host:port`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The served document, when answers are checked.
    ///
    /// # Panics
    /// For an unchecked client.
    pub fn contract(&self) -> &Contract {
        self.contract.as_deref().expect("a checked client has read the document")
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    /// GET with headers.
    pub async fn get_with(&self, path: &str, headers: Headers<'_>) -> Answer {
        self.ask(Method::GET, path, headers, None).await
    }

    /// GET once the views have applied this position.
    pub async fn get_at(&self, path: &str, position: u64) -> Answer {
        let position = position.to_string();
        self.get_with(path, &[("Consistency-Token", &position), ("Prefer", "wait=30")]).await
    }

    /// POST a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_with(path, &[], body).await
    }

    /// POST a JSON body with headers.
    pub async fn post_with(&self, path: &str, headers: Headers<'_>, body: &Value) -> Answer {
        self.ask(Method::POST, path, headers, Some(Bytes::from(body.to_string()))).await
    }

    /// Any request; a body is sent as JSON unless the headers say otherwise.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: Headers<'_>,
        body: Option<Bytes>,
    ) -> Answer {
        let asked = format!("{method} {path}");
        self.send(method, path, headers, body)
            .await
            .unwrap_or_else(|error| panic!("{asked}: no answer: {error:?}"))
    }

    /// As [`Client::ask`], for a server that may be killed meanwhile.
    ///
    /// # Errors
    /// When the connection breaks before the whole answer has arrived.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: Headers<'_>,
        body: Option<Bytes>,
    ) -> Result<Answer, reqwest::Error> {
        let asked = format!("{method} {path}");
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.base));
        let typed = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if body.is_some() && !typed {
            request = request.header("Content-Type", "application/json");
        }
        if let Some(bearer) = &self.bearer {
            request = request.bearer_auth(bearer);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await?;
        if let Some(contract) = &self.contract {
            contract.check(&method, path, status);
        }
        Ok(Answer { asked, status, headers, body })
    }

    /// Begins a GET whose answer is read in pieces.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn open(&self, path: &str, headers: Headers<'_>) -> reqwest::Response {
        let begun = self.begin(path, headers).await;
        begun.unwrap_or_else(|error| panic!("GET {path}: no answer: {error:?}"))
    }

    /// As [`Client::open`], for a server that may be killed meanwhile.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn begin(
        &self,
        path: &str,
        headers: Headers<'_>,
    ) -> reqwest::Result<reqwest::Response> {
        let mut request = self.http.get(format!("{}{path}", self.base));
        if let Some(bearer) = &self.bearer {
            request = request.bearer_auth(bearer);
        }
        let add = |request: reqwest::RequestBuilder, (name, value): &(&str, &str)| {
            request.header(*name, *value)
        };
        headers.iter().fold(request, add).send().await
    }
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{}: {error}: {}", self.asked, self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value, if it is present.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The `Consistency-Token`.
    ///
    /// # Panics
    /// When it is absent or not a number.
    pub fn token(&self) -> u64 {
        self.header("Consistency-Token")
            .and_then(|token| token.parse().ok())
            .unwrap_or_else(|| panic!("{}: no Consistency-Token: {:?}", self.asked, self.headers))
    }

    /// The JSON body of an answer with this status.
    ///
    /// # Panics
    /// When the status differs.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.asked, self.text());
        self.json()
    }

    /// The JSON body of a 200.
    pub fn ok(&self) -> Value {
        self.expect(StatusCode::OK.as_u16())
    }

    /// A problem document of this status and code, with every member that the contract promises.
    ///
    /// # Panics
    /// When it is not.
    pub fn problem(&self, status: u16, code: &str) -> Value {
        let body = self.expect(status);
        let asked = &self.asked;
        assert_eq!(self.header("Content-Type"), Some("application/problem+json"), "{asked}");
        assert_eq!(body["code"], code, "{asked}: {body}");
        assert_eq!(body["type"], format!("/problems/{code}"), "{asked}");
        assert_eq!(body["status"], status, "{asked}");
        assert!(body["title"].as_str().is_some_and(|title| !title.is_empty()), "{asked}: {body}");
        let path = asked.split_once(' ').map_or("", |(_, path)| path);
        let path = path.split('?').next().unwrap_or_default();
        assert_eq!(body["instance"], path, "{asked}");
        let correlation = self.header("X-Correlation-Id").expect("every answer is correlated");
        assert_eq!(body["correlation_id"], correlation, "{asked}");
        if status == 503 || code == "request-in-progress" || status == 429 {
            assert!(self.header("Retry-After").is_some(), "{asked}: no Retry-After");
        }
        body
    }
}
