//! Customers, products, reports, projections.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

/// An amount in a currency.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"currency": "USD", "amount": "10.00"}))]
pub struct MoneyAmount {
    pub currency: String,
    pub amount: String,
}

/// What a customer has ordered. Cancelled orders are counted apart.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "customer_id": "c-1", "name": "Ada", "orders": 3, "cancelled_orders": 1,
    "lifetime": [{"currency": "USD", "amount": "30.00"}], "first_order_at": "2026-03-01T00:00:00.000000Z",
    "last_order_at": "2026-03-03T00:00:00.000000Z"}))]
pub struct CustomerSummary {
    pub customer_id: String,
    /// As the order placed last (by `occurred_at`) among those that give a name says it; null while none has.
    pub name: Option<String>,
    pub orders: u64,
    pub cancelled_orders: u64,
    pub lifetime: Vec<MoneyAmount>,
    pub first_order_at: DateTime<Utc>,
    pub last_order_at: DateTime<Utc>,
}

/// A page of best sellers.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Products {
    pub data: Vec<ProductSummary>,
    /// Null on the last page.
    pub next_cursor: Option<String>,
}

/// What has sold of a product, cancelled orders left out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "product_id": "tea-1", "name": "Tea", "orders": 3, "units": 6,
    "revenue": [{"currency": "USD", "amount": "30.00"}]}))]
pub struct ProductSummary {
    pub product_id: String,
    /// As the order placed last (by `occurred_at`) says it, on its last line for the product.
    pub name: String,
    pub orders: u64,
    pub units: u64,
    pub revenue: Vec<MoneyAmount>,
}

/// Sales by period.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SalesReport {
    pub data: Vec<SalesPeriod>,
}

/// A period's sales in a currency.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "period": "2026-03-03", "currency": "USD", "orders": 3, "units": 6, "revenue": "30.00", "cancelled_orders": 1,
    "cancelled_revenue": "10.00"}))]
pub struct SalesPeriod {
    /// A UTC day or month.
    pub period: String,
    pub currency: String,
    pub orders: i64,
    pub units: i64,
    pub revenue: String,
    pub cancelled_orders: i64,
    pub cancelled_revenue: String,
}

/// How many orders are in each status.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusCounts {
    pub as_of: DateTime<Utc>,
    pub counts: StatusCount,
    /// Over placed, confirmed and completed orders.
    pub payment_counts: PaymentCounts,
    /// Over placed, confirmed and completed orders.
    pub fulfillment_counts: FulfillmentCounts,
}

/// Orders by status.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusCount {
    pub draft: i64,
    pub placed: i64,
    pub confirmed: i64,
    pub completed: i64,
    pub cancelled: i64,
    pub discarded: i64,
}

/// Orders by payment status.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentCounts {
    pub unpaid: i64,
    pub partially_paid: i64,
    pub paid: i64,
    pub overpaid: i64,
    pub partially_refunded: i64,
    pub refunded: i64,
}

/// Orders by fulfilment status.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FulfillmentCounts {
    pub unfulfilled: i64,
    pub partially_shipped: i64,
    pub shipped: i64,
    pub partially_delivered: i64,
    pub delivered: i64,
}

/// How far a projection has come.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "orders", "state": "live", "position": 1042, "head": 1042, "lag_events": 0, "lag_ms": 0,
    "parked_streams": 0, "rebuild": null}))]
pub struct ProjectionStatus {
    pub name: String,
    #[schema(pattern = "^(live|rebuilding|stopped)$")]
    pub state: String,
    pub position: u64,
    pub head: u64,
    pub lag_events: u64,
    pub lag_ms: i64,
    pub parked_streams: u64,
    pub rebuild: Option<Rebuild>,
}

/// How far a rebuild has come.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "position": 500, "target": 1042, "percent": 47.98, "events_per_second": 100_000.0, "eta_s": 1}))]
pub struct Rebuild {
    pub position: u64,
    pub target: u64,
    pub percent: f64,
    pub events_per_second: f64,
    /// Null while the speed is not known.
    pub eta_s: Option<u64>,
}
