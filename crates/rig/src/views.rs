//! An empty place for a read model, on each of its backends.

use crate::postgres::{Database, database_or_say};
use tempfile::TempDir;

/// The place of a read model; removed with this value or at the end of the test process.
#[derive(Debug)]
pub enum Views {
    /// A file in a folder of its own.
    Sqlite(TempDir),
    /// A database of its own.
    Postgres(Database),
}

impl Views {
    /// A file that does not exist yet.
    ///
    /// # Panics
    /// When no folder can be made.
    pub fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().expect("a folder can be made"))
    }

    /// An empty database, or `None` after a message that names what is `untested` without one.
    pub async fn postgres(untested: &str) -> Option<Self> {
        database_or_say(untested).await.map(Self::Postgres)
    }

    /// Its URL, with all rights.
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => {
                format!("sqlite://{}", folder.path().join("views.db").display())
            }
            Self::Postgres(database) => database.url(),
        }
    }
}
