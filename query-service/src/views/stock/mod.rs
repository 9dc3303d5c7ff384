//! Stock: what each warehouse has of a product, what runs low, and what reservations hold.
//!
//! These views are of the projections `stock` and `reservations`, which not every program keeps. So they are routes of
//! their own, for a program that does.

#![allow(unused_qualifications)] // the documentation macro writes them

mod document;
mod history;
mod list;
mod product;
mod releases;
mod reservation;
mod reservation_document;
mod reservation_history;

use crate::app::App;
use crate::problems;
use domain::stock::RESERVATION;
use identity::Scope;
use server::Problem;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// All views of stock.
///
/// A product whose id is `reservations` shares its path with the reservations. Its history is reached when one letter of
/// the id is percent-encoded: routes are chosen before that is decoded.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(list::stock_list))
        .routes(routes!(product::product_stock))
        .routes(routes!(history::product_stock_history))
        .routes(routes!(reservation::reservation))
        .routes(routes!(reservation_history::reservation_history))
}

/// Type and id of a reservation's stream.
const fn reservation_stream(reservation_id: Uuid) -> (&'static str, Uuid) {
    (RESERVATION, reservation_id)
}

/// 404: there is no stock of the product.
fn stock_not_found() -> Problem {
    Problem::new(problems::STOCK_NOT_FOUND)
        .detail("No warehouse has had this product, as far as the view knows.")
}

/// 404: there is no such reservation.
fn reservation_not_found() -> Problem {
    Problem::new(problems::RESERVATION_NOT_FOUND)
        .detail("No reservation has this id, as far as the view knows.")
}

/// Reservations are for the shop: for a customer there are none.
fn is_for_the_shop(scope: &Scope) -> Result<(), Problem> {
    if *scope == Scope::All { Ok(()) } else { Err(reservation_not_found()) }
}
