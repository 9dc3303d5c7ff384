//! The views: one file each. A handler parses its parameters, waits for its projections, reads the read model once and
//! answers with the rows as JSON.

#![allow(unused_qualifications)] // the documentation macro writes them

pub mod customers;
pub mod diff;
mod document;
mod erased;
pub mod events;
pub mod history;
mod included;
pub mod log;
pub mod order;
pub mod order_proof;
pub mod orders;
mod orders_then;
pub mod past;
pub mod personal_data;
pub mod products;
pub mod projections;
pub mod sales;
pub mod status_counts;
pub mod stock;
pub mod stream;

use crate::app::App;
use crate::problems;
use domain::Aggregate;
use domain::order::OrderAggregate;
use server::Problem;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// All routes of this service.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(order::order))
        .routes(routes!(history::history))
        .routes(routes!(diff::diff))
        .routes(routes!(orders::orders))
        .routes(routes!(customers::customer))
        .routes(routes!(orders::customer_orders))
        .routes(routes!(personal_data::personal_data))
        .routes(routes!(products::product))
        .routes(routes!(products::products))
        .routes(routes!(sales::sales))
        .routes(routes!(status_counts::status_counts))
        .routes(routes!(projections::projections))
        .routes(routes!(events::events))
        .routes(routes!(stream::stream))
        .routes(routes!(log::log_checkpoint))
        .routes(routes!(log::proof))
        .routes(routes!(log::log_consistency))
        .routes(routes!(order_proof::order_proof))
}

/// Type and id of an order's stream.
const fn order_stream(order_id: Uuid) -> (&'static str, Uuid) {
    (OrderAggregate::STREAM_TYPE, order_id)
}

/// 404: there is no such order.
fn order_not_found() -> Problem {
    Problem::new(problems::ORDER_NOT_FOUND)
        .detail("No order has this id, as far as the view knows.")
}
