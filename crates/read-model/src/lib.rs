//! The read tables: one handle, two users. The projector writes through [`write`], the query service reads through
//! [`read`]. Neither sees the other's verbs, and nothing here knows the event log.
//!
//! Both are built on `db`, which has the handle, statements and transactions, and knows neither. `open` makes the
//! handle.

mod db;
mod open;
pub mod read;
mod schema;
pub mod write;

pub use db::{Access, PostgresReadModel, ReadModel, ReadModelError, SqliteReadModel};
pub use schema::Schema;

/// Statements for the projections and views of other crates, which bring SQL of their own.
pub mod sql {
    pub use crate::db::{Binds, BulkStatement, EitherRow, Row, Sql, Value};
}
