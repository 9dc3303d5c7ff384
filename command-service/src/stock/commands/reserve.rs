//! `reserve`: holds units of several products, all of them or none.

use super::MAX_QUANTITY;
use crate::http::CommandRequest;
use crate::http::headers::{CommandHeaders, CommandQuery};
use crate::json::{Errors, Json, Object, Pointer, elements, integer_in, text, uuid};
use crate::stock::StockCommands;
use crate::stock::answer::ReservationAnswer;
use crate::stock::policy::StockPolicy;
use crate::stock::problems::StockProblems;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use domain::Reference;
use domain::stock::{MAX_WAREHOUSES, StockCommand, WantedLine};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// The most lines of a reservation: as many as an order may have.
const MAX_LINES: usize = 2_000;

/// Units to hold.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReservationBody {
    /// The caller's id; left out or null, one is made. The same id with the same lines is recorded once.
    #[schema(required = false)]
    pub reservation_id: Option<Uuid>,
    /// The order that it is for.
    #[schema(required = false)]
    pub order_id: Option<Uuid>,
    /// What is wanted. Lines of one product are added up.
    #[schema(min_items = 1, max_items = 2_000)]
    pub lines: Vec<WantedLineBody>,
    /// Where to look, in this order; left out or null, the shop's own list.
    #[schema(min_items = 1, max_items = 4, required = false)]
    pub warehouses: Option<Vec<String>>,
}

/// Units of one product.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedLineBody {
    /// Which product.
    #[schema(min_length = 1, max_length = 64, example = "tea-1")]
    pub product_id: String,
    /// Units.
    #[schema(minimum = 1, maximum = 1_000_000, example = 1)]
    pub quantity: u32,
}

/// Hold units of several products: all of them or none.
#[utoipa::path(
    post, path = "/v1/stock/reservations", tag = "commands",
    params(CommandQuery, CommandHeaders),
    request_body = ReservationBody,
    responses(
        (status = 201, description = "Held.", body = ReservationAnswer<'static>, headers(
            ("Location" = String, description = "The reservation's path."),
            ("ETag" = String, description = "The reservation's version."),
            ("Consistency-Token" = u64, description = "Position to wait for when reading."),
            ("Idempotent-Replayed" = bool, description = "The answer was given before."),
        )),
        (status = 200, description = "A dry run: nothing was stored.", body = ReservationAnswer<'static>),
        StockProblems
    )
)]
pub async fn reserve(
    State(stock): State<StockCommands>,
    Extension(policy): Extension<Arc<StockPolicy>>,
    request: CommandRequest,
) -> Response {
    let read = |json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors| {
        let names = ["reservation_id", "order_id", "lines", "warehouses"];
        let mut body = Object::open(json, &names, at, errors)?;
        let reservation_id = body.optional("reservation_id", errors, uuid);
        let order_id = body.optional("order_id", errors, uuid);
        let lines = body.required("lines", errors, lines);
        let warehouses = body.optional("warehouses", errors, warehouses);
        let reservation_id = reservation_id?.unwrap_or_else(Uuid::now_v7);
        let warehouses = warehouses?.unwrap_or_else(|| policy.warehouses.clone());
        let command = StockCommand::Reserve {
            reservation_id,
            order_id: order_id?,
            lines: lines?,
            warehouses,
            expires_at: None,
            untracked: policy.untracked,
        };
        Some((Some(reservation_id), command))
    };
    stock.create(request, read).await
}

fn lines(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<Vec<WantedLine>> {
    at_least_one(elements(json, MAX_LINES, at, errors, line)?, at, errors)
}

fn line(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<WantedLine> {
    let mut line = Object::open(json, &["product_id", "quantity"], at, errors)?;
    let product_id = line.required("product_id", errors, text(Reference::parse));
    let quantity = line.required("quantity", errors, integer_in(1..=MAX_QUANTITY));
    Some(WantedLine { product_id: product_id?, quantity: quantity? })
}

fn warehouses(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<Vec<Reference>> {
    let warehouse = |json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors| {
        text(Reference::parse)(json, at, errors)
    };
    at_least_one(elements(json, MAX_WAREHOUSES, at, errors, warehouse)?, at, errors)
}

fn at_least_one<T>(list: Vec<T>, at: &Pointer<'_>, errors: &mut Errors) -> Option<Vec<T>> {
    if list.is_empty() {
        errors.add(at, "too-few", "must have an element");
        return None;
    }
    Some(list)
}
