//! `http_requests_total` and `http_request_duration_seconds`, with handles kept per endpoint and status.

use std::sync::OnceLock;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_histogram, histogram};

const REQUESTS: &str = "http_requests_total";
const DURATION: &str = "http_request_duration_seconds";

/// Registers the descriptions of the metrics.
pub(crate) fn describe() {
    describe_counter!(REQUESTS, "Requests answered, by method, route and status.");
    describe_histogram!(
        DURATION,
        Unit::Seconds,
        "From a request's head to its answer's, by method and route."
    );
}

/// Statuses whose handles are kept; another one is looked up each time.
const KEPT: [u16; 22] = [
    200, 201, 202, 204, 304, 307, 308, 400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 422, 429,
    431, 500, 503,
];

/// The metrics of one endpoint.
#[derive(Default)]
pub(crate) struct RouteStats {
    kept: [OnceLock<Handles>; KEPT.len()],
}

struct Handles {
    requests: Counter,
    duration: Histogram,
}

impl RouteStats {
    pub(crate) fn record(
        &self,
        method: &Method,
        route: &str,
        status: StatusCode,
        elapsed: Duration,
    ) {
        let made = || Handles::new(method, route, status);
        match KEPT.iter().position(|kept| *kept == status.as_u16()) {
            Some(at) => self.kept[at].get_or_init(made).record(elapsed),
            None => made().record(elapsed),
        }
    }
}

impl Handles {
    fn new(method: &Method, route: &str, status: StatusCode) -> Self {
        let method = if is_standard(method) { method.as_str() } else { "other" };
        let labels = [
            ("method", method.to_owned()),
            ("route", route.to_owned()),
            ("status", status.as_str().to_owned()),
        ];
        Self {
            requests: counter!(REQUESTS, &labels),
            // Without the status: a dozen buckets for each would make the page long and show little.
            duration: histogram!(DURATION, &labels[..2]),
        }
    }

    fn record(&self, elapsed: Duration) {
        self.requests.increment(1);
        self.duration.record(elapsed.as_secs_f64());
    }
}

/// Clients may invent methods; metrics must not grow with them.
fn is_standard(method: &Method) -> bool {
    matches!(method.as_str(), "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS")
}

/// Counts a refusal before any route was looked up.
pub(crate) fn count_unreadable(status: StatusCode) {
    counter!(REQUESTS, "method" => "other", "route" => "unreadable", "status" => status.as_str().to_owned())
        .increment(1);
}
