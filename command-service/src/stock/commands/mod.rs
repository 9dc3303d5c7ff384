//! The stock commands: the documented bodies, their readers, their routes.

pub mod movements;
pub mod reserve;
pub mod settle;

use super::StockCommands;
use super::policy::StockPolicy;
use axum::Extension;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The most units of a line or a movement.
const MAX_QUANTITY: u32 = 1_000_000;

/// All stock commands, under this policy.
pub fn routes(policy: StockPolicy) -> OpenApiRouter<StockCommands> {
    OpenApiRouter::default()
        .routes(routes!(movements::receive))
        .routes(routes!(movements::adjust))
        .routes(routes!(movements::take_return))
        .routes(routes!(reserve::reserve))
        .routes(routes!(settle::firm))
        .routes(routes!(settle::release))
        .routes(routes!(settle::commit))
        .layer(Extension(Arc::new(policy)))
}
