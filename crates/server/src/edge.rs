//! The layer around every route: context in, limits on the body, problems out, one event and two metrics a request.
//!
//! It sits on the hot path, so it is one hand-written service and future: no boxed middleware, no text built for a
//! log level that is off, metric handles kept per endpoint and status.

use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::Route;
use axum::routing::future::RouteFuture;
use tower::{Layer, Service};
use tracing::Span;

use crate::body::{BodyBudget, BodyFault, guard};
use crate::budget::AnswerBudget;
use crate::context::{CORRELATION_HEADER, RequestContext};
use crate::limits::Limits;
use crate::problem::{Problem, ProblemCode, rendered};
use crate::stats::RouteStats;

static CORRELATION: HeaderName = HeaderName::from_static(CORRELATION_HEADER);

/// Puts the edge around all routes of `app` and its fallback. [`crate::serve`] does this itself; tests that call a
/// router directly need this call.
pub fn layer(app: Router, limits: &Limits) -> Router {
    let budget = AnswerBudget::of(limits.answer_bytes);
    let bodies = BodyBudget::default();
    app.layer(EdgeLayer { limits: Arc::new(limits.clone()), budget, bodies }).with_state(())
}

/// The answer to a request that the connection refuses before a route is looked up.
pub(crate) fn refuse(problem: Problem, uri: &Uri, context: &RequestContext) -> Response {
    let response = rendered(problem.into_response(), uri.path(), &context.correlation_id);
    with_correlation(response, correlation_value(context))
}

#[derive(Clone)]
struct EdgeLayer {
    limits: Arc<Limits>,
    budget: AnswerBudget,
    bodies: BodyBudget,
}

impl Layer<Route> for EdgeLayer {
    type Service = Edge;

    fn layer(&self, route: Route) -> Edge {
        let (limits, stats) = (Arc::clone(&self.limits), Arc::default());
        let (budget, bodies) = (self.budget.clone(), self.bodies.clone());
        Edge { route, limits, budget, bodies, stats }
    }
}

/// One endpoint (a method of a route, or a fallback) with the edge around it.
#[derive(Clone)]
struct Edge {
    route: Route,
    limits: Arc<Limits>,
    budget: AnswerBudget,
    bodies: BodyBudget,
    stats: Arc<RouteStats>,
}

impl Service<Request> for Edge {
    type Response = Response;
    type Error = Infallible;
    type Future = EdgeFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request) -> EdgeFuture {
        let started = Instant::now();
        let (context, refusal) = match RequestContext::from_headers(request.headers()) {
            Ok(context) => (context, None),
            Err(problem) => (RequestContext::made(), Some(problem)),
        };
        let mut exchange = Exchange {
            started,
            uri: request.uri().clone(),
            method: request.method().clone(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            correlation: correlation_value(&context),
            fault: None,
            span: Span::none(),
            stats: Arc::clone(&self.stats),
            budget: self.budget.clone(),
        };
        exchange.span = exchange.open_span(&context);
        if let Some(problem) = refusal.or_else(|| encoded(&request)) {
            return EdgeFuture { work: Work::Refused(problem), exchange: Some(exchange) };
        }
        request.extensions_mut().insert(context);
        match guard(request, &self.limits, &self.bodies) {
            Ok((request, fault)) => {
                exchange.fault = fault;
                EdgeFuture { work: Work::Route(self.route.call(request)), exchange: Some(exchange) }
            }
            Err(problem) => EdgeFuture { work: Work::Refused(problem), exchange: Some(exchange) },
        }
    }
}

fn encoded(request: &Request) -> Option<Problem> {
    crate::extract::is_encoded(request.headers()).then(|| {
        Problem::new(ProblemCode::UNSUPPORTED_MEDIA_TYPE)
            .detail("Send the body as it is, without Content-Encoding.")
    })
}

/// A request under way.
struct EdgeFuture {
    work: Work,
    exchange: Option<Exchange>,
}

#[allow(clippy::large_enum_variant)] // boxing the hot variant would cost an allocation a request
enum Work {
    Refused(Problem),
    Route(RouteFuture<Infallible>),
}

impl Future for EdgeFuture {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let exchange = this.exchange.as_ref().expect("a future is not polled after it is ready");
        let response = match &mut this.work {
            Work::Refused(problem) => problem.clone().into_response(),
            Work::Route(route) => {
                let _entered = exchange.span.enter();
                match catch_unwind(AssertUnwindSafe(|| Pin::new(route).poll(cx))) {
                    Ok(poll) => ready!(poll).unwrap_or_else(|never| match never {}),
                    // The panic hook has logged it.
                    Err(_) => Problem::new(ProblemCode::INTERNAL).into_response(),
                }
            }
        };
        let exchange = this.exchange.take().expect("taken once, when ready");
        Poll::Ready(Ok(exchange.finish(response)))
    }
}

/// The facts about a request that are kept until its response leaves.
struct Exchange {
    started: Instant,
    uri: Uri,
    method: Method,
    route: Option<MatchedPath>,
    correlation: HeaderValue,
    fault: Option<Arc<BodyFault>>,
    span: Span,
    stats: Arc<RouteStats>,
    budget: AnswerBudget,
}

impl Exchange {
    fn open_span(&self, context: &RequestContext) -> Span {
        tracing::debug_span!(
            "request",
            http.method = %self.method,
            http.route = self.route_name(),
            correlation_id = context.correlation_id,
        )
    }

    /// The pattern, never the path: paths hold ids.
    fn route_name(&self) -> &str {
        self.route.as_ref().map_or("unmatched", MatchedPath::as_str)
    }

    fn finish(self, mut response: Response) -> Response {
        let fault =
            self.fault.as_ref().and_then(|fault| Some((fault.problem()?, fault.is_final())));
        if let Some((problem, is_final)) = fault {
            response = problem.into_response();
            if is_final {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
        }
        let response = self.budget.admit(response);
        let code = response.extensions().get::<Problem>().map(Problem::code);
        let correlation_id = self.correlation.to_str().unwrap_or_default();
        let response = rendered(response, self.uri.path(), correlation_id);
        self.record(response.status(), code);
        with_correlation(response, self.correlation)
    }

    fn record(&self, status: StatusCode, code: Option<ProblemCode>) {
        let elapsed = self.started.elapsed();
        self.stats.record(&self.method, self.route_name(), status, elapsed);
        let duration_ms = elapsed.as_secs_f64() * 1e3;
        let (method, route) = (&self.method, self.route_name());
        let code = code.map(ProblemCode::as_str);
        let correlation_id = self.correlation.to_str().unwrap_or_default();
        let status = status.as_u16();
        if status == 500 {
            tracing::error!(parent: &self.span, %method, route, status, code, duration_ms, correlation_id, "failed");
        } else {
            tracing::debug!(parent: &self.span, %method, route, status, code, duration_ms, correlation_id, "answered");
        }
    }
}

fn correlation_value(context: &RequestContext) -> HeaderValue {
    HeaderValue::from_str(&context.correlation_id)
        .expect("a correlation id is visible ASCII, checked or made")
}

fn with_correlation(mut response: Response, value: HeaderValue) -> Response {
    response.headers_mut().insert(CORRELATION.clone(), value);
    response
}

#[cfg(test)]
mod tests;
