//! The bottom of this crate: one handle over both backends, statements, transactions. Reads and writes are built on it,
//! and it knows neither.
//!
//! From the bottom up: errors, numbers, names of tables; [`Sql`] with its values; bulk statements and the cache of
//! their texts; the handle, which reads; transactions, which write.

mod bulk;
mod error;
mod from_row;
mod handle;
mod keys;
pub(crate) mod log_hashes;
mod number;
pub(crate) mod postgres_transaction;
mod refusal;
mod sql;
mod statement_cache;
pub(crate) mod sum;
mod tables;
mod tx;

pub use bulk::{Binds, BulkStatement, Row};
pub use error::ReadModelError;
pub(crate) use from_row::from_row;
pub(crate) use handle::writer;
pub use handle::{Access, PostgresReadModel, ReadModel, SqliteReadModel};
pub(crate) use keys::{MAX_KEYS, padded};
pub(crate) use number::{loaded, stored};
pub use sql::{EitherRow, Sql, Value};
pub(crate) use statement_cache::StatementCache;
pub use tables::Tables;
pub(crate) use tx::FILLERS;
pub use tx::{PostgresTx, SqliteTx, WriteTx};
