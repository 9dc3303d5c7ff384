//! `GET /v1/orders/{id}/proof`: an order's events as they are stored, each with the proof that the log has it.
//!
//! All proofs of a page lead to the root of one signed checkpoint, which the answer has too. So the page can be kept as
//! evidence: to check it takes the log's verifier key, and nothing from this server.

use super::log::{InclusionProof, checkpoint, damaged, hashes, text};
use super::{order_not_found, order_stream};
use crate::app::App;
use crate::consistency::Consistency;
use crate::cursor::Place;
use crate::params::{OrderId, ViewHeaders, limit};
use crate::problems::{self, ReadProblems};
use crate::reply;
use crate::wire::json;
use axum::extract::State;
use axum::response::Response;
use read_model::read::events::StoredEvent;
use read_model::read::positions::Projection;
use serde::{Deserialize, Serialize};
use server::{Problem, StrictQuery};
use std::collections::HashMap;
use transparency::{Hash, Node, Plan};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// The most events on a page.
const MAX_LIMIT: u32 = 200;
/// The events on a page unless the request says otherwise.
const USUAL_LIMIT: u32 = 50;

/// Which page of the proof.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OrderProofQuery {
    /// Events on a page; 50 if not given. Pages of very large events are shorter.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of an order's events with their proofs.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OrderProof {
    order_id: Uuid,
    /// The signed checkpoint whose root all proofs lead to.
    checkpoint: String,
    /// The events that the checkpoint covers, oldest first.
    events: Vec<ProvenEvent>,
    /// Later events, which the next checkpoint will cover.
    not_yet_covered: u64,
    /// Null on the last page.
    next_cursor: Option<String>,
}

/// An event and the proof that the log has it.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProvenEvent {
    position: u64,
    version: u64,
    event_id: Uuid,
    #[serde(rename = "type")]
    event_type: String,
    /// All that is stored of the event, base64: what its leaf hashes. The payload is at the end.
    stored: String,
    proof: InclusionProof,
}

/// What a cursor of an order's proof is bound to.
fn scope(order_id: Uuid) -> String {
    format!("proof {order_id}")
}

/// The proof of an order.
///
/// The order's events as they are stored, each with the proof that a signed checkpoint covers it.
#[utoipa::path(get, path = "/v1/orders/{id}/proof", tag = "proofs",
    params(("id" = Uuid, Path, description = "The order."), OrderProofQuery, ViewHeaders),
    responses((status = 200, description = "a page of events with their proofs", body = OrderProof, headers(
        ("Consistency-Token" = u64, description = "the number of events that the checkpoint covers"))), ReadProblems))]
pub async fn order_proof(
    State(app): State<App>,
    OrderId(order_id): OrderId,
    StrictQuery(query): StrictQuery<OrderProofQuery>,
    consistency: Consistency,
) -> Result<Response, Problem> {
    let limit = limit(query.limit, USUAL_LIMIT, MAX_LIMIT)? as usize;
    let after = match &query.cursor {
        Some(cursor) => app.cursor_key().await?.open(&scope(order_id), cursor)?.key,
        None => 0,
    };
    let after = u64::try_from(after).unwrap_or(0);
    let model = app.model_at(consistency, &[Projection::HISTORY, Projection::PROOFS]).await?;
    let read = model.stream_events(order_stream(order_id), after, u64::MAX, limit).await;
    let events = consistency.seen(read)?;
    if events.found.events.is_empty() && after == 0 {
        return Err(order_not_found());
    }
    let signed = checkpoint(model, consistency).await?;
    let (covered, later): (Vec<_>, Vec<_>) =
        events.found.events.iter().partition(|event| event.position <= signed.size);
    let page = Page::of(&covered, signed.size);
    let seen = hashes(model, consistency, &page.nodes()).await?;
    if seen.position < signed.size {
        return Err(rebuilding(seen.position, signed.size));
    }
    let next_cursor = match (events.found.more && later.is_empty(), covered.last()) {
        (true, Some(last)) => {
            let key = i64::try_from(last.version).unwrap_or(i64::MAX).into();
            let place = Place { key, id: Vec::new() };
            Some(app.cursor_key().await?.seal(&scope(order_id), &place))
        }
        _ => None,
    };
    let answer = OrderProof {
        order_id,
        checkpoint: signed.note,
        events: page.proven(&covered, &seen.found)?,
        not_yet_covered: later.len() as u64,
        next_cursor,
    };
    Ok(reply::json(signed.size, json(&answer)))
}

/// 503: the tree is being made again, and does not reach the checkpoint yet.
fn rebuilding(position: u64, size: u64) -> Problem {
    Problem::new(problems::READ_MODEL_BEHIND)
        .detail("The tree is being rebuilt and does not reach the checkpoint yet. Try again later.")
        .with("lag_events", size - position)
        .retry_after(problems::RETRY_AFTER_SECONDS)
}

/// The plans of a page's proofs.
struct Page {
    size: u64,
    /// Each leaf with its plan.
    plans: Vec<(u64, Plan)>,
}

impl Page {
    fn of(events: &[&StoredEvent], size: u64) -> Self {
        let leaves = events.iter().filter_map(|event| event.position.checked_sub(1));
        let plans = leaves.filter_map(|leaf| Some((leaf, Plan::inclusion(leaf, size)?))).collect();
        Self { size, plans }
    }

    /// All stored hashes that the proofs need, each once.
    fn nodes(&self) -> Vec<Node> {
        let all =
            self.plans.iter().flat_map(|(leaf, plan)| plan.nodes().chain([Node::leaf(*leaf)]));
        let mut nodes: Vec<Node> = all.collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    fn proven(
        &self,
        events: &[&StoredEvent],
        stored: &HashMap<Node, Hash>,
    ) -> Result<Vec<ProvenEvent>, Problem> {
        let mut bytes = Vec::new();
        let proven = events.iter().zip(&self.plans).map(|(event, (leaf, plan))| {
            bytes.clear();
            event.fields().write_head(&mut bytes);
            bytes.extend_from_slice(event.data.as_bytes());
            Ok(ProvenEvent {
                position: event.position,
                version: event.version,
                event_id: event.event_id,
                event_type: event.event_type.clone(),
                stored: text(&bytes),
                proof: InclusionProof::of(*leaf, self.size, plan, stored).map_err(damaged)?,
            })
        });
        proven.collect()
    }
}
