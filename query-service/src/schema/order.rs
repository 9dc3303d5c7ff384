//! Orders, composed and in lists.

use super::{CustomerSummary, Event, ProductSummary};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A composed order. Amounts are decimal strings in the order's currency; facts that are not there are null.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "order_id": "0198c1c2-7b1e-7d4a-9a55-0d6c2b3f4e5a", "status": "placed", "payment_status": "unpaid",
    "fulfillment_status": "unfulfilled", "version": 1, "position": 1042,
    "customer": {"id": "c-1", "name": "Ada", "email": null}, "currency": "USD",
    "lines": [{"line_id": 1, "product_id": "tea-1", "name": "Tea", "quantity": 2, "unit_price": "5.00",
        "line_total": "10.00", "shipped": 0, "delivered": 0}],
    "total": "10.00", "paid": "0.00", "refunded": "0.00", "balance_due": "10.00", "payments": [], "refunds": [],
    "shipments": [], "notes": [], "cancel_reason": null, "created_at": "2026-03-03T00:00:00.000000Z",
    "placed_at": "2026-03-03T00:00:00.000000Z", "confirmed_at": null, "completed_at": null, "cancelled_at": null,
    "updated_at": "2026-03-03T00:00:00.000000Z",
    "allowed_commands": ["confirm", "record-payment", "cancel", "add-note"]}))]
pub struct Order {
    pub order_id: Uuid,
    #[schema(pattern = "^(draft|placed|confirmed|completed|cancelled|discarded)$")]
    pub status: String,
    #[schema(pattern = "^(unpaid|partially_paid|paid|overpaid|partially_refunded|refunded)$")]
    pub payment_status: String,
    #[schema(pattern = "^(unfulfilled|partially_shipped|shipped|partially_delivered|delivered)$")]
    pub fulfillment_status: String,
    pub version: u64,
    pub position: u64,
    pub customer: OrderCustomer,
    pub currency: String,
    pub lines: Vec<OrderLine>,
    pub total: String,
    pub paid: String,
    pub refunded: String,
    pub balance_due: String,
    pub payments: Vec<OrderPayment>,
    pub refunds: Vec<OrderRefund>,
    pub shipments: Vec<OrderShipment>,
    pub notes: Vec<OrderNote>,
    pub cancel_reason: Option<String>,
    pub created_at: DateTime<Utc>,
    pub placed_at: Option<DateTime<Utc>>,
    pub confirmed_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
    pub cancelled_at: Option<DateTime<Utc>>,
    pub updated_at: DateTime<Utc>,
    pub allowed_commands: Vec<String>,
    /// Only with `include`.
    #[schema(required = false)]
    pub included: Option<Included>,
}

/// What `include` composes in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Included {
    /// Null for a customer who has placed nothing.
    #[schema(required = false)]
    pub customer: Option<CustomerSummary>,
    #[schema(required = false)]
    pub products: Option<Vec<ProductSummary>>,
    /// Oldest first, as in the history.
    #[schema(required = false)]
    pub timeline: Option<Vec<Event>>,
    /// Only if the timeline goes on: the history's cursor for the rest.
    #[schema(required = false)]
    pub timeline_cursor: Option<String>,
}

/// Who ordered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderCustomer {
    pub id: String,
    pub name: Option<String>,
    pub email: Option<String>,
}

/// A line of an order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderLine {
    pub line_id: u32,
    pub product_id: String,
    pub name: String,
    pub quantity: u32,
    pub unit_price: String,
    pub line_total: String,
    pub shipped: u32,
    pub delivered: u32,
}

/// Money that came in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderPayment {
    pub payment_id: String,
    pub amount: String,
    pub method: Option<String>,
    pub occurred_at: DateTime<Utc>,
}

/// Money that went back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderRefund {
    pub refund_id: String,
    pub amount: String,
    pub reason: Option<String>,
    pub occurred_at: DateTime<Utc>,
}

/// A parcel.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderShipment {
    pub shipment_id: String,
    pub carrier: Option<String>,
    pub tracking_number: Option<String>,
    pub lines: Vec<ShippedLine>,
    pub shipped_at: DateTime<Utc>,
    pub delivered_at: Option<DateTime<Utc>>,
}

/// Units of a line in a parcel.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShippedLine {
    pub line_id: u32,
    pub quantity: u32,
}

/// A note.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderNote {
    pub text: String,
    pub occurred_at: DateTime<Utc>,
}

/// A page of orders.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Orders {
    pub data: Vec<OrderSummary>,
    /// Null on the last page.
    pub next_cursor: Option<String>,
}

/// An order as lists show it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "order_id": "0198c1c2-7b1e-7d4a-9a55-0d6c2b3f4e5a", "status": "placed", "payment_status": "unpaid",
    "fulfillment_status": "unfulfilled", "version": 1, "customer": {"id": "c-1", "name": "Ada"}, "currency": "USD",
    "total": "10.00", "paid": "0.00", "refunded": "0.00", "balance_due": "10.00", "line_count": 1, "units": 2,
    "created_at": "2026-03-03T00:00:00.000000Z", "placed_at": "2026-03-03T00:00:00.000000Z",
    "updated_at": "2026-03-03T00:00:00.000000Z"}))]
pub struct OrderSummary {
    pub order_id: Uuid,
    #[schema(pattern = "^(draft|placed|confirmed|completed|cancelled|discarded)$")]
    pub status: String,
    #[schema(pattern = "^(unpaid|partially_paid|paid|overpaid|partially_refunded|refunded)$")]
    pub payment_status: String,
    #[schema(pattern = "^(unfulfilled|partially_shipped|shipped|partially_delivered|delivered)$")]
    pub fulfillment_status: String,
    pub version: u64,
    pub customer: SummaryCustomer,
    pub currency: String,
    pub total: String,
    pub paid: String,
    pub refunded: String,
    pub balance_due: String,
    pub line_count: u32,
    pub units: u64,
    pub created_at: DateTime<Utc>,
    pub placed_at: Option<DateTime<Utc>>,
    pub updated_at: DateTime<Utc>,
}

/// Who ordered, in lists.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SummaryCustomer {
    pub id: String,
    pub name: Option<String>,
}
