//! `record-payment`: records a payment, however late.

use crate::http::CommandRequest;
use crate::http::headers::{CommandHeaders, CommandQuery};
use crate::json::{Errors, InUse, Json, Object, Pointer, currency, positive_money_text, text};
use crate::orders::problems::CommandProblems;
use crate::orders::{Changed, OrderCommands};
use axum::extract::State;
use axum::response::Response;
use domain::order::OrderCommand;
use domain::{Label, Reference};
use serde::Serialize;
use server::PathUuid;
use utoipa::ToSchema;

/// A payment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentBody {
    /// The caller's id: the same id with the same amount is recorded once.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^([A-Za-z0-9_:-]|\.[A-Za-z0-9_:-]|\.\.[A-Za-z0-9._:-])[A-Za-z0-9._:-]*$",
        example = "payment-1"
    )]
    pub payment_id: String,
    /// More than zero, in the order's currency.
    #[schema(pattern = r"^[0-9]+(\.[0-9]+)?$", max_length = 32, example = "25.00")]
    pub amount: String,
    /// If given, must be the order's.
    #[schema(pattern = "^[A-Z]{3}$", example = "USD", required = false)]
    pub currency: Option<String>,
    /// How it was paid.
    #[schema(min_length = 1, max_length = 200, example = "card", required = false)]
    pub method: Option<String>,
}

/// Record a payment.
#[utoipa::path(
    post, path = "/v1/orders/{id}/record-payment", tag = "commands",
    params(("id" = Uuid, Path, description = "The order."), CommandQuery, CommandHeaders),
    request_body = PaymentBody,
    responses(Changed, CommandProblems)
)]
pub async fn record_payment(
    State(orders): State<OrderCommands>,
    PathUuid(id): PathUuid,
    request: CommandRequest,
) -> Response {
    orders.run(id, request, read).await
}

/// Reads the body.
pub fn read(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<OrderCommand> {
    let names = ["payment_id", "amount", "currency", "method"];
    let mut body = Object::open(json, &names, at, errors)?;
    let payment_id = body.required("payment_id", errors, text(Reference::parse));
    let amount = body.required("amount", errors, positive_money_text);
    let currency = body.optional("currency", errors, currency(InUse::Ever));
    let method = body.optional("method", errors, text(Label::parse));
    Some(OrderCommand::RecordPayment {
        payment_id: payment_id?,
        amount: amount?,
        currency: currency?,
        method: method?,
    })
}
