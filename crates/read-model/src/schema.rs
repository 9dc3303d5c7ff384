//! The schema of the read tables: the migrations of this crate, and those of other crates' projections.

use sqlx::migrate::Migrator;
use std::borrow::Cow;

/// Migrations for either backend.
#[derive(Debug)]
pub struct Schema {
    sqlite: Migrator,
    postgres: Migrator,
}

impl Schema {
    /// The tables of this crate's projections.
    pub fn standard() -> Self {
        Self {
            sqlite: migrations::read_model_on_sqlite(),
            postgres: migrations::read_model_on_postgres(),
        }
    }

    /// The same schema with the tables of other projections. Their migrations are numbered from 1000.
    ///
    /// # Panics
    /// When two migrations have the same number.
    #[must_use]
    pub fn with(self, sqlite: &Migrator, postgres: &Migrator) -> Self {
        Self { sqlite: both(&self.sqlite, sqlite), postgres: both(&self.postgres, postgres) }
    }

    pub(crate) fn sqlite(&self) -> &Migrator {
        &self.sqlite
    }

    pub(crate) fn postgres(&self) -> &Migrator {
        &self.postgres
    }
}

impl Default for Schema {
    fn default() -> Self {
        Self::standard()
    }
}

fn both(first: &Migrator, second: &Migrator) -> Migrator {
    let mut migrations: Vec<_> = first.iter().chain(second.iter()).cloned().collect();
    migrations.sort_by_key(|migration| migration.version);
    let repeated = migrations.windows(2).find(|two| two[0].version == two[1].version);
    assert!(repeated.is_none(), "two migrations have the same number: {repeated:?}");
    Migrator { migrations: Cow::Owned(migrations), ..Migrator::DEFAULT }
}

/// The version of a schema with all of these migrations.
pub(crate) fn version(migrations: &Migrator) -> i64 {
    migrations.iter().map(|migration| migration.version).max().unwrap_or(0)
}
