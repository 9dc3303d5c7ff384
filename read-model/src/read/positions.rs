//! How far each projection has come, and the key that signs cursors.

use crate::db::{ReadModel, ReadModelError, Sql, loaded};

/// A projection that views read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the names of the catalog
pub enum Projection {
    Orders,
    History,
    Customers,
    Products,
    Sales,
}

impl Projection {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Orders, Self::History, Self::Customers, Self::Products, Self::Sales];

    /// The name in the catalog.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::History => "history",
            Self::Customers => "customers",
            Self::Products => "products",
            Self::Sales => "sales",
        }
    }
}

/// How far each projection has come; 0 for one that the catalog does not know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Applied([u64; Projection::ALL.len()]);

impl Applied {
    /// The same position for all of them.
    pub const fn all_at(position: u64) -> Self {
        Self([position; Projection::ALL.len()])
    }

    /// Where one of them is.
    pub const fn of(self, projection: Projection) -> u64 {
        self.0[projection as usize]
    }

    /// The position that all of these have applied.
    pub fn least(self, projections: &[Projection]) -> u64 {
        projections.iter().map(|projection| self.of(*projection)).min().unwrap_or(0)
    }

    /// The same, with one of them elsewhere.
    #[must_use]
    pub const fn with(mut self, projection: Projection, position: u64) -> Self {
        self.0[projection as usize] = position;
        self
    }
}

impl ReadModel {
    /// How far each projection has come.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn applied(&self) -> Result<Applied, ReadModelError> {
        let rows: Vec<(String, i64)> =
            self.rows(Sql::new("SELECT name, position FROM projections")).await?;
        let mut applied = Applied::default();
        for (name, position) in rows {
            if let Some(known) = Projection::ALL.into_iter().find(|known| known.name() == name) {
                applied = applied.with(known, loaded(position)?);
            }
        }
        Ok(applied)
    }

    /// The key that signs cursors; made when the read model was created.
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
