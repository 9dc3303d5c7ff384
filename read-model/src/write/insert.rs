//! Bulk statements: many rows in one statement. SQLite gets `VALUES (…), (…)` in some fixed sizes, PostgreSQL one array
//! for each column and `UNNEST`; either way each statement is prepared once.
//!
//! A row type says how it binds itself ([`Row`]); this file cuts a list of rows into statements and keeps their text.

use super::{PostgresTx, Tables, WriteTx};
use crate::{ReadModelError, sum};
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe};
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// Rows in one SQLite statement at most; far below its 32 766 parameters for 20 columns.
const MOST_ROWS: usize = 128;
/// Up to so many rows there is a statement for each number, beyond it for each multiple of [`STEP`]: any small batch
/// goes in by one or two, and all of them stay prepared.
const EACH_NUMBER: usize = 16;
const STEP: usize = 8;
/// How many keys a list is filled up to.
const KEYS: [usize; 4] = [1, 8, 32, 128];
/// Rows in one PostgreSQL statement.
const UNNESTED: usize = 4_096;

/// A statement over many rows, without its rows.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Tells this statement from others over the same table.
    pub id: &'static str,
    /// Everything before the rows; `{table}` stands for the table.
    pub head: &'static str,
    /// The table's plain name.
    pub table: &'static str,
    /// How many values a row has.
    pub columns: usize,
    /// Everything after the rows.
    pub tail: &'static str,
}

/// A row that knows its values, in the order of its [`Shape`]'s columns.
pub(crate) trait Row {
    /// Hands over the values.
    fn bind(self, binds: &mut Binds);
}

/// The values of one statement.
#[derive(Debug)]
pub(crate) enum Binds {
    /// One after the other.
    Sqlite(SqliteArguments),
    /// Column by column; the next value goes to the column at this place.
    Postgres { columns: Vec<Column>, next: usize },
}

/// The values of one column.
#[derive(Debug)]
pub(crate) enum Column {
    Ints(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
    Uuids(Vec<Uuid>),
}

const ALWAYS_ENCODES: &str = "integers, texts and ids always encode";

/// Adds a value to SQLite's arguments, or to the column of its kind whose turn it is.
macro_rules! add {
    ($binds:expr, $value:expr, $kind:ident) => {
        match $binds {
            Binds::Sqlite(arguments) => arguments.add($value).expect(ALWAYS_ENCODES),
            Binds::Postgres { columns, next } => {
                if *next == columns.len() {
                    columns.push(Column::$kind(Vec::new()));
                }
                let Column::$kind(column) = &mut columns[*next] else {
                    unreachable!("a column holds values of one kind")
                };
                column.push($value);
                *next += 1;
            }
        }
    };
}

impl Binds {
    pub(crate) fn int(&mut self, value: i64) -> &mut Self {
        self.maybe_int(Some(value))
    }
    pub(crate) fn maybe_int(&mut self, value: Option<i64>) -> &mut Self {
        add!(self, value, Ints);
        self
    }
    /// A sum of money, in two columns.
    pub(crate) fn sum(&mut self, value: i128) -> &mut Self {
        let (high, low) = sum::split(value);
        self.int(high).int(low)
    }
    pub(crate) fn text(&mut self, value: impl Into<String>) -> &mut Self {
        self.maybe_text(Some(value.into()))
    }
    pub(crate) fn maybe_text(&mut self, value: Option<String>) -> &mut Self {
        add!(self, value, Texts);
        self
    }
    pub(crate) fn uuid(&mut self, value: Uuid) -> &mut Self {
        add!(self, value, Uuids);
        self
    }
    /// These values, and after them those of some rows.
    pub(super) fn sqlite<R: Row>(
        mut before: SqliteArguments,
        rows: impl Iterator<Item = R>,
        values: usize,
    ) -> SqliteArguments {
        before.reserve(values, 0);
        let mut binds = Self::Sqlite(before);
        rows.for_each(|row| binds.row(row));
        let Self::Sqlite(all) = binds else { unreachable!("made above") };
        all
    }
    fn row<R: Row>(&mut self, row: R) {
        if let Self::Postgres { next, .. } = self {
            *next = 0;
        }
        row.bind(self);
    }
}

/// The texts of statements already written out, by statement, tables and rows. Bounded by generations in use.
#[derive(Debug, Default)]
pub(crate) struct Texts(Mutex<HashMap<TextKey, Arc<str>>>);

/// Statement, tables, rows; no rows: they come as arrays.
type TextKey = (&'static str, Tables, Option<usize>);

/// How many texts are kept before all are forgotten.
const MAX_TEXTS: usize = 1_024;

impl Texts {
    pub(super) fn get(&self, shape: &Shape, tables: Tables, rows: Option<usize>) -> Arc<str> {
        let mut texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if texts.len() >= MAX_TEXTS {
            texts.clear();
        }
        let text =
            texts.entry((shape.id, tables, rows)).or_insert_with(|| write_out(shape, tables, rows));
        Arc::clone(text)
    }
}

fn write_out(shape: &Shape, tables: Tables, rows: Option<usize>) -> Arc<str> {
    let mut sql = shape.head.replace("{table}", &tables.name(shape.table));
    match rows {
        Some(rows) => {
            let row = format!("({})", vec!["?"; shape.columns].join(","));
            let _ = write!(sql, " VALUES {}", vec![row; rows].join(","));
        }
        None => {
            let columns: Vec<_> = (1..=shape.columns).map(|column| format!("${column}")).collect();
            let _ = write!(sql, " SELECT * FROM UNNEST({})", columns.join(","));
        }
    }
    let _ = write!(sql, " {}", shape.tail);
    sql.into()
}

impl WriteTx {
    /// Runs `shape` over all `rows`.
    pub(crate) async fn bulk<R: Row>(
        &mut self,
        shape: &Shape,
        tables: Tables,
        rows: Vec<R>,
    ) -> Result<(), ReadModelError> {
        match self {
            Self::Sqlite(tx) => {
                tx.bulk(shape, tables, rows);
                Ok(())
            }
            Self::Postgres(tx) => tx.bulk(shape, tables, rows).await,
        }
    }
}

/// How many of so many rows go into the next statement.
pub(super) fn chunk(rows: usize) -> usize {
    let most = rows.min(MOST_ROWS);
    if most <= EACH_NUMBER { most } else { most - most % STEP }
}

impl PostgresTx {
    async fn bulk<R: Row>(
        &mut self,
        shape: &Shape,
        tables: Tables,
        rows: Vec<R>,
    ) -> Result<(), ReadModelError> {
        let mut rows = rows.into_iter();
        while rows.len() > 0 {
            let mut binds = Binds::Postgres { columns: Vec::with_capacity(shape.columns), next: 0 };
            rows.by_ref().take(UNNESTED).for_each(|row| binds.row(row));
            let sql = self.model.texts.get(shape, tables, None);
            sqlx::query_with(AssertSqlSafe(sql), binds.into_arrays())
                .execute(&mut *self.transaction)
                .await?;
        }
        Ok(())
    }
}

impl Binds {
    /// One array for each column.
    fn into_arrays(self) -> PgArguments {
        let mut arguments = PgArguments::default();
        let Self::Postgres { columns, .. } = self else { return arguments };
        for column in columns {
            let added = match column {
                Column::Ints(values) => arguments.add(values),
                Column::Texts(values) => arguments.add(values),
                Column::Uuids(values) => arguments.add(values),
            };
            added.expect(ALWAYS_ENCODES);
        }
        arguments
    }
}

/// `SELECT … WHERE key IN (…)` in pieces of at most this many keys.
pub(crate) const MAX_KEYS: usize = 128;

/// These keys, the last one repeated up to one of few sizes, so that statements are prepared once.
pub(crate) fn padded<K: Copy>(keys: &[K]) -> impl Iterator<Item = K> {
    let size = KEYS.into_iter().find(|size| *size >= keys.len());
    let size = if keys.is_empty() { 0 } else { size.unwrap_or(keys.len()) };
    (0..size).map(|index| keys[index.min(keys.len() - 1)])
}
