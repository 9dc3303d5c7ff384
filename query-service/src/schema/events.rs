//! Events, patches.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// A page of an order's history.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct History {
    pub data: Vec<Event>,
    /// Null on the last page.
    pub next_cursor: Option<String>,
}

/// An event of an order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "version": 2, "position": 1043, "event_id": "0198c1c2-7b1e-7d4a-9a55-0d6c2b3f4e5b", "type": "OrderConfirmed",
    "occurred_at": "2026-03-03T00:00:00.000000Z", "recorded_at": "2026-03-03T00:00:00.000000Z", "actor": null,
    "correlation_id": "0198c1c2-7b1e-7d4a-9a55-0d6c2b3f4e5c", "data": {}}))]
pub struct Event {
    pub version: u64,
    pub position: u64,
    pub event_id: Uuid,
    #[serde(rename = "type")]
    pub event_type: String,
    pub occurred_at: DateTime<Utc>,
    pub recorded_at: DateTime<Utc>,
    pub actor: Option<String>,
    pub correlation_id: Option<String>,
    /// As it was stored.
    #[schema(value_type = Object)]
    pub data: Value,
}

/// A page of the feed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Events {
    pub data: Vec<CloudEvent>,
    /// What to ask for next with `after`; never above `head`.
    pub next_after: u64,
    /// The position of the last event that the view has; lower than the `after` that was asked for where that is no
    /// position of this log, or not yet.
    pub head: u64,
}

/// An event as CloudEvents 1.0 has it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "specversion": "1.0", "id": "0198c1c2-7b1e-7d4a-9a55-0d6c2b3f4e5b", "source": "/orderlog",
    "type": "OrderConfirmed", "subject": "order/0198c1c2-7b1e-7d4a-9a55-0d6c2b3f4e5a",
    "time": "2026-03-03T00:00:00.000000Z", "datacontenttype": "application/json", "sequence": "1043",
    "streamversion": 2, "dataschemaversion": 1, "recordedtime": "2026-03-03T00:00:00.000000Z",
    "correlationid": "0198c1c2-7b1e-7d4a-9a55-0d6c2b3f4e5c", "data": {}}))]
pub struct CloudEvent {
    pub specversion: String,
    pub id: Uuid,
    pub source: String,
    #[serde(rename = "type")]
    pub event_type: String,
    pub subject: String,
    /// The business case that the event's stream belongs to, where that is not the stream itself: such as an order's id.
    #[schema(required = false)]
    pub partitionkey: Option<Uuid>,
    pub time: DateTime<Utc>,
    pub datacontenttype: String,
    /// The position.
    pub sequence: String,
    pub streamversion: u64,
    pub dataschemaversion: u16,
    pub recordedtime: DateTime<Utc>,
    #[schema(required = false)]
    pub correlationid: Option<String>,
    #[schema(required = false)]
    pub causationid: Option<String>,
    #[schema(required = false)]
    pub traceparent: Option<String>,
    #[schema(value_type = Object)]
    pub data: Value,
}

/// One step of a JSON Patch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"op": "replace", "path": "/status", "value": "confirmed"}))]
pub struct PatchOperation {
    #[schema(pattern = "^(add|remove|replace|move|copy|test)$")]
    pub op: String,
    pub path: String,
    #[schema(required = false)]
    pub from: Option<String>,
    /// Any JSON.
    #[schema(required = false)]
    pub value: Option<Value>,
}
