//! One composed order: the hot path. One statement, its text served as it was stored.

use super::{Seen, loaded};
use crate::sql::Sql;
use crate::{ReadModel, ReadModelError};
use uuid::Uuid;

/// A composed order as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderText {
    /// Its version.
    pub version: u64,
    /// JSON, with an empty list of notes.
    pub document: String,
    /// Its notes as JSON, oldest first, parted by commas; `None` when there are none.
    pub notes: Option<String>,
}

const ONE: &str = "SELECT COALESCE((SELECT position FROM projections WHERE name = 'orders'), 0) AS applied, \
     o.version, o.document, \
     (SELECT string_agg(n.note, ',' ORDER BY n.version) FROM order_notes n WHERE n.order_id = o.order_id) AS notes \
     FROM (SELECT 1 AS one) AS one LEFT JOIN orders o ON o.order_id = $1";

/// Applied, version, document, notes.
type OrderTextRow = (i64, Option<i64>, Option<String>, Option<String>);

impl ReadModel {
    /// An order as it stands.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn order(&self, order_id: Uuid) -> Result<Seen<Option<OrderText>>, ReadModelError> {
        let row: Option<OrderTextRow> = self.first(Sql::new(ONE).bind(order_id)).await?;
        let Some((applied, version, document, notes)) = row else {
            return Ok(Seen { position: 0, found: None });
        };
        let found = match (version, document) {
            (Some(version), Some(document)) => {
                Some(OrderText { version: loaded(version)?, document, notes })
            }
            _ => None,
        };
        Ok(Seen { position: loaded(applied)?, found })
    }
}
