//! `GET /v1/orders/{id}/diff`: what changed between two versions of the composed order, as JSON Patch.

use super::{order_not_found, past};
use crate::app::App;
use crate::consistency::Consistency;
use crate::params::{OrderId, ViewHeaders};
use crate::problems::ReadProblems;
use crate::replay::Replay;
use crate::reply;
use crate::wire::json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use domain::order::OrderAggregate;
use read_model::read::positions::Projection;
use serde::Deserialize;
use serde_json::Value;
use server::{Problem, StrictQuery};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Which two versions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DiffQuery {
    /// The version to begin with.
    #[param(minimum = 1)]
    from: u64,
    /// The version to arrive at.
    #[param(minimum = 1)]
    to: u64,
}

/// One step of a JSON Patch.
// json-patch writes it, and has no schema of it in this version of OpenAPI.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"op": "replace", "path": "/status", "value": "confirmed"}))]
#[allow(dead_code)] // for the document only
struct PatchOperation {
    #[schema(pattern = "^(add|remove|replace|move|copy|test)$")]
    op: String,
    path: String,
    #[schema(required = false)]
    from: Option<String>,
    /// Any JSON.
    #[schema(required = false)]
    value: Option<Value>,
}

/// What changed between two versions.
///
/// An RFC 6902 JSON Patch: applied to the order at version `from` it gives the order at version `to`.
#[utoipa::path(get, path = "/v1/orders/{id}/diff", tag = "views",
    params(("id" = Uuid, Path, description = "The order."), DiffQuery, ViewHeaders),
    responses((status = 200, description = "the patch", body = Vec<PatchOperation>,
        content_type = "application/json-patch+json", headers(
        ("Consistency-Token" = u64, description = "the position that the view has applied"))), ReadProblems))]
pub async fn diff(
    State(app): State<App>,
    OrderId(order_id): OrderId,
    StrictQuery(DiffQuery { from, to }): StrictQuery<DiffQuery>,
    consistency: Consistency,
) -> Result<Response, Problem> {
    past::version("from", from)?;
    past::version("to", to)?;
    app.model_at(consistency, &[Projection::HISTORY]).await?;
    let mut replay = Replay::<OrderAggregate>::default();
    let ((first, first_name), (second, second_name)) =
        if from <= to { ((from, "from"), (to, "to")) } else { ((to, "to"), (from, "from")) };
    let earlier = document(&app, order_id, &mut replay, (first, first_name), consistency).await?;
    let later = document(&app, order_id, &mut replay, (second, second_name), consistency).await?;
    let (old, new) = if from <= to { (earlier, later) } else { (later, earlier) };
    let patch = replay.with(move |_| json(&json_patch::diff(&old, &new))).await?;
    let mut response = reply::json(replay.applied(), patch);
    let kind = HeaderValue::from_static("application/json-patch+json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

async fn document(
    app: &App,
    order_id: Uuid,
    replay: &mut Replay<OrderAggregate>,
    (version, parameter): (u64, &str),
    consistency: Consistency,
) -> Result<Value, Problem> {
    replay.advance(app.model()?, order_id, version).await?;
    consistency.met_at(replay.applied())?;
    past::reached(app, order_id, replay.version(), parameter, version).await?;
    let document = replay.with(move |replay| replay.document(order_id)).await?;
    let document = document.ok_or_else(order_not_found)?;
    // One text sealed twice is two texts, so states are compared as their readers see them.
    let document = app.opener().open(document.into()).await?;
    let read = move |_: &mut _| serde_json::from_slice(&document).expect("the domain writes JSON");
    replay.with(read).await
}
