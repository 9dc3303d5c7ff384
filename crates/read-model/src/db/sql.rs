//! Statements that both backends understand: a text with `$n` and the values to bind, as a query for either.
//!
//! The handle and the transactions choose the backend. A verb says what it queries and how a row becomes a value. It
//! chooses the backend itself only where the two differ (the texts of some reads, definitions of tables, comparing).

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::{Query, QueryAs};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Database, FromRow, Postgres, Sqlite};
use std::borrow::Cow;
use std::fmt::{Display, Write};
use uuid::Uuid;

/// A value to bind.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // each holds what its name says
pub enum Value {
    Int(i64),
    Real(f64),
    Text(String),
    Uuid(Uuid),
    Bytes(Vec<u8>),
}

/// A statement with its values.
#[derive(Debug)]
pub struct Sql {
    text: Cow<'static, str>,
    values: Vec<Value>,
    persistent: bool,
}

impl Sql {
    /// The statement with this text; `$n` stands for the n-th value.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), values: Vec::new(), persistent: true }
    }

    /// Does not keep the statement prepared: for a text that rarely repeats.
    pub fn once(mut self) -> Self {
        self.persistent = false;
        self
    }

    /// Binds the next `$n` of the text.
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Adds to the text.
    pub fn push(&mut self, text: impl Display) -> &mut Self {
        write!(self.text.to_mut(), "{text}").expect("a String takes any text");
        self
    }

    /// Writes the next `$n` and binds its value.
    pub fn push_bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        let number = self.values.len();
        self.push(format_args!("${number}"))
    }

    /// `($n, $n, …)`, or `(NULL)` when there are no values, which matches nothing.
    pub fn push_list<V: Into<Value>>(&mut self, values: impl IntoIterator<Item = V>) -> &mut Self {
        let mut between = "(";
        for value in values {
            self.push(between).push_bind(value);
            between = ", ";
        }
        self.push(if between == "(" { "(NULL)" } else { ")" })
    }

    /// A table `asked` with these values, each once, in its column `id`; at least one value is needed.
    pub fn push_table<V: Into<Value>>(&mut self, values: impl IntoIterator<Item = V>) -> &mut Self {
        let mut between = "(SELECT DISTINCT column1 AS id FROM (VALUES (";
        for value in values {
            self.push(between).push_bind(value);
            between = "), (";
        }
        self.push(")) AS given) AS asked")
    }

    pub(super) fn into_sqlite(self) -> (Cow<'static, str>, SqliteArguments, bool) {
        let mut arguments = SqliteArguments::default();
        for value in self.values {
            let added = match value {
                Value::Int(value) => arguments.add(value),
                Value::Real(value) => arguments.add(value),
                Value::Text(value) => arguments.add(value),
                Value::Uuid(value) => arguments.add(value),
                Value::Bytes(value) => arguments.add(value),
            };
            added.expect(ALWAYS_ENCODES);
        }
        (self.text, arguments, self.persistent)
    }

    fn into_postgres(self) -> (AssertSqlSafe<Cow<'static, str>>, PgArguments, bool) {
        let mut arguments = PgArguments::default();
        for value in self.values {
            let added = match value {
                Value::Int(value) => arguments.add(value),
                Value::Real(value) => arguments.add(value),
                Value::Text(value) => arguments.add(value),
                Value::Uuid(value) => arguments.add(value),
                Value::Bytes(value) => arguments.add(value),
            };
            added.expect(ALWAYS_ENCODES);
        }
        (AssertSqlSafe(self.text), arguments, self.persistent)
    }
}

const ALWAYS_ENCODES: &str = "numbers, texts, ids and blobs always encode";

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<i16> for Value {
    fn from(value: i16) -> Self {
        Self::Int(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(value.clone())
    }
}

impl From<Uuid> for Value {
    fn from(value: Uuid) -> Self {
        Self::Uuid(value)
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

/// What a row of either backend can become.
pub trait EitherRow:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static
{
}

impl<R> EitherRow for R where
    R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static
{
}

type Rows<DB, R> = QueryAs<'static, DB, R, <DB as Database>::Arguments>;
type Statement<DB> = Query<'static, DB, <DB as Database>::Arguments>;

pub(super) fn sqlite_rows<R: EitherRow>(sql: Sql) -> Rows<Sqlite, R> {
    let (text, arguments, persistent) = sql.into_sqlite();
    sqlx::query_as_with(AssertSqlSafe(text), arguments).persistent(persistent)
}

pub(super) fn postgres_rows<R: EitherRow>(sql: Sql) -> Rows<Postgres, R> {
    let (text, arguments, persistent) = sql.into_postgres();
    sqlx::query_as_with(text, arguments).persistent(persistent)
}

pub(super) fn sqlite_statement(sql: Sql) -> Statement<Sqlite> {
    let (text, arguments, persistent) = sql.into_sqlite();
    sqlx::query_with(AssertSqlSafe(text), arguments).persistent(persistent)
}

pub(super) fn postgres_statement(sql: Sql) -> Statement<Postgres> {
    let (text, arguments, persistent) = sql.into_postgres();
    sqlx::query_with(text, arguments).persistent(persistent)
}
