//! `GET /v1/customers/{id}`: what a customer has ordered.

use crate::app::App;
use crate::consistency::Consistency;
use crate::params::ViewHeaders;
use crate::problems::ReadProblems;
use crate::wire::{Amount, Moment, json};
use crate::{reply, schema};
use axum::extract::State;
use axum::response::Response;
use read_model::read::CurrencyAmount;
use read_model::read::customers::CustomerFigures;
use read_model::read::positions::Projection;
use serde::Serialize;
use server::{NoQuery, PathCallerId, Problem, ProblemCode, StrictQuery};

/// A customer, on the wire.
#[derive(Serialize)]
pub(super) struct CustomerJson<'a> {
    customer_id: &'a str,
    name: Option<&'a str>,
    orders: i64,
    cancelled_orders: i64,
    lifetime: Vec<MoneyJson<'a>>,
    first_order_at: Moment,
    last_order_at: Moment,
}

/// An amount with its currency, on the wire.
#[derive(Serialize)]
pub(super) struct MoneyJson<'a> {
    currency: &'a str,
    amount: Amount<'a>,
}

impl<'a> MoneyJson<'a> {
    pub(super) fn of(amount: &'a CurrencyAmount) -> Self {
        Self { currency: &amount.currency, amount: Amount::new(amount.amount, &amount.currency) }
    }
}

impl<'a> CustomerJson<'a> {
    pub(super) fn of(customer: &'a CustomerFigures) -> Self {
        Self {
            customer_id: &customer.customer_id,
            name: customer.name.as_deref(),
            orders: customer.orders,
            cancelled_orders: customer.cancelled_orders,
            lifetime: customer.lifetime.iter().map(MoneyJson::of).collect(),
            first_order_at: Moment(customer.first_order_at),
            last_order_at: Moment(customer.last_order_at),
        }
    }
}

/// One customer.
///
/// Orders count from their placing on; cancelled ones are counted apart and left out of `lifetime`.
#[utoipa::path(get, path = "/v1/customers/{id}", tag = "views",
    params(("id" = String, Path, description = "The customer.", min_length = 1, max_length = 64,
        pattern = "^[A-Za-z0-9._:-]+$"), ViewHeaders),
    responses((status = 200, description = "the customer", body = schema::CustomerSummary, headers(
        ("Consistency-Token" = u64, description = "the position that the view has applied"))), ReadProblems))]
pub async fn customer(
    State(app): State<App>,
    PathCallerId(customer_id): PathCallerId,
    _: StrictQuery<NoQuery>,
    consistency: Consistency,
) -> Result<Response, Problem> {
    let model = app.model_at(consistency, &[Projection::CUSTOMERS]).await?;
    let seen = consistency.seen(model.customer(&customer_id).await)?;
    let customer = seen.found.ok_or_else(|| {
        Problem::new(ProblemCode::NOT_FOUND).detail("No customer of this id has placed an order.")
    })?;
    Ok(reply::json(seen.position, json(&CustomerJson::of(&customer))))
}
