//! `create`: creates an order, placed at once or as a draft.

use super::add_line::{LineBody, MEMBERS};
use crate::http::CommandRequest;
use crate::http::headers::{CommandHeaders, CommandQuery};
use crate::json::{
    Errors, InUse, Json, Object, Pointer, boolean, currency, elements, integer_in, money, text,
    uuid,
};
use crate::orders::problems::CommandProblems;
use crate::orders::{CommandAnswer, OrderCommands};
use axum::extract::State;
use axum::response::Response;
use domain::order::command::NewLine;
use domain::order::{Customer, OrderCommand};
use domain::{Currency, Email, Name, Note, Reference};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A new order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateOrderBody {
    /// The order's id, if the caller wants to choose it: any UUID but nil.
    #[schema(required = false)]
    pub order_id: Option<Uuid>,
    /// Who orders.
    pub customer: CustomerBody,
    /// ISO 4217 code of a currency in use that has minor units; fixed for the order's life.
    #[schema(pattern = "^[A-Z]{3}$", example = "USD")]
    pub currency: String,
    /// The lines; may be empty only in a draft.
    #[schema(max_items = 2_000)]
    pub lines: Vec<LineBody>,
    /// Stays open for changes until it is placed.
    #[schema(default = false, required = false)]
    pub draft: Option<bool>,
    /// A first note; line ends (LF, CR LF) and tabs are kept.
    #[schema(min_length = 1, max_length = 2_000, required = false)]
    pub note: Option<String>,
}

/// Who orders.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerBody {
    /// The caller's id of the customer.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^([A-Za-z0-9_:-]|\.[A-Za-z0-9_:-]|\.\.[A-Za-z0-9._:-])[A-Za-z0-9._:-]*$",
        example = "c-17850"
    )]
    pub id: String,
    /// The customer's name.
    #[schema(min_length = 1, max_length = 200, example = "Ada Lovelace", required = false)]
    pub name: Option<String>,
    /// The customer's e-mail address.
    #[schema(min_length = 1, max_length = 254, example = "ada@example.org", required = false)]
    pub email: Option<String>,
}

/// Begin an order: placed at once, or as a draft.
#[utoipa::path(
    post, path = "/v1/orders", tag = "commands",
    params(CommandQuery, CommandHeaders),
    request_body = CreateOrderBody,
    responses(
        (status = 201, description = "Created.", body = CommandAnswer<'static>, headers(
            ("Location" = String, description = "The order's path."),
            ("ETag" = String, description = "The order's version."),
            ("Consistency-Token" = u64, description = "Position to wait for when reading."),
            ("Idempotent-Replayed" = bool, description = "The answer was given before."),
        )),
        (status = 200, description = "A dry run: nothing was stored.", body = CommandAnswer<'static>, headers(
            ("ETag" = String, description = "`\"0\"`: there is no such order yet. Taken by If-Match."),
            ("Consistency-Token" = u64, description = "Position to wait for when reading."),
        )),
        CommandProblems
    )
)]
pub async fn create_order(
    State(orders): State<OrderCommands>,
    request: CommandRequest,
) -> Response {
    orders.create(request, read).await
}

/// Reads the body, with the id that it may name.
pub fn read(
    json: Json<'_>,
    at: &Pointer<'_>,
    errors: &mut Errors,
) -> Option<(Option<Uuid>, OrderCommand)> {
    let names = ["order_id", "customer", "currency", "lines", "draft", "note"];
    let mut body = Object::open(json, &names, at, errors)?;
    let order_id = body.optional("order_id", errors, uuid);
    let command = read_members(body, InUse::Today, errors);
    Some((order_id?, command?))
}

/// Reads the body of an order whose id is given elsewhere, with a currency that was in use at `in_use`.
pub fn read_unnamed(
    json: Json<'_>,
    in_use: InUse,
    at: &Pointer<'_>,
    errors: &mut Errors,
) -> Option<OrderCommand> {
    let names = ["customer", "currency", "lines", "draft", "note"];
    let body = Object::open(json, &names, at, errors)?;
    read_members(body, in_use, errors)
}

fn read_members(
    mut body: Object<'_, '_>,
    in_use: InUse,
    errors: &mut Errors,
) -> Option<OrderCommand> {
    let customer = body.required("customer", errors, customer);
    let currency = body.required("currency", errors, currency(in_use));
    let lines = body.required("lines", errors, |json, at, errors| {
        let line = |json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors| {
            line(json, currency, at, errors)
        };
        elements(json, super::MAX_LINES, at, errors, line)
    });
    let draft = body.optional("draft", errors, boolean);
    let note = body.optional("note", errors, text(Note::parse));
    Some(OrderCommand::Create {
        customer: customer?,
        currency: currency?,
        lines: lines?,
        draft: draft?.unwrap_or(false),
        note: note?,
    })
}

fn customer(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<Customer> {
    let mut customer = Object::open(json, &["id", "name", "email"], at, errors)?;
    let id = customer.required("id", errors, text(Reference::parse));
    let name = customer.optional("name", errors, text(Name::parse));
    let email = customer.optional("email", errors, text(Email::parse));
    Some(Customer { id: id?, name: name?, email: email? })
}

fn line(
    json: Json<'_>,
    currency: Option<Currency>,
    at: &Pointer<'_>,
    errors: &mut Errors,
) -> Option<NewLine> {
    let mut line = Object::open(json, &MEMBERS, at, errors)?;
    let product_id = line.required("product_id", errors, text(Reference::parse));
    let name = line.required("name", errors, text(Name::parse));
    let quantity = line.required("quantity", errors, integer_in(1..=super::MAX_QUANTITY));
    let unit_price = line.required("unit_price", errors, money(currency));
    Some(NewLine {
        product_id: product_id?,
        name: name?,
        quantity: quantity?,
        unit_price: unit_price?,
    })
}
