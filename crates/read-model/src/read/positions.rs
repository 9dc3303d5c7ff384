//! The position of each projection, and the key that signs cursors.

use crate::db::{ReadModel, ReadModelError, Sql, loaded};

/// A projection that views read from, by its name in the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Projection(&'static str);

impl Projection {
    /// The orders, their lists and counts.
    pub const ORDERS: Self = Self::named("orders");
    /// Every event.
    pub const HISTORY: Self = Self::named("history");
    /// What each customer has ordered.
    pub const CUSTOMERS: Self = Self::named("customers");
    /// What was sold.
    pub const PRODUCTS: Self = Self::named("products");
    /// Orders, units and revenue by day.
    pub const SALES: Self = Self::named("sales");
    /// The units of each product in each warehouse.
    pub const STOCK: Self = Self::named("stock");
    /// What each reservation holds.
    pub const RESERVATIONS: Self = Self::named("reservations");

    /// The Merkle tree over all events.
    pub const PROOFS: Self = Self::named("proofs");

    /// The projection of this name.
    pub const fn named(name: &'static str) -> Self {
        Self(name)
    }

    /// The name in the catalog.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// The position of each projection in the catalog.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied(Vec<(String, u64)>);

impl Applied {
    /// The position of one projection; 0 if the catalog does not list it.
    pub fn of(&self, projection: Projection) -> u64 {
        let found = self.0.iter().find(|(name, _)| name == projection.0);
        found.map_or(0, |(_, position)| *position)
    }

    /// The position that all of these have applied.
    pub fn least(&self, projections: &[Projection]) -> u64 {
        projections.iter().map(|projection| self.of(*projection)).min().unwrap_or(0)
    }

    /// The position that every projection in the catalog has applied; 0 if there is none.
    pub fn least_of_all(&self) -> u64 {
        self.0.iter().map(|(_, position)| *position).min().unwrap_or(0)
    }
}

impl FromIterator<(String, u64)> for Applied {
    fn from_iter<I: IntoIterator<Item = (String, u64)>>(positions: I) -> Self {
        Self(positions.into_iter().collect())
    }
}

impl ReadModel {
    /// Reads the position of each projection.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn applied(&self) -> Result<Applied, ReadModelError> {
        let sql = Sql::new("SELECT name, position FROM projections ORDER BY name");
        let rows: Vec<(String, i64)> = self.rows(sql).await?;
        rows.into_iter().map(|(name, position)| Ok((name, loaded(position)?))).collect()
    }

    /// The key that signs cursors; the read model creates it with its tables.
    ///
    /// # Errors
    /// When it is missing or the storage refuses.
    pub async fn cursor_key(&self) -> Result<Vec<u8>, ReadModelError> {
        let key: Option<(Vec<u8>,)> =
            self.first(Sql::new("SELECT value FROM secrets WHERE name = 'cursor'")).await?;
        key.map(|(key,)| key)
            .ok_or_else(|| ReadModelError::Corrupt("the key that signs cursors is missing".into()))
    }
}
