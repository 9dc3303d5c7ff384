//! The one decision: a layer inside the edge, around every route.
//!
//! It reads the credentials, looks the route up in the table, and lets the request through with its [`crate::Identity`], or
//! answers 401 or 403. Handlers ask nothing; they only narrow what they read by the [`crate::Scope`].

use crate::access::{Access, Table};
use crate::api_key::{ApiKey, PREFIX};
use crate::api_keys::{ApiKeys, Verdict};
use crate::clock::Clock;
use crate::guard::{Given, Tokens};
use crate::origin::Proxies;
use crate::principal::Scope;
use crate::rates::{Rates, Spent};
use crate::session::{Ends, Session, seconds};
use crate::token::Refused;
use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::Route;
use axum::routing::future::RouteFuture;
use futures::future::BoxFuture;
use server::health::Terse;
use server::{Problem, ProblemCode, RequestContext, clock};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::time::{Sleep, sleep_until};
use tower::{Layer, Service};

/// The target of the audit log: who was let in to change something (at `debug`), who was not (at `info`).
const AUDIT: &str = "audit";

/// Who read all that is held about a customer is in the audit log, too.
const PERSONAL_DATA: &str = "/v1/customers/{id}/personal-data";

/// What proves callers, and what each may do; cheap to clone.
#[derive(Clone)]
pub struct Guard(Arc<Inner>);

struct Inner {
    tokens: Option<Tokens>,
    keys: Option<ApiKeys>,
    table: Table,
    rates: Rates,
    proxies: Proxies,
}

impl Guard {
    /// A guard that takes tokens, API keys, or both.
    pub fn new(
        tokens: Option<Tokens>,
        keys: Option<ApiKeys>,
        table: Table,
        (rates, proxies): (Rates, Proxies),
    ) -> Self {
        Self(Arc::new(Inner { tokens, keys, table, rates, proxies }))
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
    Known(Session),
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
                Verdict::Proven(principal) => {
                    let ends = Ends::WithKey(keys.clone(), key.id().into());
                    Caller::Known(Session { principal, ends })
                }
                Verdict::Refused => Caller::NewerKeys,
                Verdict::Unconfirmed => Caller::Unconfirmed,
            };
        }
        let Some(tokens) = &self.0.tokens else { return Caller::Refused };
        match tokens.check(token, seconds()) {
            Ok(session) => Caller::Known(session),
            Err(Refused::UnknownKey) => Caller::NewerKeys,
            Err(why) => {
                tracing::debug!(%why, "a token was refused");
                Caller::Refused
            }
        }
    }

    /// Lets a request through with its caller, or says why not.
    fn admit(&self, mut request: Request, caller: Caller) -> Result<Admitted, Refusal> {
        let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let (access, work) = self.0.table.access(request.method(), route);
        let session = match (access, caller) {
            (Access::Open, Caller::Known(session)) if session.principal.operates() => session,
            (Access::Open, _) => {
                request.extensions_mut().insert(Terse);
                return Ok(Admitted { request, spent: None, clock: None });
            }
            (Access::Only(roles), Caller::Known(session)) => {
                let actor = &*session.principal.actor;
                let (method, correlation_id) = (request.method(), correlation_id(&request));
                if !session.principal.roles.meets(roles) {
                    tracing::info!(target: AUDIT, actor, %method, route, correlation_id, "forbidden");
                    return Err(Refusal::Forbidden);
                }
                if *method != Method::GET || route == PERSONAL_DATA {
                    tracing::debug!(target: AUDIT, actor, %method, route, correlation_id, "permitted");
                }
                session
            }
            (Access::Only(_), Caller::Unconfirmed) => return Err(Refusal::Unconfirmed),
            (Access::Only(_), Caller::Nobody) => return Err(Refusal::Unproven(Sent::Nothing)),
            (Access::Only(_), Caller::Refused | Caller::NewerKeys) => {
                return Err(Refusal::Unproven(Sent::Something));
            }
        };
        let spent = self.0.rates.spend(work, &session.principal.actor);
        if let Some(spent) = spent.as_ref().filter(|spent| spent.wait.is_some()) {
            return Err(Refusal::Spent(spent.clone()));
        }
        let clock = (session.principal.scope() != Scope::All).then(Clock::start);
        request.extensions_mut().insert(session);
        Ok(Admitted { request, spent, clock })
    }
}

/// Finds the events that a request led to.
fn correlation_id(request: &Request) -> &str {
    request.extensions().get::<RequestContext>().map_or("", |context| &context.correlation_id)
}

/// A request that is let through.
struct Admitted {
    request: Request,
    spent: Option<Spent>,
    /// Runs for callers that do not see all orders.
    clock: Option<Clock>,
}

/// Why a request is not let through.
enum Refusal {
    /// The caller is known, but may not.
    Forbidden,
    /// The caller is not known.
    Unproven(Sent),
    /// Whether the caller is known cannot be found out now.
    Unconfirmed,
    /// The caller's budget is spent.
    Spent(Spent),
}

/// Whether a caller that is not known sent credentials.
enum Sent {
    Nothing,
    Something,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let problem = match &self {
            Self::Forbidden => Problem::new(ProblemCode::FORBIDDEN)
                .detail("Your role does not permit this. Ask for a token with another one."),
            // The same body whatever was wrong: a caller learns nothing about tokens that are not its own.
            Self::Unproven(_) => Problem::new(ProblemCode::UNAUTHORIZED)
                .detail("Send a valid token or API key: Authorization: Bearer …."),
            Self::Unconfirmed => Problem::new(ProblemCode::UNAVAILABLE)
                .detail("API keys cannot be checked right now. Send the request again.")
                .retry_after(1),
            Self::Spent(spent) => Problem::new(ProblemCode::RATE_LIMITED)
                .detail("Send fewer requests a second; RateLimit-Policy says how many.")
                .retry_after(spent.wait.unwrap_or(1)),
        };
        let mut response = problem.into_response();
        if let Self::Spent(spent) = &self {
            spent.write(response.headers_mut());
        }
        if let Self::Unproven(sent) = self {
            let challenge = HeaderValue::from_static(match sent {
                Sent::Nothing => "Bearer",
                Sent::Something => "Bearer error=\"invalid_token\"",
            });
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl Service<Request> for Guarded {
    type Response = Response;
    type Error = Infallible;
    type Future = GuardFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> GuardFuture {
        if let Some(spent) = self.guard.spent_by_network(&request) {
            return GuardFuture::Answered(Some(Refusal::Spent(spent).into_response()));
        }
        let caller = self.guard.caller(Given::read(request.headers()));
        if matches!(caller, Caller::NewerKeys) {
            let (guard, route) = (self.guard.clone(), self.route.clone());
            return GuardFuture::Waiting(Box::pin(guard.after_newer_keys(request)), route);
        }
        GuardFuture::after(self.guard.admit(request, caller), &mut self.route)
    }
}

impl Guard {
    /// Asked before any signature is checked: that is what a flood would make work of.
    fn spent_by_network(&self, request: &Request) -> Option<Spent> {
        let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
        // Health and documentation are never refused.
        if matches!(self.0.table.access(request.method(), route).0, Access::Open) {
            return None;
        }
        self.0.rates.spent_by(self.0.proxies.network(request)?)
    }

    async fn after_newer_keys(self, request: Request) -> Result<Admitted, Refusal> {
        let given = Given::read(request.headers());
        match (given, &self.0.keys, &self.0.tokens) {
            (Given::Bearer(token), Some(keys), _) if token.starts_with(PREFIX) => {
                keys.newer().await;
            }
            (Given::Bearer(_), _, Some(tokens)) => tokens.newer_keys().await,
            _ => {}
        }
        let caller = self.caller(given);
        self.admit(request, caller)
    }
}

/// A request on its way through the guard.
#[allow(clippy::large_enum_variant)] // boxing the hot variant would cost an allocation a request
enum GuardFuture {
    Answered(Option<Response>),
    Route(RouteFuture<Infallible>, Option<Spent>, Option<Clock>),
    Waiting(BoxFuture<'static, Result<Admitted, Refusal>>, Route),
    Held(Pin<Box<Sleep>>, Option<Response>),
}

impl GuardFuture {
    fn after(admitted: Result<Admitted, Refusal>, route: &mut Route) -> Self {
        match admitted {
            Ok(Admitted { request, spent, clock }) => {
                Self::Route(route.call(request), spent, clock)
            }
            Err(refusal) => Self::Answered(Some(refusal.into_response())),
        }
    }
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
                Self::Route(route, spent, clock) => {
                    let mut answer = ready!(Pin::new(route).poll(cx))?;
                    if let Some(spent) = spent {
                        spent.write(answer.headers_mut());
                    }
                    match clock {
                        Some(clock) if answer.status() == StatusCode::NOT_FOUND => {
                            let held = Box::pin(sleep_until(clock.next_tick()));
                            *this = Self::Held(held, Some(answer));
                        }
                        _ => return Poll::Ready(Ok(answer)),
                    }
                }
                Self::Waiting(admitted, route) => {
                    *this = Self::after(ready!(admitted.as_mut().poll(cx)), route);
                }
                Self::Held(held, answer) => {
                    ready!(held.as_mut().poll(cx));
                    *this = Self::Answered(answer.take());
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "layer_tests.rs"]
mod tests;
