//! The one decision: a layer inside the edge, around every route.
//!
//! It reads the credentials, looks the route up in the table, and lets the request through with its [`Principal`], or
//! answers 401 or 403. Handlers ask nothing; they only narrow what they read by the [`Scope`].

use crate::access::{Access, Table};
use crate::api_key::{ApiKey, PREFIX};
use crate::api_keys::{ApiKeys, Verdict};
use crate::guard::{Given, Tokens};
use crate::principal::{Principal, Scope};
use crate::token::Refused;
use axum::Router;
use axum::extract::{FromRequestParts, MatchedPath, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::Route;
use axum::routing::future::RouteFuture;
use futures::future::BoxFuture;
use server::{Problem, ProblemCode, clock};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tower::{Layer, Service};

/// What proves callers, and what each may do; cheap to clone.
#[derive(Clone)]
pub struct Guard(Arc<Inner>);

struct Inner {
    tokens: Option<Tokens>,
    keys: Option<ApiKeys>,
    table: Table,
}

impl Guard {
    /// A guard that takes tokens, API keys, or both.
    pub fn new(tokens: Option<Tokens>, keys: Option<ApiKeys>, table: Table) -> Self {
        Self(Arc::new(Inner { tokens, keys, table }))
    }
}

/// Puts the guard in front of all routes of `app` and its fallback.
pub fn protect(app: Router, guard: Guard) -> Router {
    app.layer(GuardLayer(guard))
}

#[derive(Clone)]
struct GuardLayer(Guard);

impl Layer<Route> for GuardLayer {
    type Service = Guarded;

    fn layer(&self, route: Route) -> Guarded {
        Guarded { guard: self.0.clone(), route }
    }
}

/// A route with the guard in front of it.
#[derive(Clone)]
struct Guarded {
    guard: Guard,
    route: Route,
}

/// Who a request comes from.
enum Caller {
    /// Nobody said.
    Nobody,
    /// It is known.
    Known(Arc<Principal>),
    /// The credentials prove nothing.
    Refused,
    /// Newer keys may prove them.
    NewerKeys,
    /// Whether they do cannot be found out now.
    Unconfirmed,
}

impl Guard {
    fn caller(&self, given: Given<'_>) -> Caller {
        let token = match given {
            Given::Nothing => return Caller::Nobody,
            Given::Unreadable => return Caller::Refused,
            Given::Bearer(token) => token,
        };
        if token.starts_with(PREFIX) {
            let (Some(keys), Some(key)) = (&self.0.keys, ApiKey::parse(token)) else {
                return Caller::Refused;
            };
            return match keys.judge(&key, clock::now()) {
                Verdict::Proven(principal) => Caller::Known(principal),
                Verdict::Refused => Caller::Refused,
                Verdict::Unconfirmed => Caller::Unconfirmed,
            };
        }
        let Some(tokens) = &self.0.tokens else { return Caller::Refused };
        match tokens.check(token, seconds()) {
            Ok(principal) => Caller::Known(principal),
            Err(Refused::UnknownKey) => Caller::NewerKeys,
            Err(why) => {
                tracing::debug!(%why, "a token was refused");
                Caller::Refused
            }
        }
    }

    /// Lets a request through with its principal, or answers it.
    fn admit(&self, mut request: Request, caller: Caller) -> Result<Request, Response> {
        let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let access = self.0.table.access(request.method(), route);
        let principal = match (access, caller) {
            (Access::Open, Caller::Known(principal)) => Some(principal),
            (Access::Open, _) => None,
            (Access::Only(roles), Caller::Known(principal)) => {
                if !principal.roles.meets(roles) {
                    return Err(Problem::new(ProblemCode::FORBIDDEN)
                        .detail("Your role does not permit this. Ask for a token with another one.")
                        .into_response());
                }
                Some(principal)
            }
            (Access::Only(_), Caller::Unconfirmed) => {
                return Err(Problem::new(ProblemCode::UNAVAILABLE)
                    .detail("API keys cannot be checked right now. Send the request again.")
                    .retry_after(1)
                    .into_response());
            }
            (Access::Only(_), Caller::Nobody) => return Err(unauthorized("Bearer")),
            (Access::Only(_), _) => {
                return Err(unauthorized("Bearer error=\"invalid_token\""));
            }
        };
        if let Some(principal) = principal {
            request.extensions_mut().insert(principal);
        }
        Ok(request)
    }
}

/// The same body whatever was wrong: a caller learns nothing about tokens that are not its own.
fn unauthorized(challenge: &'static str) -> Response {
    let problem = Problem::new(ProblemCode::UNAUTHORIZED)
        .detail("Send a valid token or API key: Authorization: Bearer ….");
    let mut response = problem.into_response();
    let challenge = HeaderValue::from_static(challenge);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

fn seconds() -> u64 {
    u64::try_from(clock::now().timestamp()).unwrap_or_default()
}

impl Service<Request> for Guarded {
    type Response = Response;
    type Error = Infallible;
    type Future = GuardFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> GuardFuture {
        let caller = self.guard.caller(Given::read(request.headers()));
        if matches!(caller, Caller::NewerKeys) {
            let (guard, route) = (self.guard.clone(), self.route.clone());
            return GuardFuture::Waiting(Box::pin(guard.after_newer_keys(request)), route);
        }
        match self.guard.admit(request, caller) {
            Ok(request) => GuardFuture::Route(self.route.call(request)),
            Err(answer) => GuardFuture::Answered(Some(answer)),
        }
    }
}

impl Guard {
    async fn after_newer_keys(self, request: Request) -> Result<Request, Response> {
        let caller = match (&self.0.tokens, Given::read(request.headers())) {
            (Some(tokens), Given::Bearer(token)) => {
                match tokens.with_newer_keys(token, seconds()).await {
                    Ok(principal) => Caller::Known(principal),
                    Err(_) => Caller::Refused,
                }
            }
            _ => Caller::Refused,
        };
        self.admit(request, caller)
    }
}

/// A request on its way through the guard.
#[allow(clippy::large_enum_variant)] // boxing the hot variant would cost an allocation a request
enum GuardFuture {
    Answered(Option<Response>),
    Route(RouteFuture<Infallible>),
    Waiting(BoxFuture<'static, Result<Request, Response>>, Route),
}

impl Future for GuardFuture {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            match this {
                Self::Answered(answer) => {
                    return Poll::Ready(Ok(answer.take().expect("not polled after it was ready")));
                }
                Self::Route(route) => return Pin::new(route).poll(cx),
                Self::Waiting(admitted, route) => {
                    *this = match ready!(admitted.as_mut().poll(cx)) {
                        Ok(request) => Self::Route(route.call(request)),
                        Err(answer) => Self::Answered(Some(answer)),
                    };
                }
            }
        }
    }
}

/// The caller; `None` without authentication.
#[derive(Debug, Clone, Default)]
pub struct Identity(pub Option<Arc<Principal>>);

impl Identity {
    /// The caller of a request that the guard let through.
    pub fn of(extensions: &http::Extensions) -> Self {
        Self(extensions.get::<Arc<Principal>>().cloned())
    }

    /// The name that stands on events.
    pub fn actor(&self) -> Option<&str> {
        self.0.as_ref().map(|principal| &*principal.actor)
    }

    /// The stored form of an idempotency key. A customer's keys are its own: nobody else's answer comes back under them,
    /// and whether somebody else has used one cannot be found out.
    pub fn idempotency_key(&self, key: &str) -> String {
        match self.scope() {
            Scope::All => format!("http:{key}"),
            // A customer's id has no slash.
            Scope::Customer(own) => {
                format!("customer:{}/{key}", own.as_deref().unwrap_or_default())
            }
        }
    }

    /// The orders that it sees.
    pub fn scope(&self) -> Scope {
        self.0.as_ref().map_or(Scope::All, |principal| principal.scope())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Scope {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Identity::of(&parts.extensions).scope())
    }
}

#[cfg(test)]
#[path = "layer_tests.rs"]
mod tests;
