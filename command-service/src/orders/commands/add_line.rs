//! `add-line`: adds a line to a draft.

use crate::http::CommandRequest;
use crate::http::headers::{CommandHeaders, CommandQuery};
use crate::json::{Errors, Json, Object, Pointer, integer_in, non_negative_money_text, text};
use crate::orders::problems::CommandProblems;
use crate::orders::{Changed, OrderCommands};
use axum::extract::State;
use axum::response::Response;
use domain::order::OrderCommand;
use domain::order::command::UnpricedLine;
use domain::{Name, Reference};
use serde::Serialize;
use server::PathUuid;
use utoipa::ToSchema;

/// A line, priced in the order's currency.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineBody {
    /// The caller's id of the product.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^([A-Za-z0-9_:-]|\.[A-Za-z0-9_:-]|\.\.[A-Za-z0-9._:-])[A-Za-z0-9._:-]*$",
        example = "mug-blue"
    )]
    pub product_id: String,
    /// The product's name, kept as it is now.
    #[schema(min_length = 1, max_length = 200, example = "Blue mug")]
    pub name: String,
    /// Units.
    #[schema(minimum = 1, maximum = 100_000, example = 2)]
    pub quantity: u32,
    /// Price of one unit, with at most the currency's digits.
    #[schema(pattern = r"^[0-9]+(\.[0-9]+)?$", max_length = 32, example = "12.50")]
    pub unit_price: String,
}

/// The members of a line.
pub const MEMBERS: [&str; 4] = ["product_id", "name", "quantity", "unit_price"];

/// Add a line to a draft.
#[utoipa::path(
    post, path = "/v1/orders/{id}/add-line", tag = "commands",
    params(("id" = Uuid, Path, description = "The order."), CommandQuery, CommandHeaders),
    request_body = LineBody,
    responses(Changed, CommandProblems)
)]
pub async fn add_line(
    State(orders): State<OrderCommands>,
    PathUuid(id): PathUuid,
    request: CommandRequest,
) -> Response {
    orders.run(id, request, read).await
}

/// Reads the body.
pub fn read(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<OrderCommand> {
    let mut line = Object::open(json, &MEMBERS, at, errors)?;
    let product_id = line.required("product_id", errors, text(Reference::parse));
    let name = line.required("name", errors, text(Name::parse));
    let quantity = line.required("quantity", errors, integer_in(1..=super::MAX_QUANTITY));
    let unit_price = line.required("unit_price", errors, non_negative_money_text);
    Some(OrderCommand::AddLine(UnpricedLine {
        product_id: product_id?,
        name: name?,
        quantity: quantity?,
        unit_price: unit_price?,
    }))
}
