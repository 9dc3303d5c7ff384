//! `?include=`: the order with its customer, its products and its events in one answer.

use super::customers::CustomerSummary;
use super::document::composed;
use super::history::Event;
use super::products::ProductSummary;
use super::{order_not_found, order_stream};
use crate::app::App;
use crate::consistency::Consistency;
use crate::cursor::Place;
use crate::problems;
use crate::reply::{self, Tag};
use crate::wire::{json, json_array, json_with};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use read_model::ReadModel;
use read_model::read::Seen;
use read_model::read::events::EventPage;
use read_model::read::positions::Projection;
use read_model::read::products::{MAX_PRODUCTS, ProductFigures};
use serde::{Deserialize, Serialize};
use server::{Problem, ProblemCode};
use utoipa::ToSchema;
use uuid::Uuid;

/// The most events in the timeline; `timeline_cursor` leads to the next ones.
const MAX_TIMELINE: usize = 1_000;

/// A part that `include` can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Customer,
    Products,
    Timeline,
}

/// The parts by their names in `include`.
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

/// What `include` composes in.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Included<'a> {
    /// Null for a customer who has placed nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<CustomerSummary>)]
    customer: Option<Option<CustomerSummary<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    products: Option<Vec<ProductSummary<'a>>>,
    /// Oldest first, as in the history.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Event>>)]
    timeline: Option<()>,
    /// Only if the timeline goes on: the history's cursor for the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    timeline_cursor: Option<String>,
}

/// The ids in the document by which the parts are read.
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

/// The order with `parts`. Each part is read by a statement of its own, which also reads its projection's position. The
/// token is the least of these positions, so it holds even if a projection is swapped between two statements. The parts
/// change without the order's version, so the tag covers all bytes; a 304 saves their transfer, not their reading.
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
    let mut position = seen.position;
    let customer = match parts.contains(&Part::Customer) {
        true => Some(model.customer(&parties.customer.id).await.map_err(problems::of_read_model)?),
        false => None,
    };
    let products = match parts.contains(&Part::Products) {
        true => Some(products(model, &parties, position).await?),
        false => None,
    };
    let timeline = match parts.contains(&Part::Timeline) {
        true => Some(timeline(model, order_id, version).await?),
        false => None,
    };
    let shown = [
        customer.as_ref().map(|seen| seen.position),
        products.as_ref().map(|seen| seen.position),
        timeline.as_ref().map(|seen| seen.position),
    ];
    position = shown.into_iter().flatten().fold(position, u64::min);
    let timeline = timeline.map(|seen| seen.found);
    let included = Included {
        customer: customer.as_ref().map(|seen| seen.found.as_ref().map(CustomerSummary::of)),
        products: products.as_ref().map(|seen| seen.found.iter().map(ProductSummary::of).collect()),
        timeline: timeline.as_ref().map(|_| ()),
        timeline_cursor: match &timeline {
            Some(page) => rest(app, order_id, page).await?,
            None => None,
        },
    };
    consistency.met_at(position)?;
    let mut body = Vec::from(composed(order));
    body.pop();
    body.extend_from_slice(b",\"included\":");
    body.extend(match &timeline {
        Some(page) => {
            json_with(&included, "timeline", |body| json_array(&page.events, body, Event::write))
        }
        None => json(&included),
    });
    body.push(b'}');
    let body = app.opener().open(body.into()).await?;
    let tag = Tag::composed(version, &body);
    if reply::has_tag(headers, &tag) {
        return Ok(reply::not_modified(position, &tag));
    }
    let mut response = reply::json(position, body);
    response.headers_mut().insert(header::ETAG, tag.header());
    Ok(response)
}

/// The products of the order's lines. Without lines nothing is read, and the position is `position`.
async fn products(
    model: &ReadModel,
    parties: &Parties,
    position: u64,
) -> Result<Seen<Vec<ProductFigures>>, Problem> {
    let mut ids: Vec<String> = parties.lines.iter().map(|line| line.product_id.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.truncate(MAX_PRODUCTS);
    match ids.is_empty() {
        true => Ok(Seen { position, found: Vec::new() }),
        false => model.products(&ids).await.map_err(problems::of_read_model),
    }
}

/// The events up to the version that is shown.
async fn timeline(
    model: &ReadModel,
    order_id: Uuid,
    version: u64,
) -> Result<Seen<EventPage>, Problem> {
    let read = model.stream_events(order_stream(order_id), 0, version, MAX_TIMELINE).await;
    read.map_err(problems::of_read_model)
}

/// The history's cursor for the events after this page.
async fn rest(app: &App, order_id: Uuid, page: &EventPage) -> Result<Option<String>, Problem> {
    let (true, Some(last)) = (page.more, page.events.last()) else { return Ok(None) };
    let place = Place { key: last.version.into(), id: Vec::new() };
    Ok(Some(app.cursor_key().await?.seal(&super::history::scope(order_id), &place)))
}
