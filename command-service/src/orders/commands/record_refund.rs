//! `record-refund`: records a refund.

use crate::http::CommandRequest;
use crate::http::headers::{CommandHeaders, CommandQuery};
use crate::json::{Errors, InUse, Json, Object, Pointer, currency, positive_money_text, text};
use crate::orders::problems::CommandProblems;
use crate::orders::{Changed, OrderCommands};
use axum::extract::State;
use axum::response::Response;
use domain::order::OrderCommand;
use domain::{Reason, Reference};
use serde::Serialize;
use server::PathUuid;
use utoipa::ToSchema;

/// A refund.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundBody {
    /// The caller's id: the same id with the same amount is recorded once.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^([A-Za-z0-9_:-]|\.[A-Za-z0-9_:-]|\.\.[A-Za-z0-9._:-])[A-Za-z0-9._:-]*$",
        example = "refund-1"
    )]
    pub refund_id: String,
    /// More than zero, in the order's currency.
    #[schema(pattern = r"^[0-9]+(\.[0-9]+)?$", max_length = 32, example = "25.00")]
    pub amount: String,
    /// If given, must be the order's.
    #[schema(pattern = "^[A-Z]{3}$", example = "USD", required = false)]
    pub currency: Option<String>,
    /// Why; line ends (LF, CR LF) and tabs are kept.
    #[schema(min_length = 1, max_length = 500, example = "damaged in transit", required = false)]
    pub reason: Option<String>,
}

/// Record a refund.
#[utoipa::path(
    post, path = "/v1/orders/{id}/record-refund", tag = "commands",
    params(("id" = Uuid, Path, description = "The order."), CommandQuery, CommandHeaders),
    request_body = RefundBody,
    responses(Changed, CommandProblems)
)]
pub async fn record_refund(
    State(orders): State<OrderCommands>,
    PathUuid(id): PathUuid,
    request: CommandRequest,
) -> Response {
    orders.run(id, request, read).await
}

/// Reads the body.
pub fn read(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<OrderCommand> {
    let names = ["refund_id", "amount", "currency", "reason"];
    let mut body = Object::open(json, &names, at, errors)?;
    let refund_id = body.required("refund_id", errors, text(Reference::parse));
    let amount = body.required("amount", errors, positive_money_text);
    let currency = body.optional("currency", errors, currency(InUse::Ever));
    let reason = body.optional("reason", errors, text(Reason::parse));
    Some(OrderCommand::RecordRefund {
        refund_id: refund_id?,
        amount: amount?,
        currency: currency?,
        reason: reason?,
    })
}
