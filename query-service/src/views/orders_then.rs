//! Past summaries of lists: what never changes is taken from the current summary, the rest from the version then.

use crate::problems;
use crate::replay::Replay;
use crate::wire::{Amount, Moment};
use domain::order::OrderAggregate;
use domain::order::{FulfillmentStatus, PaymentStatus, Status, balance_due};
use domain::{Currency, Money};
use read_model::ReadModel;
use read_model::read::Seen;
use read_model::read::orders::{ListedOrder, OrderFilter, OrderPage};
use read_model::read::orders_as_of::OrderThen;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use server::{Problem, ProblemCode};
use utoipa::ToSchema;

/// The members of a summary that never change once they are set.
#[derive(Deserialize)]
struct Constants<'a> {
    #[serde(borrow)]
    order_id: &'a RawValue,
    #[serde(borrow)]
    customer: &'a RawValue,
    currency: &'a str,
    #[serde(borrow)]
    created_at: &'a RawValue,
    #[serde(borrow)]
    placed_at: &'a RawValue,
}

/// An order as lists show it.
// Its members stand in the order in which the projection writes them.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "order_id": "0198c1c2-7b1e-7d4a-9a55-0d6c2b3f4e5a", "status": "placed", "payment_status": "unpaid",
    "fulfillment_status": "unfulfilled", "version": 1, "customer": {"id": "c-1", "name": "Ada"}, "currency": "USD",
    "total": "10.00", "paid": "0.00", "refunded": "0.00", "balance_due": "10.00", "line_count": 1, "units": 2,
    "created_at": "2026-03-03T00:00:00.000000Z", "placed_at": "2026-03-03T00:00:00.000000Z",
    "updated_at": "2026-03-03T00:00:00.000000Z"}))]
pub(super) struct OrderSummary<'a> {
    #[schema(value_type = Uuid)]
    order_id: &'a RawValue,
    #[schema(value_type = String, pattern = "^(draft|placed|confirmed|completed|cancelled|discarded)$")]
    status: Status,
    #[schema(value_type = String, pattern = "^(unpaid|partially_paid|paid|overpaid|partially_refunded|refunded)$")]
    payment_status: PaymentStatus,
    #[schema(value_type = String, pattern = "^(unfulfilled|partially_shipped|shipped|partially_delivered|delivered)$")]
    fulfillment_status: FulfillmentStatus,
    version: u64,
    #[schema(value_type = SummaryCustomer)]
    customer: &'a RawValue,
    currency: &'a str,
    #[schema(value_type = String)]
    total: Amount<'a>,
    #[schema(value_type = String)]
    paid: Amount<'a>,
    #[schema(value_type = String)]
    refunded: Amount<'a>,
    #[schema(value_type = String)]
    balance_due: Amount<'a>,
    #[schema(value_type = u32)]
    line_count: i64,
    #[schema(value_type = u64)]
    units: i64,
    #[schema(value_type = DateTime<Utc>)]
    created_at: &'a RawValue,
    #[schema(value_type = Option<DateTime<Utc>>)]
    placed_at: Option<&'a RawValue>,
    #[schema(value_type = DateTime<Utc>)]
    updated_at: Moment,
    /// When the customer's personal data were erased; only then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = DateTime<Utc>, required = false)]
    erased_at: Option<Moment>,
}

/// Who ordered, in lists.
// The projection writes it; here it goes through as it is.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // for the document only
struct SummaryCustomer {
    id: String,
    name: Option<String>,
}

/// A page of a list at a past moment. An order that was not placed then and did not hold the product in the filter keeps
/// its place with an empty summary.
pub(super) async fn then(
    model: &ReadModel,
    filter: &OrderFilter,
    page: &OrderPage,
    at: i64,
) -> Result<Seen<Vec<ListedOrder>>, Problem> {
    let seen = model.list_orders_as_of(filter, page, at).await.map_err(problems::of_read_model)?;
    let mut found = Vec::with_capacity(seen.found.len());
    for order in seen.found {
        let shown = match &filter.product_id {
            Some(product_id) if !was_placed(&order) => held(model, &order, product_id).await?,
            _ => true,
        };
        let summary = if shown { summary(&order)? } else { String::new() };
        let OrderThen { order_id, sort_key, .. } = order;
        // Its summary says already whether it was erased.
        found.push(ListedOrder { order_id, sort_key, summary, erased_at: None });
    }
    Ok(Seen { position: seen.position, found })
}

fn was_placed(order: &OrderThen) -> bool {
    order.status != Status::Draft.code() && order.status != Status::Discarded.code()
}

/// Whether a draft held a product then; only its events show that. Every change of its lines is a version of the list's.
async fn held(model: &ReadModel, order: &OrderThen, product_id: &str) -> Result<bool, Problem> {
    let mut replay = Replay::<OrderAggregate>::default();
    replay.advance(model, order.order_id, order.version).await?;
    let lines = replay.state().as_ref().map(|order| order.lines.as_slice()).unwrap_or_default();
    Ok(lines.iter().any(|line| line.product_id.as_str() == product_id))
}

fn summary(order: &OrderThen) -> Result<String, Problem> {
    written(order).ok_or_else(|| {
        tracing::error!(order.id = %order.order_id, "a stored summary cannot be read");
        Problem::new(ProblemCode::INTERNAL)
    })
}

fn written(order: &OrderThen) -> Option<String> {
    let constants: Constants<'_> = serde_json::from_str(&order.summary).ok()?;
    let status = Status::from_code(order.status)?;
    let currency = Currency::from_code(constants.currency)?;
    let money = |minor: i64| Money::from_minor(minor, currency);
    let due = balance_due(status, money(order.total), money(order.paid), money(order.refunded));
    let amount = |minor: i64| Amount::new(minor, constants.currency);
    let summary = OrderSummary {
        order_id: constants.order_id,
        status,
        payment_status: PaymentStatus::from_code(order.payment_status)?,
        fulfillment_status: FulfillmentStatus::from_code(order.fulfillment_status)?,
        version: order.version,
        customer: constants.customer,
        currency: constants.currency,
        total: amount(order.total),
        paid: amount(order.paid),
        refunded: amount(order.refunded),
        balance_due: amount(due.minor()),
        line_count: order.line_count,
        units: order.units,
        created_at: constants.created_at,
        placed_at: was_placed(order).then_some(constants.placed_at),
        updated_at: Moment(order.updated_at),
        erased_at: order.erased_at.map(Moment),
    };
    serde_json::to_string(&summary).ok()
}
