//! Query parameters, parsed once, here, into typed filters.
//!
//! A parameter that cannot be read is 400. The answer names the parameter, never its value.

mod headers;
mod lists;
mod order_id;
mod orders;
mod time;

pub use headers::ViewHeaders;
pub(crate) use lists::{codes, limit, names};
pub use order_id::OrderId;
pub use orders::{CustomerOrdersQuery, ListRequest, OrdersQuery, OrdersSort};
pub(crate) use time::{as_of, date_or_time, day};

use domain::{Currency, Reference};
use server::{Problem, ProblemCode};

/// 400 `invalid-parameter`: what the parameter must be.
pub(crate) fn invalid(parameter: &str, must: &str) -> Problem {
    Problem::new(ProblemCode::INVALID_PARAMETER)
        .detail(format!("The parameter {parameter} must be {must}."))
        .with("parameter", parameter)
}

/// The id of a customer or product, as the caller chose it.
pub(crate) fn reference(parameter: &str, text: Option<String>) -> Result<Option<String>, Problem> {
    let Some(text) = text else { return Ok(None) };
    match Reference::parse(text) {
        Ok(reference) => Ok(Some(reference.into())),
        Err(_) => Err(invalid(parameter, "1 to 64 of A-Z a-z 0-9 . _ : -")),
    }
}

/// A currency's code.
pub(crate) fn currency(text: Option<String>) -> Result<Option<String>, Problem> {
    let Some(text) = text else { return Ok(None) };
    match Currency::from_code(&text) {
        Some(currency) => Ok(Some(currency.code().to_owned())),
        None => Err(invalid("currency", "an ISO 4217 code in capitals, such as EUR")),
    }
}
