//! `ship`: records that a parcel left.

use crate::http::CommandRequest;
use crate::http::headers::{CommandHeaders, CommandQuery};
use crate::json::{Errors, Json, Object, Pointer, elements, integer_in, text};
use crate::orders::problems::CommandProblems;
use crate::orders::{Changed, OrderCommands};
use axum::extract::State;
use axum::response::Response;
use domain::order::{OrderCommand, ShippedLine};
use domain::{Label, Reference};
use serde::Serialize;
use server::PathUuid;
use utoipa::ToSchema;

/// A parcel.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShipmentBody {
    /// The caller's id: the same id with the same content is recorded once.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^([A-Za-z0-9_:-]|\.[A-Za-z0-9_:-]|\.\.[A-Za-z0-9._:-])[A-Za-z0-9._:-]*$",
        example = "parcel-1"
    )]
    pub shipment_id: String,
    /// Who carries it.
    #[schema(min_length = 1, max_length = 200, example = "DHL", required = false)]
    pub carrier: Option<String>,
    /// The carrier's number for it.
    #[schema(min_length = 1, max_length = 200, example = "JD0140", required = false)]
    pub tracking_number: Option<String>,
    /// What is in it; left out or null, all that remains.
    #[schema(min_items = 1, max_items = 2_000, required = false)]
    pub lines: Option<Vec<ShippedLineBody>>,
}

/// Some units of a line.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShippedLineBody {
    /// Which line.
    #[schema(minimum = 1, maximum = 2_147_483_647_u32, example = 1)]
    pub line_id: u32,
    /// Units.
    #[schema(minimum = 1, maximum = 100_000, example = 1)]
    pub quantity: u32,
}

/// Ship some or all of a confirmed order.
#[utoipa::path(
    post, path = "/v1/orders/{id}/ship", tag = "commands",
    params(("id" = Uuid, Path, description = "The order."), CommandQuery, CommandHeaders),
    request_body = ShipmentBody,
    responses(Changed, CommandProblems)
)]
pub async fn ship(
    State(orders): State<OrderCommands>,
    PathUuid(id): PathUuid,
    request: CommandRequest,
) -> Response {
    orders.run(id, request, read).await
}

/// Reads the body.
pub fn read(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<OrderCommand> {
    let names = ["shipment_id", "carrier", "tracking_number", "lines"];
    let mut body = Object::open(json, &names, at, errors)?;
    let shipment_id = body.required("shipment_id", errors, text(Reference::parse));
    let carrier = body.optional("carrier", errors, text(Label::parse));
    let tracking_number = body.optional("tracking_number", errors, text(Label::parse));
    let lines = body.optional("lines", errors, lines);
    Some(OrderCommand::Ship {
        shipment_id: shipment_id?,
        carrier: carrier?,
        tracking_number: tracking_number?,
        lines: lines?,
    })
}

fn lines(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<Vec<ShippedLine>> {
    let lines = elements(json, super::MAX_LINES, at, errors, line)?;
    if lines.is_empty() {
        errors.add(at, "too-few", "must name a line; leave it out to ship all that remains");
        return None;
    }
    Some(lines)
}

fn line(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<ShippedLine> {
    let mut line = Object::open(json, &["line_id", "quantity"], at, errors)?;
    let line_id = line.required("line_id", errors, integer_in(1..=super::MAX_LINE_ID));
    let quantity = line.required("quantity", errors, integer_in(1..=super::MAX_QUANTITY));
    Some(ShippedLine { line_id: line_id?, quantity: quantity? })
}
