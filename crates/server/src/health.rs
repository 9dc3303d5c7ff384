//! `/healthz`, `/readyz`, `/metrics`, and the state behind them: [`Readiness`].
//!
//! Alive means that the process answers. Ready means that every named part is fit and no shutdown was requested.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, RwLock};

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json, Router, routing::get};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use utoipa::{OpenApi, ToSchema};

use crate::problem::{OperationProblems, Problem, ProblemCode};

/// Upper bounds of the duration buckets, in seconds.
const DURATION_BUCKETS: [f64; 13] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Upper bounds of the buckets for how many of something came together.
const SIZE_BUCKETS: [f64; 8] = [1.0, 4.0, 16.0, 64.0, 256.0, 1_024.0, 4_096.0, 16_384.0];

/// The endings of the names of metrics with these buckets.
const SIZE_SUFFIXES: [&str; 2] = ["_size", "_batch_events"];

/// Seconds after which a client may ask an unready service again.
const RETRY_AFTER_SECONDS: u64 = 1;

/// The named parts that must be fit before a service calls itself ready, and whether it is draining.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    parts: Arc<RwLock<BTreeMap<&'static str, Result<(), String>>>>,
    details: Arc<RwLock<BTreeMap<&'static str, String>>>,
    draining: CancellationToken,
}

impl Readiness {
    /// A readiness that drains when `shutdown` is cancelled: pass the token that [`crate::serve`] gets.
    pub fn draining_on(shutdown: CancellationToken) -> Self {
        Self { draining: shutdown, ..Self::default() }
    }

    /// Reports a part's condition; `Err` names what is wrong and what to do.
    pub fn set(&self, part: &'static str, condition: Result<(), String>) {
        let mut parts = self.parts.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        parts.insert(part, condition);
    }

    /// Tells operators something that makes the service neither ready nor unready.
    pub fn inform(&self, about: &'static str, what: String) {
        let mut details = self.details.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        details.insert(about, what);
    }

    fn details(&self) -> BTreeMap<&'static str, String> {
        self.details.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// From now on `/readyz` answers 503.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// True from SIGTERM on: long-lived streams end.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Cancelled when draining begins: a long-lived stream selects on it and ends.
    pub fn draining(&self) -> CancellationToken {
        self.draining.clone()
    }

    /// The first part that is not fit, with its reason.
    pub fn unfit(&self) -> Option<(&'static str, String)> {
        if self.is_draining() {
            return Some(("server", "The server is stopping. Ask another one.".to_owned()));
        }
        let parts = self.parts.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        parts.iter().find_map(|(part, condition)| Some((*part, condition.clone().err()?)))
    }
}

/// Extension on a request whose caller may know only whether the service is ready, not why not.
#[derive(Debug, Clone, Copy)]
pub struct Terse;

/// The answer of a process that is well.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// `ok`
    status: &'static str,
}

/// The answer of a service that can do its work.
#[derive(Debug, Serialize, ToSchema)]
struct Ready {
    /// `ok`
    status: &'static str,
    /// What operators should know of it, by what it is about.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    details: BTreeMap<&'static str, String>,
}

const OK: Health = Health { status: "ok" };

/// The OpenAPI part of these routes.
#[derive(OpenApi)]
#[openapi(paths(healthz, readyz, metrics), components(schemas(Health, Ready)))]
struct HealthApi;

/// The OpenAPI part of `/healthz`, `/readyz` and `/metrics`, to be merged into a service's document.
pub fn api() -> utoipa::openapi::OpenApi {
    HealthApi::openapi()
}

/// Routes `/healthz`, `/readyz` and `/metrics`.
pub fn router(readiness: Readiness) -> Router {
    recorder();
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(readiness)
}

/// The process is alive.
#[utoipa::path(get, path = "/healthz", tag = "operations",
    responses((status = 200, description = "alive", body = Health), OperationProblems))]
async fn healthz() -> Json<Health> {
    Json(OK)
}

/// The service can do its work: storage reachable, migrations done, not draining.
#[utoipa::path(get, path = "/readyz", tag = "operations",
    responses((status = 200, description = "ready", body = Ready), OperationProblems))]
async fn readyz(
    State(readiness): State<Readiness>,
    terse: Option<Extension<Terse>>,
) -> Result<Json<Ready>, Problem> {
    match readiness.unfit() {
        None => {
            let details = if terse.is_some() { BTreeMap::new() } else { readiness.details() };
            Ok(Json(Ready { status: "ok", details }))
        }
        Some(_) if terse.is_some() => Err(Problem::new(ProblemCode::UNAVAILABLE)
            .detail("The service is not ready. Operators see why.")
            .retry_after(RETRY_AFTER_SECONDS)),
        Some((part, reason)) => Err(Problem::new(ProblemCode::UNAVAILABLE)
            .detail(reason)
            .with("part", part)
            .retry_after(RETRY_AFTER_SECONDS)),
    }
}

/// Figures in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "operations",
    responses((status = 200, description = "figures", body = String, content_type = "text/plain"),
        OperationProblems))]
async fn metrics() -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, recorder().render()).into_response()
}

/// The process's one metrics recorder, installed at the first call.
pub(crate) fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let timed = PrometheusBuilder::new().set_buckets(&DURATION_BUCKETS);
        let sized = SIZE_SUFFIXES.iter().fold(timed, |builder, suffix| {
            let matcher = Matcher::Suffix((*suffix).to_owned());
            builder.and_then(|builder| builder.set_buckets_for_metric(matcher, &SIZE_BUCKETS))
        });
        let recorder = sized.expect("the lists of buckets are not empty").build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is installed; /metrics stays empty");
        }
        crate::stats::describe();
        handle
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_ready_when_every_part_is_fit_and_it_does_not_drain() {
        let readiness = Readiness::default();
        assert_eq!(readiness.unfit(), None);
        readiness.set("log", Ok(()));
        readiness.set("views", Err("The disk is full. Free some space.".to_owned()));
        assert_eq!(readiness.unfit().unwrap().0, "views");
        readiness.set("views", Ok(()));
        readiness.inform("disk", "80 % full".to_owned());
        assert_eq!(readiness.unfit(), None);
        readiness.drain();
        assert_eq!(readiness.unfit().unwrap().0, "server");
        assert!(readiness.is_draining() && readiness.draining().is_cancelled());
    }

    #[tokio::test]
    async fn only_operators_see_the_details() {
        let readiness = Readiness::default();
        readiness.inform("disk", "80 % full".to_owned());
        for (terse, shown) in [
            (None, r#"{"status":"ok","details":{"disk":"80 % full"}}"#),
            (Some(Extension(Terse)), r#"{"status":"ok"}"#),
        ] {
            let Json(answer) = readyz(State(readiness.clone()), terse).await.unwrap();
            assert_eq!(serde_json::to_string(&answer).unwrap(), shown);
        }
    }
}
