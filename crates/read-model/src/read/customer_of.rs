//! Whose order it is: all that must be known before a customer may see it.

use super::Seen;
use crate::db::{ReadModel, ReadModelError, Sql, loaded};
use uuid::Uuid;

const CUSTOMER: &str = "SELECT COALESCE((SELECT position FROM projections WHERE name = 'orders'), 0), \
     (SELECT customer_id FROM orders WHERE order_id = $1)";

impl ReadModel {
    /// The customer of an order.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn customer_of(
        &self,
        order_id: Uuid,
    ) -> Result<Seen<Option<String>>, ReadModelError> {
        let row: Option<(i64, Option<String>)> =
            self.first(Sql::new(CUSTOMER).bind(order_id)).await?;
        let (applied, found) = row.unwrap_or_default();
        Ok(Seen { position: loaded(applied)?, found })
    }
}
