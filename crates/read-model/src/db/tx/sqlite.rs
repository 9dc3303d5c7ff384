//! A transaction on SQLite's one writing connection, with as few trips to its thread as possible.
//!
//! Each statement that is executed by itself costs a trip to the connection's thread and back. On busy cores that costs
//! more than the statement. So BEGIN travels with the first statement. Bulk writes return nothing, so they wait until
//! the next query or the end: then a few small ones travel together, and the last with COMMIT.

use crate::db::bulk::{Binds, BulkStatement, Row, chunk};
use crate::db::handle::SqliteReadModel;
use crate::db::sql::{EitherRow, Sql};
use crate::db::tables::Tables;
use futures::TryStreamExt;
use sqlite_file::Lent;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Either, Executor};
use std::sync::Arc;

/// A transaction's first bulk writes travel together up to this number of rows. Their text is made for the exact
/// numbers of rows, and only small numbers recur often enough to stay prepared.
const ROWS_TOGETHER: usize = 16;

const BEGIN: &str = "BEGIN IMMEDIATE; ";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";

/// A transaction on SQLite's one writer connection. If it is dropped without a commit, nothing is written.
#[derive(Debug)]
pub struct SqliteTx {
    connection: Lent,
    model: Arc<SqliteReadModel>,
    begun: bool,
    waiting: Vec<Bulk>,
    /// Rows of all bulk writes so far.
    rows: usize,
}

/// Bulk writes that wait to be sent.
#[derive(Debug)]
struct Bulk {
    text: Text,
    values: SqliteArguments,
}

/// The cached text of one write, or the joined texts of several.
#[derive(Debug)]
enum Text {
    One(Arc<str>),
    Joined(String),
}

impl SqliteTx {
    pub(super) fn new(connection: Lent, model: Arc<SqliteReadModel>) -> Self {
        Self { connection, model, begun: false, waiting: Vec::new(), rows: 0 }
    }

    /// Writes the rows before the next query, or at the end.
    pub(super) fn bulk<R: Row>(&mut self, statement: &BulkStatement, tables: Tables, rows: Vec<R>) {
        let mut rows = rows.into_iter();
        while rows.len() > 0 {
            let chunk = chunk(rows.len());
            let text = self.model.statements.rows(statement, tables, chunk);
            self.rows += chunk;
            let bulk = match self.waiting.pop() {
                // The parameters are bare `?`, which SQLite numbers on from statement to statement.
                Some(Bulk { text: first, values }) if self.rows <= ROWS_TOGETHER => {
                    Bulk { text: first.and(&text), values }
                }
                other => {
                    self.waiting.extend(other);
                    Bulk { text: Text::One(text), values: SqliteArguments::default() }
                }
            };
            let values =
                Binds::sqlite(bulk.values, rows.by_ref().take(chunk), chunk * statement.columns);
            self.waiting.push(Bulk { text: bulk.text, values });
        }
    }

    pub(super) async fn rows<R: EitherRow>(&mut self, sql: Sql) -> sqlx::Result<Vec<R>> {
        self.write_waiting(None).await?;
        let (text, values, persistent) = sql.into_sqlite();
        let text = AssertSqlSafe(format!("{}{text}", self.begin()));
        sqlx::query_as_with(text, values)
            .persistent(persistent)
            .fetch_all(&mut *self.connection)
            .await
    }

    /// Executes a statement; returns how many rows it changed.
    pub(super) async fn execute(&mut self, sql: Sql) -> sqlx::Result<u64> {
        self.write_waiting(None).await?;
        let (text, values, persistent) = sql.into_sqlite();
        let text = format!("{}{text}", self.begin());
        self.run(text, values, persistent).await
    }

    /// Commits, gives the connection back, and sends the position to waiting readers as a hint.
    pub(super) async fn commit(mut self, position: u64) -> sqlx::Result<()> {
        self.write_waiting(Some(COMMIT)).await?;
        self.connection.give_back();
        self.model.moved.send_replace(position);
        Ok(())
    }

    /// Writes what waits, and rolls everything back.
    pub(super) async fn try_out(mut self) -> sqlx::Result<()> {
        self.write_waiting(Some(ROLLBACK)).await?;
        self.connection.give_back();
        Ok(())
    }

    /// Writes what waits, then executes `last`.
    async fn write_waiting(&mut self, last: Option<&str>) -> sqlx::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let count = waiting.len();
        for (index, Bulk { text, values }) in waiting.into_iter().enumerate() {
            let text = text.between(self.begin(), last.filter(|_| index + 1 == count));
            self.run(text, values, true).await?;
        }
        if let Some(last) = last.filter(|_| count == 0 && self.begun) {
            self.run(last, SqliteArguments::default(), true).await?;
        }
        Ok(())
    }

    /// The text before the next statement: BEGIN, if the transaction has not begun.
    fn begin(&mut self) -> &'static str {
        if std::mem::replace(&mut self.begun, true) { "" } else { BEGIN }
    }

    /// How many rows the last statement of the text changed. (BEGIN reports the count of the statement before it.)
    async fn run(
        &mut self,
        text: impl Into<Arc<str>>,
        values: SqliteArguments,
        persistent: bool,
    ) -> sqlx::Result<u64> {
        let query = sqlx::query_with(AssertSqlSafe(text.into()), values).persistent(persistent);
        let mut results = self.connection.fetch_many(query);
        let mut changed = 0;
        while let Some(result) = results.try_next().await? {
            if let Either::Left(done) = result {
                changed = done.rows_affected();
            }
        }
        Ok(changed)
    }
}

impl Text {
    /// This write, followed by another.
    fn and(self, other: &str) -> Self {
        Self::Joined(format!("{}; {other}", self.as_str()))
    }

    fn between(self, begin: &str, last: Option<&str>) -> Arc<str> {
        let (text, end) = (self.as_str(), last.map_or("", |_| "; "));
        match self {
            Self::One(text) if begin.is_empty() && last.is_none() => text,
            _ => format!("{begin}{text}{end}{}", last.unwrap_or_default()).into(),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::One(text) => text,
            Self::Joined(text) => text,
        }
    }
}
