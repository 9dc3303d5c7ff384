//! `receive`, `adjust`, `return`: what comes to a warehouse or was counted there.
//!
//! Each has an id of the caller's, which is kept for ever: the same id with the same content is recorded once.

use super::MAX_QUANTITY;
use crate::http::CommandRequest;
use crate::http::headers::{CommandHeaders, CommandQuery};
use crate::json::{Errors, Json, Object, Pointer, boolean, integer_in, signed_within, text, uuid};
use crate::stock::StockCommands;
use crate::stock::answer::ItemChanged;
use crate::stock::policy::StockPolicy;
use crate::stock::problems::StockProblems;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::stock::{StockCommand, item_id};
use domain::{Reason, Reference};
use serde::Serialize;
use server::{PathCallerId, Problem, extract};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// Goods that came in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptBody {
    /// The caller's id: the same id with the same content is recorded once.
    pub receipt_id: Uuid,
    /// Where; left out or null, the shop's first warehouse.
    #[schema(min_length = 1, max_length = 64, example = "main", required = false)]
    pub warehouse: Option<String>,
    /// Units.
    #[schema(minimum = 1, maximum = 1_000_000, example = 100)]
    pub quantity: u32,
}

/// What a count found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustmentBody {
    /// The caller's id: the same id with the same content is recorded once.
    pub adjustment_id: Uuid,
    /// Where; left out or null, the shop's first warehouse.
    #[schema(min_length = 1, max_length = 64, example = "main", required = false)]
    pub warehouse: Option<String>,
    /// Units to add, or below zero to take away; not 0.
    #[schema(minimum = -1_000_000, maximum = 1_000_000, example = -2)]
    pub delta: i32,
    /// Why.
    #[schema(min_length = 1, max_length = 500, example = "two were broken")]
    pub reason: String,
}

/// Goods that a customer sent back.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnBody {
    /// The caller's id: the same id with the same content is recorded once.
    pub return_id: Uuid,
    /// Where; left out or null, the shop's first warehouse.
    #[schema(min_length = 1, max_length = 64, example = "main", required = false)]
    pub warehouse: Option<String>,
    /// Units.
    #[schema(minimum = 1, maximum = 1_000_000, example = 1)]
    pub quantity: u32,
    /// Whether they can be sold again; left out or null, yes.
    #[schema(required = false)]
    pub restocked: Option<bool>,
}

/// Record goods that came in.
#[utoipa::path(
    post, path = "/v1/stock/{product_id}/receive", tag = "commands",
    params(("product_id" = String, Path, description = "The product."), CommandQuery, CommandHeaders),
    request_body = ReceiptBody,
    responses(ItemChanged, StockProblems)
)]
pub async fn receive(
    State(stock): State<StockCommands>,
    Extension(policy): Extension<Arc<StockPolicy>>,
    PathCallerId(product_id): PathCallerId,
    request: CommandRequest,
) -> Response {
    let read = |json: Json<'_>, item: &ItemOf, at: &Pointer<'_>, errors: &mut Errors| {
        let mut body = Object::open(json, &["receipt_id", "warehouse", "quantity"], at, errors)?;
        let receipt_id = body.required("receipt_id", errors, uuid);
        let warehouse = item.warehouse(&mut body, errors);
        let quantity = body.required("quantity", errors, integer_in(1..=MAX_QUANTITY));
        let (product_id, quantity) = (item.product_id.clone(), quantity?.into());
        Some(StockCommand::Receive {
            receipt_id: receipt_id?,
            product_id,
            warehouse: warehouse?,
            quantity,
        })
    };
    run(stock, &policy, product_id, request, read).await
}

/// Put the count of a product right. A fact: it is recorded even if less is left than is promised.
#[utoipa::path(
    post, path = "/v1/stock/{product_id}/adjust", tag = "commands",
    params(("product_id" = String, Path, description = "The product."), CommandQuery, CommandHeaders),
    request_body = AdjustmentBody,
    responses(ItemChanged, StockProblems)
)]
pub async fn adjust(
    State(stock): State<StockCommands>,
    Extension(policy): Extension<Arc<StockPolicy>>,
    PathCallerId(product_id): PathCallerId,
    request: CommandRequest,
) -> Response {
    let read = |json: Json<'_>, item: &ItemOf, at: &Pointer<'_>, errors: &mut Errors| {
        let names = ["adjustment_id", "warehouse", "delta", "reason"];
        let mut body = Object::open(json, &names, at, errors)?;
        let adjustment_id = body.required("adjustment_id", errors, uuid);
        let warehouse = item.warehouse(&mut body, errors);
        let delta = body.required("delta", errors, signed_within(MAX_QUANTITY));
        let reason = body.required("reason", errors, text(Reason::parse));
        let product_id = item.product_id.clone();
        let (adjustment_id, warehouse, reason) = (adjustment_id?, warehouse?, reason?);
        Some(StockCommand::Adjust {
            adjustment_id,
            product_id,
            warehouse,
            delta: delta?.into(),
            reason,
        })
    };
    run(stock, &policy, product_id, request, read).await
}

/// Record goods that a customer sent back.
#[utoipa::path(
    post, path = "/v1/stock/{product_id}/return", tag = "commands",
    params(("product_id" = String, Path, description = "The product."), CommandQuery, CommandHeaders),
    request_body = ReturnBody,
    responses(ItemChanged, StockProblems)
)]
pub async fn take_return(
    State(stock): State<StockCommands>,
    Extension(policy): Extension<Arc<StockPolicy>>,
    PathCallerId(product_id): PathCallerId,
    request: CommandRequest,
) -> Response {
    let read = |json: Json<'_>, item: &ItemOf, at: &Pointer<'_>, errors: &mut Errors| {
        let names = ["return_id", "warehouse", "quantity", "restocked"];
        let mut body = Object::open(json, &names, at, errors)?;
        let return_id = body.required("return_id", errors, uuid);
        let warehouse = item.warehouse(&mut body, errors);
        let quantity = body.required("quantity", errors, integer_in(1..=MAX_QUANTITY));
        let restocked = body.optional("restocked", errors, boolean)?.unwrap_or(true);
        let (product_id, quantity) = (item.product_id.clone(), quantity?.into());
        let (return_id, warehouse) = (return_id?, warehouse?);
        Some(StockCommand::Return { return_id, product_id, warehouse, quantity, restocked })
    };
    run(stock, &policy, product_id, request, read).await
}

/// What the path and the policy say about an item.
struct ItemOf {
    product_id: Reference,
    first_warehouse: Reference,
}

impl ItemOf {
    fn warehouse(&self, body: &mut Object<'_, '_>, errors: &mut Errors) -> Option<Reference> {
        let named = body.optional("warehouse", errors, text(Reference::parse))?;
        Some(named.unwrap_or_else(|| self.first_warehouse.clone()))
    }
}

/// Runs a command on the item that its body names.
async fn run(
    stock: StockCommands,
    policy: &StockPolicy,
    product_id: String,
    request: CommandRequest,
    read: impl FnOnce(Json<'_>, &ItemOf, &Pointer<'_>, &mut Errors) -> Option<StockCommand>,
) -> Response {
    let product_id = match Reference::parse(product_id) {
        Ok(product_id) => product_id,
        Err(_) => return extract::invalid("product_id").into_response(),
    };
    let first_warehouse = policy.warehouses.first().cloned();
    let Some(first_warehouse) = first_warehouse else {
        return Problem::new(server::ProblemCode::INTERNAL).into_response();
    };
    let item = ItemOf { product_id, first_warehouse };
    let read = |json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors| {
        let command = read(json, &item, at, errors)?;
        let (StockCommand::Receive { product_id, warehouse, .. }
        | StockCommand::Adjust { product_id, warehouse, .. }
        | StockCommand::Return { product_id, warehouse, .. }) = &command
        else {
            return None;
        };
        Some((item_id(warehouse, product_id), command))
    };
    stock.run_named(request, read).await
}
