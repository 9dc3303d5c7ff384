//! `GET /v1/customers/{id}/personal-data`: all that is held about a customer, by order.
//!
//! Read from the events, so that nothing that is stored is left out, whatever a view shows of it. A page ends at a number of
//! orders or of bytes; the events of an order come page by page.

use super::order_stream;
use crate::app::App;
use crate::consistency::Consistency;
use crate::cursor::Place;
use crate::params::{ViewHeaders, limit};
use crate::problems::{self, ReadProblems};
use crate::reply;
use crate::wire::{Moment, json};
use axum::extract::State;
use axum::response::Response;
use domain::Aggregate;
use domain::order::{OrderAggregate, OrderEvent};
use identity::Identity;
use read_model::ReadModel;
use read_model::read::events::StoredEvent;
use read_model::read::orders_of_customer::OrderOfCustomer;
use read_model::read::positions::Projection;
use serde::{Deserialize, Serialize};
use server::{PathCallerId, Problem, ProblemCode, StrictQuery, heavy};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// The most orders on a page.
const MAX_LIMIT: u32 = 200;
/// The orders on a page unless the request says otherwise.
const USUAL_LIMIT: u32 = 50;
/// A page ends with the order that brings its texts to this many bytes.
const PAGE_BYTES: usize = 1 << 20;
/// Events that are read at a time.
const EVENTS: usize = 200;
/// No customer has this id: what is read for a caller who may not ask.
const NOBODY: &str = "";

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PersonalDataQuery {
    /// Orders on a page; 50 if not given. Pages with very many texts are shorter.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of what is held about a customer. Erased texts are null.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PersonalData {
    customer_id: String,
    /// The customer's orders of every status, oldest first.
    orders: Vec<OrderData>,
    /// Null on the last page.
    next_cursor: Option<String>,
    /// When personal data were erased last; only then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = DateTime<Utc>, required = false)]
    erased_at: Option<Moment>,
}

/// What an order holds about its customer.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OrderData {
    order_id: Uuid,
    /// Null for a draft.
    #[schema(value_type = Option<DateTime<Utc>>, required = true)]
    placed_at: Option<Moment>,
    #[schema(required = true)]
    name: Option<String>,
    #[schema(required = true)]
    email: Option<String>,
    /// What was written with the order and later.
    notes: Vec<HeldText>,
    /// Why money went back, or the order was cancelled.
    reasons: Vec<HeldText>,
    tracking_numbers: Vec<HeldText>,
    /// When they were erased; only then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = DateTime<Utc>, required = false)]
    erased_at: Option<Moment>,
}

/// A text, and when it came.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HeldText {
    /// Null once it was erased.
    #[schema(value_type = Option<String>, required = true)]
    text: String,
    #[schema(value_type = DateTime<Utc>)]
    at: Moment,
}

impl OrderData {
    fn of(order: &OrderOfCustomer) -> Self {
        Self {
            order_id: order.order_id,
            placed_at: order.placed_at.map(Moment),
            name: None,
            email: None,
            notes: Vec::new(),
            reasons: Vec::new(),
            tracking_numbers: Vec::new(),
            erased_at: order.erased_at.map(Moment),
        }
    }

    /// Takes what an event holds; returns its bytes.
    fn take(&mut self, event: OrderEvent, at: i64) -> usize {
        let mut bytes = 0;
        let mut held = |text: &str| {
            bytes += text.len();
            HeldText { text: text.to_owned(), at: Moment(at) }
        };
        if let Some(note) = event.note() {
            self.notes.push(held(note.as_str()));
        }
        match event {
            OrderEvent::OrderDrafted { customer, .. }
            | OrderEvent::OrderPlaced { customer, .. } => {
                self.name = customer.name.map(|name| name.as_str().to_owned());
                self.email = customer.email.map(|email| email.as_str().to_owned());
            }
            OrderEvent::RefundRecorded { reason, .. } => {
                self.reasons.extend(reason.map(|reason| held(reason.as_str())));
            }
            OrderEvent::OrderCancelled { reason, .. } => self.reasons.push(held(reason.as_str())),
            OrderEvent::OrderShipped { tracking_number, .. } => {
                self.tracking_numbers.extend(tracking_number.map(|number| held(number.as_str())));
            }
            // Named one by one, so that a new event has to be thought of here.
            OrderEvent::NoteAdded { .. }
            | OrderEvent::LineAdded { .. }
            | OrderEvent::LineQuantityChanged { .. }
            | OrderEvent::LineRemoved { .. }
            | OrderEvent::DraftDiscarded
            | OrderEvent::OrderConfirmed
            | OrderEvent::PaymentRecorded { .. }
            | OrderEvent::ShipmentDelivered { .. }
            | OrderEvent::OrderCompleted => {}
        }
        bytes
    }
}

/// What is held about a customer.
///
/// Everything personal, by order: names, e-mail addresses, notes, reasons and tracking numbers, as the events have them. For
/// the customer itself and for admins; to all others there is no such customer.
#[utoipa::path(get, path = "/v1/customers/{id}/personal-data", tag = "views",
    params(("id" = String, Path, description = "The customer.", min_length = 1, max_length = 64,
        pattern = "^[A-Za-z0-9._:-]+$"), PersonalDataQuery, ViewHeaders),
    responses((status = 200, description = "a page of what is held", body = PersonalData, headers(
        ("Consistency-Token" = u64, description = "the position that the view has applied"))), ReadProblems))]
pub async fn personal_data(
    State(app): State<App>,
    PathCallerId(customer_id): PathCallerId,
    StrictQuery(query): StrictQuery<PersonalDataQuery>,
    identity: Identity,
    consistency: Consistency,
) -> Result<Response, Problem> {
    let limit = limit(query.limit, USUAL_LIMIT, MAX_LIMIT)?;
    let scope = format!("personal-data {customer_id}");
    let after = match &query.cursor {
        Some(cursor) => {
            let place = app.cursor_key().await?.open(&scope, cursor)?;
            let key = i64::try_from(place.key).unwrap_or(i64::MAX);
            Some((key, Uuid::from_slice(&place.id).unwrap_or_default()))
        }
        None => None,
    };
    let model = app.model_at(consistency, &[Projection::ORDERS, Projection::HISTORY]).await?;
    let asked = if identity.may_ask_about(&customer_id) { customer_id.as_str() } else { NOBODY };
    let from = after.unwrap_or((i64::MIN, Uuid::nil()));
    // One order more than the page shows whether another page follows.
    let seen = consistency.seen(model.orders_of_customer(asked, from, limit + 1).await)?;
    if seen.found.orders.is_empty() && after.is_none() {
        return Err(
            Problem::new(ProblemCode::NOT_FOUND).detail("No order names a customer of this id.")
        );
    }
    let _place = heavy::place().await?;
    let mut page = Page { orders: Vec::new(), position: seen.position, bytes: 0 };
    let mut last = None;
    let on_page = seen.found.orders.iter().take(limit as usize);
    for order in on_page {
        if page.bytes >= PAGE_BYTES {
            break;
        }
        page.read(model, order).await?;
        last = Some(order);
    }
    consistency.met_at(page.position)?;
    let next_cursor = match last {
        Some(last) if page.orders.len() < seen.found.orders.len() => {
            let id = last.order_id.as_bytes().to_vec();
            let place = Place { key: last.listed_at.into(), id };
            Some(app.cursor_key().await?.seal(&scope, &place))
        }
        _ => None,
    };
    let erased_at = seen.found.erased_at.map(Moment);
    let answer = PersonalData { customer_id, orders: page.orders, next_cursor, erased_at };
    Ok(reply::json(page.position, json(&answer)))
}

/// A page while it is read.
struct Page {
    orders: Vec<OrderData>,
    /// The least position of any read.
    position: u64,
    bytes: usize,
}

impl Page {
    /// Reads an order's events.
    async fn read(&mut self, model: &ReadModel, order: &OrderOfCustomer) -> Result<(), Problem> {
        let mut data = OrderData::of(order);
        let mut version = 0;
        // Bounded by the stream's last version: every page moves on.
        loop {
            let stream = order_stream(order.order_id);
            let read = model.stream_events(stream, version, u64::MAX, EVENTS).await;
            let seen = read.map_err(problems::of_read_model)?;
            self.position = self.position.min(seen.position);
            for event in seen.found.events {
                version = event.version;
                let at = event.occurred_at;
                self.bytes += data.take(decoded(&event)?, at);
            }
            if !seen.found.more {
                break;
            }
        }
        if version < order.version {
            return Err(Problem::new(problems::READ_MODEL_BEHIND)
                .detail("The history does not have all events of these orders yet.")
                .retry_after(problems::RETRY_AFTER_SECONDS));
        }
        self.orders.push(data);
        Ok(())
    }
}

/// Fails at an event that this build cannot read: it might hold something.
fn decoded(event: &StoredEvent) -> Result<OrderEvent, Problem> {
    let StoredEvent { event_type, schema_version, data, .. } = event;
    OrderAggregate::decode(event_type, *schema_version, data.as_bytes()).map_err(|error| {
        tracing::error!(event.position, %error, "an event cannot be read");
        Problem::new(ProblemCode::INTERNAL)
    })
}
