//! A transaction on PostgreSQL, with as few round trips as possible.
//!
//! Bulk writes return nothing, so they wait until the next query or the end. Then those of different tables travel
//! together, as one statement. (Within one statement, no part sees what another writes; so two writes to one table go
//! one after the other.)

use crate::db::bulk::{Binds, BulkStatement, Row, UNNESTED};
use crate::db::error::ReadModelError;
use crate::db::handle::PostgresReadModel;
use crate::db::postgres_transaction as transaction;
use crate::db::sql::{EitherRow, Sql, postgres_rows, postgres_statement};
use crate::db::statement_cache::BulkKey;
use crate::db::tables::Tables;
use sqlx::postgres::PgArguments;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction};
use std::fmt::Write;
use std::sync::Arc;

/// A transaction on PostgreSQL. No other writer of this read model overlaps with it, except one that fills the tables
/// of a rebuild. If it is dropped without a commit, nothing is written.
#[derive(Debug)]
pub struct PostgresTx {
    transaction: Transaction<'static, Postgres>,
    model: Arc<PostgresReadModel>,
    waiting: Vec<Bulk>,
}

/// A bulk write that waits to be sent.
#[derive(Debug)]
struct Bulk {
    statement: &'static BulkStatement,
    tables: Tables,
    binds: Binds,
}

impl PostgresTx {
    pub(super) async fn begin(
        model: &Arc<PostgresReadModel>,
        writer: &sqlx::PgPool,
    ) -> Result<Self, ReadModelError> {
        Ok(Self::new(transaction::begin_write(writer.clone()).await?, model))
    }

    /// A transaction that others may overlap with, for rows that no other writer writes.
    pub(super) async fn begin_fill(
        model: &Arc<PostgresReadModel>,
        fillers: &sqlx::PgPool,
    ) -> Result<Self, ReadModelError> {
        Ok(Self::new(transaction::begin_fill(fillers.clone()).await?, model))
    }

    fn new(transaction: Transaction<'static, Postgres>, model: &Arc<PostgresReadModel>) -> Self {
        Self { transaction, model: Arc::clone(model), waiting: Vec::new() }
    }

    /// Writes the rows before the next query, or at the end.
    pub(super) async fn bulk<R: Row>(
        &mut self,
        statement: &'static BulkStatement,
        tables: Tables,
        rows: Vec<R>,
    ) -> sqlx::Result<()> {
        let mut rows = rows.into_iter();
        while rows.len() > 0 {
            if self.waiting.iter().any(|bulk| bulk.statement.table == statement.table) {
                self.write_waiting().await?;
            }
            let binds = Binds::postgres(rows.by_ref().take(UNNESTED), statement.columns);
            self.waiting.push(Bulk { statement, tables, binds });
        }
        Ok(())
    }

    /// The connection, after everything that waited is written.
    pub(crate) async fn connection(&mut self) -> sqlx::Result<&mut PgConnection> {
        self.write_waiting().await?;
        Ok(&mut self.transaction)
    }

    pub(super) async fn rows<R: EitherRow>(&mut self, sql: Sql) -> sqlx::Result<Vec<R>> {
        postgres_rows(sql).fetch_all(self.connection().await?).await
    }

    /// Executes a statement; returns how many rows it changed.
    pub(super) async fn execute(&mut self, sql: Sql) -> sqlx::Result<u64> {
        let done = postgres_statement(sql).execute(self.connection().await?).await?;
        Ok(done.rows_affected())
    }

    /// Commits, and sends the position to waiting readers as a hint.
    pub(super) async fn commit(mut self, position: u64) -> Result<(), ReadModelError> {
        self.write_waiting().await?;
        transaction::commit(self.transaction).await?;
        self.model.hints.tell(position);
        Ok(())
    }

    /// Writes what waits, makes the database check every rule, and rolls everything back.
    pub(super) async fn try_out(mut self) -> Result<(), ReadModelError> {
        let connection = self.connection().await?;
        sqlx::query("SET CONSTRAINTS ALL IMMEDIATE").execute(connection).await?;
        transaction::roll_back(self.transaction).await
    }

    async fn write_waiting(&mut self) -> sqlx::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let key: BulkKey =
            self.waiting.iter().map(|bulk| (bulk.statement.id, bulk.tables)).collect();
        let text = self.model.statements.arrays(key, || compose(&self.waiting));
        let mut arguments = PgArguments::default();
        for Bulk { binds, .. } in self.waiting.drain(..) {
            binds.into_arrays(&mut arguments);
        }
        let query = sqlx::query_with(AssertSqlSafe(text), arguments);
        query.execute(&mut *self.transaction).await.map(|_| ())
    }
}

/// One statement; all bulk writes but the last are named, although no part reads them. UNNEST stands in the select
/// list, where it passes rows on one by one; in FROM, PostgreSQL would first store each column in full.
fn compose(bulks: &[Bulk]) -> String {
    let (mut sql, mut bound) = (String::new(), 0);
    for (index, Bulk { statement, tables, .. }) in bulks.iter().enumerate() {
        let last = index + 1 == bulks.len();
        if !last {
            let between = if index == 0 { "WITH" } else { "," };
            let _ = write!(sql, "{between} w{index} AS (");
        }
        let columns = (1..=statement.columns).map(|column| format!("UNNEST(${})", bound + column));
        let columns = columns.collect::<Vec<_>>().join(",");
        bound += statement.columns;
        let head = statement.head.replace("{table}", &tables.name(statement.table));
        let _ = write!(sql, "{head} SELECT {columns} {}", statement.tail);
        sql.push_str(if last { "" } else { ") " });
    }
    sql
}
