//! `?include=`: the order with its customer, its products and its events composed in.

use super::customers::CustomerJson;
use super::document::composed;
use super::history::EventJson;
use super::products::ProductJson;
use super::{order_not_found, order_stream};
use crate::app::App;
use crate::consistency::Consistency;
use crate::cursor::Place;
use crate::problems;
use crate::reply::{self, Tag};
use crate::wire::json;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use read_model::ReadModel;
use read_model::read::positions::Projection;
use read_model::read::products::MAX_PRODUCTS;
use serde::Deserialize;
use server::{Problem, ProblemCode};
use uuid::Uuid;

/// Events composed in; `timeline_cursor` leads to those that follow.
const MAX_TIMELINE: usize = 1_000;

/// What can be composed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Customer,
    Products,
    Timeline,
}

/// Their names.
pub(super) const PARTS: [(&str, Part); 3] =
    [("customer", Part::Customer), ("products", Part::Products), ("timeline", Part::Timeline)];

impl Part {
    fn projection(self) -> Projection {
        match self {
            Self::Customer => Projection::CUSTOMERS,
            Self::Products => Projection::PRODUCTS,
            Self::Timeline => Projection::HISTORY,
        }
    }
}

/// What of the document says where the parts are.
#[derive(Deserialize)]
struct Parties {
    customer: Party,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Party {
    id: String,
}

#[derive(Deserialize)]
struct Line {
    product_id: String,
}

/// The order with `parts`. Each is read by a statement of its own that says where its projection stands; the token is the
/// least of these, so it holds even if a projection is exchanged between two of them. The parts change without the
/// order's version, so the tag is one of all the bytes, and a 304 spares their way to the client, not their reading.
pub(super) async fn order(
    app: &App,
    order_id: Uuid,
    parts: &[Part],
    consistency: Consistency,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let mut projections = vec![Projection::ORDERS];
    projections.extend(parts.iter().map(|part| part.projection()));
    let model = app.model_at(consistency, &projections).await?;
    let seen = consistency.seen(app.loaders().order(model, order_id).await)?;
    let order = seen.found.ok_or_else(order_not_found)?;
    let parties: Parties = serde_json::from_slice(&order.document).map_err(|error| {
        tracing::error!(order.id = %order_id, line = error.line(), column = error.column(), "a stored document cannot be read");
        Problem::new(ProblemCode::INTERNAL)
    })?;
    let version = order.version;
    let mut body = Vec::from(composed(order));
    body.pop();
    body.extend_from_slice(b",\"included\":{");
    let mut position = seen.position;
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        let shown = match part {
            Part::Customer => customer(model, &parties, &mut body).await?,
            Part::Products => products(model, &parties, &mut body).await?.unwrap_or(position),
            Part::Timeline => timeline(app, model, order_id, version, &mut body).await?,
        };
        position = position.min(shown);
    }
    consistency.met_at(position)?;
    body.extend_from_slice(b"}}");
    let tag = Tag::composed(version, &body);
    if reply::has_tag(headers, &tag) {
        return Ok(reply::not_modified(position, &tag));
    }
    let mut response = reply::json(position, body);
    response.headers_mut().insert(header::ETAG, tag.header());
    Ok(response)
}

/// `null` for a customer who has placed nothing yet. Gives the position that is shown, as the others do.
async fn customer(
    model: &ReadModel,
    parties: &Parties,
    body: &mut Vec<u8>,
) -> Result<u64, Problem> {
    let seen = model.customer(&parties.customer.id).await.map_err(problems::of_read_model)?;
    body.extend_from_slice(b"\"customer\":");
    body.extend(json(&seen.found.as_ref().map(CustomerJson::of)));
    Ok(seen.position)
}

/// Nothing is read, and so nothing shown, for an order without lines.
async fn products(
    model: &ReadModel,
    parties: &Parties,
    body: &mut Vec<u8>,
) -> Result<Option<u64>, Problem> {
    let mut ids: Vec<String> = parties.lines.iter().map(|line| line.product_id.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.truncate(MAX_PRODUCTS);
    let (position, found) = match ids.is_empty() {
        true => (None, Vec::new()),
        false => {
            let seen = model.products(&ids).await.map_err(problems::of_read_model)?;
            (Some(seen.position), seen.found)
        }
    };
    body.extend_from_slice(b"\"products\":");
    body.extend(json(&found.iter().map(ProductJson::of).collect::<Vec<_>>()));
    Ok(position)
}

/// The events up to the version that is shown.
async fn timeline(
    app: &App,
    model: &ReadModel,
    order_id: Uuid,
    version: u64,
    body: &mut Vec<u8>,
) -> Result<u64, Problem> {
    let read = model.stream_events(order_stream(order_id), 0, version, MAX_TIMELINE).await;
    let seen = read.map_err(problems::of_read_model)?;
    let page = seen.found;
    body.extend_from_slice(b"\"timeline\":[");
    for (index, event) in page.events.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        EventJson::of(event).write(&event.data, body);
    }
    body.push(b']');
    if let (true, Some(last)) = (page.more, page.events.last()) {
        let place = Place { key: last.version.into(), id: Vec::new() };
        let cursor = app.cursor_key().await?.seal(&super::history::scope(order_id), &place);
        body.extend_from_slice(b",\"timeline_cursor\":");
        body.extend(json(&cursor));
    }
    Ok(seen.position)
}
