//! `GET /v1/orders/{id}`: the composed order, as it stands or as it was.
//!
//! The hot path: the answer is the stored document, with the notes put in their place.

use super::document::composed;
use super::included::{self, Included, Part};
use super::{erased, order_not_found, past};
use crate::app::App;
use crate::consistency::Consistency;
use crate::params::{OrderId, ViewHeaders, invalid, names};
use crate::problems::ReadProblems;
use crate::reply::{self, Tag};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use domain::order::OrderDocument;
use identity::Scope;
use read_model::read::positions::Projection;
use serde::Deserialize;
use server::{Problem, ProblemCode, StrictQuery};
use std::borrow::Cow;
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{
    KnownFormat, ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema, SchemaFormat, Type,
};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use uuid::Uuid;

/// Which state of the order is asked for, and what with it.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OrderQuery {
    /// The order as it was at this version.
    #[param(minimum = 1)]
    version: Option<u64>,
    /// The order as it was at this time of the business.
    #[param(format = DateTime, example = "2026-03-03T00:00:00Z")]
    as_of: Option<String>,
    /// The order as the log knew it at this time.
    #[param(format = DateTime, example = "2026-03-03T00:00:00Z")]
    known_at: Option<String>,
    /// What to compose in, parted by commas: customer, products, timeline.
    #[param(example = "customer,products,timeline")]
    include: Option<String>,
}

/// What is answered: the order as the domain writes it, and what this view puts at its end. The domain passes by members
/// that it does not know, so that nothing else is in it is said here.
struct Order;

impl PartialSchema for Order {
    fn schema() -> RefOr<Schema> {
        let mut schema = closed(OrderDocument::schema());
        if let RefOr::T(Schema::Object(order)) = &mut schema {
            let included = Ref::builder()
                .ref_location_from_schema_name(Included::name())
                .description(Some("Only with `include`."));
            let nullable = OneOfBuilder::new()
                .item(included)
                .item(ObjectBuilder::new().schema_type(Type::Null));
            let erased_at = ObjectBuilder::new()
                .schema_type(Type::String)
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
                .description(Some("When the customer's personal data were erased; only then."));
            order.properties.insert("erased_at".to_owned(), erased_at.into());
            order.properties.insert("included".to_owned(), nullable.into());
        }
        schema
    }
}

impl ToSchema for Order {
    fn name() -> Cow<'static, str> {
        OrderDocument::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        let mut parts = Vec::new();
        OrderDocument::schemas(&mut parts);
        schemas.extend(parts.into_iter().map(|(name, schema)| (name, closed(schema))));
        schemas.push((Included::name().into(), Included::schema()));
        Included::schemas(schemas);
    }
}

fn closed(mut schema: RefOr<Schema>) -> RefOr<Schema> {
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
    }
    schema
}

/// One order.
///
/// The composed order as it stands; with `version`, `as_of` or `known_at` as it was then, replayed from its events.
#[utoipa::path(get, path = "/v1/orders/{id}", tag = "views",
    params(("id" = Uuid, Path, description = "The order."), OrderQuery, ViewHeaders,
        ("If-None-Match" = Option<String>, Header, description = "`\"7\"`: answer 304 if the order is at version 7. With `include`: the tag of the composed answer.")),
    responses(
        (status = 200, description = "the order", body = Order, headers(
            ("ETag" = String, description = "the order's version, quoted; another tag with `include`, whose parts change without the order; with a dot and a hash after the version where personal data were erased"),
            ("Consistency-Token" = u64, description = "the position that the view has applied"),
            ("Memento-Datetime" = String, description = "when the shown state of the past began"))),
        (status = 304, description = "nothing has changed since the answer with the tag of If-None-Match"),
        ReadProblems))]
pub async fn order(
    State(app): State<App>,
    OrderId(order_id): OrderId,
    StrictQuery(query): StrictQuery<OrderQuery>,
    scope: Scope,
    consistency: Consistency,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let included = match query.include.as_deref() {
        Some(text) => names("include", text, &included::PARTS)?,
        None => Vec::new(),
    };
    if scope != Scope::All && included.contains(&Part::Products) {
        return Err(Problem::new(ProblemCode::FORBIDDEN)
            .detail("What products sold is for the shop. Leave products out of include."));
    }
    let moment = past::asked(query.version, query.as_of.as_deref(), query.known_at.as_deref())?;
    match moment {
        Some(_) if !included.is_empty() => {
            Err(invalid("include", "left out when the past is asked for: it shows the present"))
        }
        Some(moment) => past::order(&app, order_id, moment, consistency, &headers).await,
        None if included.is_empty() => present(&app, order_id, consistency, &headers).await,
        None => included::order(&app, order_id, &included, consistency, &headers).await,
    }
}

async fn present(
    app: &App,
    order_id: Uuid,
    consistency: Consistency,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let model = app.model_at(consistency, &[Projection::ORDERS]).await?;
    let seen = consistency.seen(app.loaders().order(model, order_id).await)?;
    let order = seen.found.ok_or_else(order_not_found)?;
    if order.erased_at.is_some() {
        let version = order.version;
        return erased::order(app, seen.position, version, composed(order), headers).await;
    }
    let tag = Tag::version(order.version);
    if reply::has_tag(headers, &tag) {
        return Ok(reply::not_modified(seen.position, &tag));
    }
    let mut response = reply::json(seen.position, composed(order));
    response.headers_mut().insert(header::ETAG, tag.header());
    Ok(response)
}
