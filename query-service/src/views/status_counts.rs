//! `GET /v1/reports/status-counts`: how many orders are, or were, in each status.

use crate::app::App;
use crate::consistency::Consistency;
use crate::params::{ViewHeaders, as_of};
use crate::problems::ReadProblems;
use crate::wire::{Moment, json};
use crate::{reply, schema};
use axum::extract::State;
use axum::response::Response;
use domain::order::{FulfillmentStatus, PaymentStatus, Status};
use read_model::read::positions::Projection;
use read_model::read::reports::{Dimension, StatusCount};
use serde::{Deserialize, Serialize, Serializer};
use server::{Problem, StrictQuery};
use utoipa::IntoParams;

/// When the statuses are counted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StatusCountsQuery {
    /// As they stood at this time; now if not given.
    #[param(format = DateTime, example = "2026-03-03T00:00:00Z")]
    as_of: Option<String>,
}

/// Every name with its count, zeros too.
struct Counts<const N: usize>([(&'static str, i64); N]);

impl<const N: usize> Counts<N> {
    fn of(dimension: Dimension, names: [(&'static str, i16); N], counts: &[StatusCount]) -> Self {
        Self(names.map(|(name, code)| {
            let found = counts.iter().find(|c| c.dimension == dimension && c.code == code);
            (name, found.map_or(0, |count| count.count))
        }))
    }
}

impl<const N: usize> Serialize for Counts<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0)
    }
}

#[derive(Serialize)]
struct Report {
    as_of: Moment,
    counts: Counts<{ Status::ALL.len() }>,
    payment_counts: Counts<{ PaymentStatus::ALL.len() }>,
    fulfillment_counts: Counts<{ FulfillmentStatus::ALL.len() }>,
}

/// Orders by status.
///
/// Payment and fulfilment are counted over placed, confirmed and completed orders.
#[utoipa::path(get, path = "/v1/reports/status-counts", tag = "views",
    params(StatusCountsQuery, ViewHeaders),
    responses((status = 200, description = "the counts", body = schema::StatusCounts, headers(
        ("Consistency-Token" = u64, description = "the position that the view has applied"))), ReadProblems))]
pub async fn status_counts(
    State(app): State<App>,
    StrictQuery(query): StrictQuery<StatusCountsQuery>,
    consistency: Consistency,
) -> Result<Response, Problem> {
    let now = server::clock::now();
    let as_of = as_of("as_of", query.as_of.as_deref(), now)?;
    let model = app.model_at(consistency, &[Projection::ORDERS]).await?;
    let seen = consistency.seen(model.status_counts(as_of).await)?;
    let counts = &seen.found;
    let report = Report {
        as_of: Moment(as_of.unwrap_or(now.timestamp_micros())),
        counts: Counts::of(Dimension::Status, Status::ALL.map(|s| (s.as_str(), s.code())), counts),
        payment_counts: Counts::of(
            Dimension::Payment,
            PaymentStatus::ALL.map(|s| (s.as_str(), s.code())),
            counts,
        ),
        fulfillment_counts: Counts::of(
            Dimension::Fulfillment,
            FulfillmentStatus::ALL.map(|s| (s.as_str(), s.code())),
            counts,
        ),
    };
    Ok(reply::json(seen.position, json(&report)))
}
