//! `GET /v1/log/checkpoint`, `/v1/log/proof` and `/v1/log/consistency`: the log proves itself.
//!
//! Everything is answered from the projection `proofs`: hashes of the Merkle tree and the newest signed checkpoint. A proof
//! is computed from one statement's rows. To check it takes a checkpoint and the log's verifier key, and no trust in
//! this server.

use crate::app::App;
use crate::consistency::Consistency;
use crate::params::{ViewHeaders, invalid};
use crate::problems::{self, ReadProblems};
use crate::reply;
use crate::wire::json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use read_model::ReadModel;
use read_model::read::Seen;
use read_model::read::positions::Projection;
use read_model::read::proofs::SignedCheckpoint;
use serde::{Deserialize, Serialize};
use server::{NoQuery, Problem, ProblemCode, StrictQuery};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;
use transparency::{Hash, Node, Plan};
use utoipa::{IntoParams, ToSchema};

/// How often the checkpoint is read while a request waits for one that covers its position.
const LOOK: Duration = Duration::from_millis(100);

/// A leaf, and the tree whose root the proof leads to.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ProofQuery {
    /// The event's position.
    #[param(minimum = 1)]
    position: u64,
    /// The number of events in the tree: the size of a checkpoint.
    #[param(minimum = 1)]
    size: u64,
}

/// Two trees.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ConsistencyQuery {
    /// The size of the older checkpoint.
    #[param(minimum = 1)]
    from: u64,
    /// The size of the newer checkpoint.
    #[param(minimum = 1)]
    to: u64,
}

/// The proof that an event is in a tree (RFC 6962).
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"leaf_hash": "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=", "size": 2,
    "hashes": ["lqKW0iTyhcZ77pPDD4owkVfwNNqxdh+QE4oNIlAQ2bw="]}))]
pub(super) struct InclusionProof {
    /// SHA-256(0x00 ‖ stored bytes), base64.
    leaf_hash: String,
    size: u64,
    /// From the leaf up, base64.
    hashes: Vec<String>,
}

/// The proof that one tree continues another (RFC 6962).
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from": 1, "to": 2, "hashes": ["lqKW0iTyhcZ77pPDD4owkVfwNNqxdh+QE4oNIlAQ2bw="]}))]
struct ConsistencyProof {
    from: u64,
    to: u64,
    /// Base64.
    hashes: Vec<String>,
}

/// Bytes as base64.
pub(super) fn text(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Hashes as base64.
pub(super) fn texts(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(|hash| text(hash)).collect()
}

/// 404: nobody signs this log.
fn no_checkpoint() -> Problem {
    Problem::new(problems::NO_CHECKPOINT).detail(
        "This log has no signed checkpoint yet. If it is signed, the first one comes a moment after the first event: try again. \
         Otherwise make a key with `orderlog log-key create` and start the server, or the projector, with --log-key-file.",
    )
}

/// The newest signed checkpoint, once it covers what the client has seen.
pub(super) async fn checkpoint(
    model: &ReadModel,
    consistency: Consistency,
) -> Result<SignedCheckpoint, Problem> {
    let began = Instant::now();
    loop {
        let newest = model.signed_checkpoint(None).await.map_err(problems::of_read_model)?;
        let met = match newest {
            None => Err(no_checkpoint()),
            Some(newest) => consistency.met_at(newest.size).map(|()| newest),
        };
        match (met, consistency.0) {
            (Err(_), Some(wanted)) if began.elapsed() < wanted.wait => {
                tokio::time::sleep(LOOK).await;
            }
            (met, _) => return met,
        }
    }
}

/// The hashes of these nodes; the tree has at least `size` leaves.
pub(super) async fn hashes(
    model: &ReadModel,
    consistency: Consistency,
    nodes: &[Node],
) -> Result<Seen<HashMap<Node, Hash>>, Problem> {
    consistency.seen(model.log_hashes(nodes).await)
}

/// 500: the tree lacks a hash below its position. The defect is logged here.
pub(super) fn damaged(missing: transparency::plan::Missing) -> Problem {
    tracing::error!(%missing, "the projection proofs is damaged; rebuild it with --rebuild=proofs");
    Problem::new(ProblemCode::INTERNAL)
}

/// 400: a tree that is not there yet.
fn within(parameter: &str, size: u64, applied: u64) -> Result<(), Problem> {
    match size <= applied {
        true => Ok(()),
        false => {
            Err(invalid(parameter, &format!("at most {applied}, the events in the tree by now")))
        }
    }
}

/// The newest signed checkpoint.
///
/// A C2SP tlog-checkpoint: origin, number of events and root of the Merkle tree over their stored bytes, signed with the
/// log's key. `golang.org/x/mod/sumdb/note` reads it.
#[utoipa::path(get, path = "/v1/log/checkpoint", tag = "proofs", params(ViewHeaders),
    responses((status = 200, description = "the signed checkpoint", body = String, content_type = "text/plain", headers(
        ("Consistency-Token" = u64, description = "the number of events that it covers"))), ReadProblems))]
pub async fn log_checkpoint(
    State(app): State<App>,
    _: StrictQuery<NoQuery>,
    consistency: Consistency,
) -> Result<Response, Problem> {
    let newest = checkpoint(app.model()?, consistency).await?;
    let mut response = reply::json(newest.size, newest.note);
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    Ok(response)
}

/// The proof that an event is in the log.
///
/// It leads from the event's leaf to the root of the tree of the first `size` events.
#[utoipa::path(get, path = "/v1/log/proof", tag = "proofs", params(ProofQuery, ViewHeaders),
    responses((status = 200, description = "the inclusion proof", body = InclusionProof, headers(
        ("Consistency-Token" = u64, description = "the position that the tree has applied"))), ReadProblems))]
pub async fn proof(
    State(app): State<App>,
    StrictQuery(query): StrictQuery<ProofQuery>,
    consistency: Consistency,
) -> Result<Response, Problem> {
    let leaf = query.position.checked_sub(1).ok_or_else(|| invalid("position", "at least 1"))?;
    let plan = Plan::inclusion(leaf, query.size)
        .ok_or_else(|| invalid("size", "at least the position"))?;
    let model = app.model_at(consistency, &[Projection::PROOFS]).await?;
    within("size", query.size, applied(model).await?)?;
    let nodes: Vec<Node> = plan.nodes().chain([Node::leaf(leaf)]).collect();
    let seen = hashes(model, consistency, &nodes).await?;
    let answer = InclusionProof::of(leaf, query.size, &plan, &seen.found).map_err(damaged)?;
    Ok(reply::json(seen.position, json(&answer)))
}

impl InclusionProof {
    /// The proof of this plan.
    pub(super) fn of(
        leaf: u64,
        size: u64,
        plan: &Plan,
        stored: &HashMap<Node, Hash>,
    ) -> Result<Self, transparency::plan::Missing> {
        let leaf = Node::leaf(leaf);
        let leaf_hash = stored.get(&leaf).ok_or(transparency::plan::Missing(leaf))?;
        Ok(Self { leaf_hash: text(leaf_hash), size, hashes: texts(&plan.hashes(stored)?) })
    }
}

/// The number of events in the tree.
async fn applied(model: &ReadModel) -> Result<u64, Problem> {
    let applied = model.applied().await.map_err(problems::of_read_model)?;
    Ok(applied.of(Projection::PROOFS))
}

/// The proof that nothing was changed.
///
/// It shows that the tree of the first `to` events continues that of the first `from` events.
#[utoipa::path(get, path = "/v1/log/consistency", tag = "proofs", params(ConsistencyQuery, ViewHeaders),
    responses((status = 200, description = "the consistency proof", body = ConsistencyProof, headers(
        ("Consistency-Token" = u64, description = "the position that the tree has applied"))), ReadProblems))]
pub async fn log_consistency(
    State(app): State<App>,
    StrictQuery(query): StrictQuery<ConsistencyQuery>,
    consistency: Consistency,
) -> Result<Response, Problem> {
    let ConsistencyQuery { from, to } = query;
    if from == 0 {
        return Err(invalid("from", "at least 1"));
    }
    let plan = Plan::consistency(from, to).ok_or_else(|| invalid("to", "at least from"))?;
    let model = app.model_at(consistency, &[Projection::PROOFS]).await?;
    within("to", to, applied(model).await?)?;
    let nodes: Vec<Node> = plan.nodes().collect();
    let seen = hashes(model, consistency, &nodes).await?;
    let hashes = texts(&plan.hashes(&seen.found).map_err(damaged)?);
    Ok(reply::json(seen.position, json(&ConsistencyProof { from, to, hashes })))
}
