//! `GET /v1/projections`: how far the projections have come, and what is being rebuilt.

use crate::app::App;
use crate::consistency::Consistency;
use crate::params::ViewHeaders;
use crate::problems::{self, ReadProblems};
use crate::reply;
use crate::wire::json;
use axum::extract::State;
use axum::response::Response;
use read_model::read::positions::Applied;
use read_model::read::projections::{ProjectionStatus, RebuildStatus};
use serde::Serialize;
use server::{NoQuery, Problem, StrictQuery};
use utoipa::ToSchema;

const MICROS_PER_MILLI: i64 = 1_000;

/// How far a projection has come.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProjectionStatus, example = json!({
    "name": "orders", "state": "live", "position": 1042, "head": 1042, "lag_events": 0, "lag_ms": 0,
    "parked_streams": 0, "rebuild": null}))]
struct ProjectionJson<'a> {
    name: &'a str,
    #[schema(pattern = "^(live|rebuilding|stopped)$")]
    state: &'static str,
    position: u64,
    head: u64,
    lag_events: u64,
    lag_ms: i64,
    parked_streams: u64,
    rebuild: Option<RebuildJson>,
}

/// How far a rebuild has come.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Rebuild, example = json!({
    "position": 500, "target": 1042, "percent": 47.98, "events_per_second": 100_000.0, "eta_s": 1}))]
struct RebuildJson {
    position: u64,
    target: u64,
    percent: f64,
    events_per_second: f64,
    /// Null while the speed is not known.
    eta_s: Option<u64>,
}

fn rebuild(status: &RebuildStatus, head: u64) -> RebuildJson {
    let target = status.target.max(head);
    let left = target.saturating_sub(status.position) as f64;
    let percent = if target == 0 { 100.0 } else { status.position as f64 * 100.0 / target as f64 };
    let speed = status.events_per_second;
    RebuildJson {
        position: status.position,
        target,
        percent: (percent * 100.0).round() / 100.0,
        events_per_second: speed.round(),
        eta_s: (speed > 0.0).then(|| (left / speed).ceil() as u64),
    }
}

/// The lag in time is the age of the first event that waits; if that is unknown, the time since the last step.
fn projection(status: &ProjectionStatus, head: u64, now: i64) -> ProjectionJson<'_> {
    let lag_events = head.saturating_sub(status.position);
    let since = status.waiting_since.unwrap_or(status.updated_at);
    let lag_ms = if lag_events == 0 { 0 } else { ((now - since) / MICROS_PER_MILLI).max(0) };
    let state = match (status.stopped, &status.rebuild) {
        (true, _) => "stopped",
        (false, Some(_)) => "rebuilding",
        (false, None) => "live",
    };
    ProjectionJson {
        name: &status.name,
        state,
        position: status.position,
        head,
        lag_events,
        lag_ms,
        parked_streams: status.parked_streams,
        rebuild: status.rebuild.as_ref().map(|status| rebuild(status, head)),
    }
}

/// How the projections are doing.
#[utoipa::path(get, path = "/v1/projections", tag = "views", params(ViewHeaders),
    responses((status = 200, description = "every projection", body = Vec<ProjectionJson>, headers(
        ("Consistency-Token" = u64, description = "the position that every projection has applied"))),
        ReadProblems))]
pub async fn projections(
    State(app): State<App>,
    _: StrictQuery<NoQuery>,
    consistency: Consistency,
) -> Result<Response, Problem> {
    let model = app.model_when(consistency, Applied::least_of_all).await?;
    let statuses = model.projection_statuses().await.map_err(problems::of_read_model)?;
    let now = server::clock::now().timestamp_micros();
    let head = statuses.iter().map(|status| status.head.max(status.position)).max().unwrap_or(0);
    let position = statuses.iter().map(|status| status.position).min().unwrap_or(0);
    consistency.met_at(position)?;
    let body: Vec<_> = statuses.iter().map(|status| projection(status, head, now)).collect();
    Ok(reply::json(position, json(&body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> ProjectionStatus {
        ProjectionStatus {
            name: "orders".into(),
            stopped: false,
            position: 50,
            updated_at: 1_000_000,
            head: 200,
            waiting_since: None,
            parked_streams: 0,
            rebuild: None,
        }
    }

    #[test]
    fn lag_is_measured_in_events_and_in_time() {
        let behind = status();
        let json = projection(&behind, 200, 3_000_000);
        assert_eq!((json.state, json.lag_events, json.lag_ms), ("live", 150, 2_000));
        let waiting = ProjectionStatus { waiting_since: Some(2_900_000), ..status() };
        assert_eq!(projection(&waiting, 200, 3_000_000).lag_ms, 100);
        assert_eq!(projection(&behind, 50, 3_000_000).lag_ms, 0);
    }

    #[test]
    fn a_rebuild_tells_how_long_it_still_takes() {
        let under_way = RebuildStatus { position: 50, target: 150, events_per_second: 10.0 };
        let json = rebuild(&under_way, 200);
        assert_eq!((json.target, json.percent, json.eta_s), (200, 25.0, Some(15)));
        let begun = RebuildStatus { events_per_second: 0.0, ..under_way };
        assert_eq!(rebuild(&begun, 200).eta_s, None);
    }
}
