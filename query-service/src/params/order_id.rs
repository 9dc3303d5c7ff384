//! The order in the path, as the caller sees it.

use crate::app::App;
use crate::consistency::Consistency;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use identity::{Identity, Scope};
use read_model::read::positions::Projection;
use server::{PathUuid, Problem};
use uuid::Uuid;

/// The order in the path. An order that the caller does not see is replaced by one that does not exist: so whatever a
/// view answers, it answers the same for another customer's order as for none.
#[derive(Debug, Clone, Copy)]
pub struct OrderId(pub Uuid);

impl FromRequestParts<App> for OrderId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let PathUuid(order_id) = PathUuid::from_request_parts(parts, app).await?;
        let scope = Identity::of(&parts.extensions).scope();
        if scope == Scope::All {
            return Ok(Self(order_id));
        }
        let consistency = Consistency::from_request_parts(parts, app).await?;
        let model = app.model_at(consistency, &[Projection::ORDERS]).await?;
        let seen = consistency.seen(model.customer_of(order_id).await)?;
        let is_seen = seen.found.is_some_and(|customer| scope.sees(&customer));
        Ok(Self(if is_seen { order_id } else { Uuid::new_v4() }))
    }
}
