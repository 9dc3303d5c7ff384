//! `GET /v1/customers/{id}`: what a customer has ordered.

use crate::app::App;
use crate::consistency::Consistency;
use crate::params::ViewHeaders;
use crate::problems::ReadProblems;
use crate::reply;
use crate::wire::{Amount, Moment, json};
use axum::extract::State;
use axum::response::Response;
use identity::Scope;
use read_model::read::CurrencyAmount;
use read_model::read::customers::CustomerFigures;
use read_model::read::positions::Projection;
use serde::Serialize;
use server::{NoQuery, PathCallerId, Problem, ProblemCode, StrictQuery};
use utoipa::ToSchema;

/// What a customer has ordered. Cancelled orders are counted apart.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "customer_id": "c-1", "name": "Ada", "orders": 3, "cancelled_orders": 1,
    "lifetime": [{"currency": "USD", "amount": "30.00"}], "first_order_at": "2026-03-01T00:00:00.000000Z",
    "last_order_at": "2026-03-03T00:00:00.000000Z"}))]
pub(super) struct CustomerSummary<'a> {
    customer_id: &'a str,
    /// As the order placed last (by `occurred_at`) among those that give a name says it; null while none has, and when that name was erased.
    name: Option<&'a str>,
    #[schema(value_type = u64)]
    orders: i64,
    #[schema(value_type = u64)]
    cancelled_orders: i64,
    lifetime: Vec<MoneyAmount<'a>>,
    #[schema(value_type = DateTime<Utc>)]
    first_order_at: Moment,
    #[schema(value_type = DateTime<Utc>)]
    last_order_at: Moment,
    /// When the customer's personal data were erased last; only then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = DateTime<Utc>, required = false)]
    erased_at: Option<Moment>,
}

/// An amount in a currency.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"currency": "USD", "amount": "10.00"}))]
pub(super) struct MoneyAmount<'a> {
    currency: &'a str,
    #[schema(value_type = String)]
    amount: Amount<'a>,
}

impl<'a> MoneyAmount<'a> {
    pub(super) fn of(amount: &'a CurrencyAmount) -> Self {
        Self { currency: &amount.currency, amount: Amount::new(amount.amount, &amount.currency) }
    }
}

impl<'a> CustomerSummary<'a> {
    pub(super) fn of(customer: &'a CustomerFigures) -> Self {
        Self {
            customer_id: &customer.customer_id,
            name: customer.name.as_deref(),
            orders: customer.orders,
            cancelled_orders: customer.cancelled_orders,
            lifetime: customer.lifetime.iter().map(MoneyAmount::of).collect(),
            first_order_at: Moment(customer.first_order_at),
            last_order_at: Moment(customer.last_order_at),
            erased_at: customer.erased_at.map(Moment),
        }
    }
}

/// One customer.
///
/// Orders count from their placing on; cancelled ones are counted apart and left out of `lifetime`.
#[utoipa::path(get, path = "/v1/customers/{id}", tag = "views",
    params(("id" = String, Path, description = "The customer.", min_length = 1, max_length = 64,
        pattern = "^[A-Za-z0-9._:-]+$"), ViewHeaders),
    responses((status = 200, description = "the customer", body = CustomerSummary, headers(
        ("Consistency-Token" = u64, description = "the position that the view has applied"))), ReadProblems))]
pub async fn customer(
    State(app): State<App>,
    PathCallerId(customer_id): PathCallerId,
    _: StrictQuery<NoQuery>,
    scope: Scope,
    consistency: Consistency,
) -> Result<Response, Problem> {
    let model = app.model_at(consistency, &[Projection::CUSTOMERS]).await?;
    let seen = consistency.seen(model.customer(&customer_id).await)?;
    let customer = seen.found.filter(|customer| scope.sees(&customer.customer_id));
    let customer = customer.ok_or_else(|| {
        Problem::new(ProblemCode::NOT_FOUND).detail("No customer of this id has placed an order.")
    })?;
    Ok(reply::json(seen.position, json(&CustomerSummary::of(&customer))))
}
