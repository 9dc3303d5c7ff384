//! `GET /v1/reports/status-counts`: how many orders are, or were, in each status.

use crate::app::App;
use crate::consistency::Consistency;
use crate::params::{ViewHeaders, as_of};
use crate::problems::ReadProblems;
use crate::reply;
use crate::wire::{Moment, json};
use axum::extract::State;
use axum::response::Response;
use domain::order::{FulfillmentStatus, PaymentStatus, Status};
use read_model::read::positions::Projection;
use read_model::read::reports::{self, Dimension};
use serde::{Deserialize, Serialize};
use server::{Problem, StrictQuery};
use utoipa::{IntoParams, ToSchema};

/// When the statuses are counted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StatusCountsQuery {
    /// As they stood at this time; now if not given.
    #[param(format = DateTime, example = "2026-03-03T00:00:00Z")]
    as_of: Option<String>,
}

/// How many orders are in each status.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StatusCounts {
    #[schema(value_type = DateTime<Utc>)]
    as_of: Moment,
    counts: StatusCount,
    /// Over placed, confirmed and completed orders.
    payment_counts: PaymentCounts,
    /// Over placed, confirmed and completed orders.
    fulfillment_counts: FulfillmentCounts,
}

/// A struct with a member for each status of a dimension, which counts its orders, zeros too.
macro_rules! counts {
    ($(#[$doc:meta])* $name:ident, $dimension:ident, $status:ident { $($member:ident: $variant:ident,)+ }) => {
        $(#[$doc])*
        #[derive(Serialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        struct $name { $($member: i64,)+ }

        impl $name {
            fn of(counts: &[reports::StatusCount]) -> Self {
                let count = |status: $status| {
                    let is_its = |count: &&reports::StatusCount| {
                        count.dimension == Dimension::$dimension && count.code == status.code()
                    };
                    counts.iter().find(is_its).map_or(0, |count| count.count)
                };
                Self { $($member: count($status::$variant),)+ }
            }
        }
    };
}

counts! {
    /// Orders by status.
    StatusCount, Status, Status {
        draft: Draft,
        placed: Placed,
        confirmed: Confirmed,
        completed: Completed,
        cancelled: Cancelled,
        discarded: Discarded,
    }
}

counts! {
    /// Orders by payment status.
    PaymentCounts, Payment, PaymentStatus {
        unpaid: Unpaid,
        partially_paid: PartiallyPaid,
        paid: Paid,
        overpaid: Overpaid,
        partially_refunded: PartiallyRefunded,
        refunded: Refunded,
    }
}

counts! {
    /// Orders by fulfilment status.
    FulfillmentCounts, Fulfillment, FulfillmentStatus {
        unfulfilled: Unfulfilled,
        partially_shipped: PartiallyShipped,
        shipped: Shipped,
        partially_delivered: PartiallyDelivered,
        delivered: Delivered,
    }
}

/// Orders by status.
///
/// Payment and fulfilment are counted over placed, confirmed and completed orders.
#[utoipa::path(get, path = "/v1/reports/status-counts", tag = "views",
    params(StatusCountsQuery, ViewHeaders),
    responses((status = 200, description = "the counts", body = StatusCounts, headers(
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
    let report = StatusCounts {
        as_of: Moment(as_of.unwrap_or(now.timestamp_micros())),
        counts: StatusCount::of(counts),
        payment_counts: PaymentCounts::of(counts),
        fulfillment_counts: FulfillmentCounts::of(counts),
    };
    Ok(reply::json(seen.position, json(&report)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_counted_under_its_name_in_order() {
        fn shown(names: &[&str], counts: impl Iterator<Item = i64>) -> String {
            let members =
                names.iter().zip(counts).map(|(name, count)| format!("\"{name}\":{count}"));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        let count = |dimension, code: i16| reports::StatusCount {
            dimension,
            code,
            count: i64::from(code) + 1,
        };
        let statuses = Status::ALL.map(|status| count(Dimension::Status, status.code()));
        let payments = PaymentStatus::ALL.map(|status| count(Dimension::Payment, status.code()));
        let fulfillments =
            FulfillmentStatus::ALL.map(|status| count(Dimension::Fulfillment, status.code()));
        let all = [&statuses[..], &payments, &fulfillments].concat();
        for (written, names) in [
            (json(&StatusCount::of(&all)), Status::ALL.map(Status::as_str).to_vec()),
            (
                json(&PaymentCounts::of(&all)),
                PaymentStatus::ALL.map(PaymentStatus::as_str).to_vec(),
            ),
            (
                json(&FulfillmentCounts::of(&all)),
                FulfillmentStatus::ALL.map(FulfillmentStatus::as_str).to_vec(),
            ),
        ] {
            assert_eq!(String::from_utf8(written).unwrap(), shown(&names, 1..));
        }
        let none = String::from_utf8(json(&StatusCount::of(&[]))).unwrap();
        assert_eq!(none, shown(&Status::ALL.map(Status::as_str), std::iter::repeat(0)));
    }
}
