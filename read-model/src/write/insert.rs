//! Bulk statements: many rows in one statement. SQLite gets `VALUES (…), (…)` in some fixed sizes, PostgreSQL one array
//! for each column and `UNNEST`; either way each statement is prepared once.
//!
//! A row type says how it binds itself ([`Row`]); this file cuts a list of rows into statements and keeps their text.

use super::postgres::Together;
use super::{Tables, WriteTx};
use crate::{ReadModelError, sum};
use sqlx::Arguments;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
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
pub(super) const UNNESTED: usize = 4_096;

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
    /// Some rows, column by column.
    pub(super) fn postgres<R: Row>(rows: impl Iterator<Item = R>, columns: usize) -> Self {
        let mut binds = Self::Postgres { columns: Vec::with_capacity(columns), next: 0 };
        rows.for_each(|row| binds.row(row));
        binds
    }
    fn row<R: Row>(&mut self, row: R) {
        if let Self::Postgres { next, .. } = self {
            *next = 0;
        }
        row.bind(self);
    }
}

/// The texts of statements already written out. Bounded by generations in use.
#[derive(Debug, Default)]
pub(crate) struct Texts(Mutex<HashMap<TextKey, Arc<str>>>);

#[derive(Debug, PartialEq, Eq, Hash)]
enum TextKey {
    /// Statement, tables, rows.
    Rows(&'static str, Tables, usize),
    /// The rows come as arrays.
    Arrays(Together),
}

/// How many texts are kept before all are forgotten.
const MAX_TEXTS: usize = 1_024;

impl Texts {
    pub(super) fn rows(&self, shape: &Shape, tables: Tables, rows: usize) -> Arc<str> {
        self.get(TextKey::Rows(shape.id, tables, rows), || write_out(shape, tables, rows))
    }

    pub(super) fn together(&self, them: Together, write_out: impl Fn() -> String) -> Arc<str> {
        self.get(TextKey::Arrays(them), write_out)
    }

    fn get(&self, key: TextKey, write_out: impl Fn() -> String) -> Arc<str> {
        let mut texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if texts.len() >= MAX_TEXTS {
            texts.clear();
        }
        Arc::clone(texts.entry(key).or_insert_with(|| write_out().into()))
    }
}

fn write_out(shape: &Shape, tables: Tables, rows: usize) -> String {
    let mut sql = shape.head.replace("{table}", &tables.name(shape.table));
    let row = format!("({})", vec!["?"; shape.columns].join(","));
    let _ = write!(sql, " VALUES {} {}", vec![row; rows].join(","), shape.tail);
    sql
}

impl WriteTx {
    /// Runs `shape` over all `rows`.
    pub(crate) async fn bulk<R: Row>(
        &mut self,
        shape: &'static Shape,
        tables: Tables,
        rows: Vec<R>,
    ) -> Result<(), ReadModelError> {
        match self {
            Self::Sqlite(tx) => {
                tx.bulk(shape, tables, rows);
                Ok(())
            }
            Self::Postgres(tx) => Ok(tx.bulk(shape, tables, rows).await?),
        }
    }
}

/// How many of so many rows go into the next statement.
pub(super) fn chunk(rows: usize) -> usize {
    let most = rows.min(MOST_ROWS);
    if most <= EACH_NUMBER { most } else { most - most % STEP }
}

impl Binds {
    /// One array for each column.
    pub(super) fn into_arrays(self, arguments: &mut PgArguments) {
        let Self::Postgres { columns, .. } = self else { return };
        for column in columns {
            let added = match column {
                Column::Ints(values) => arguments.add(values),
                Column::Texts(values) => arguments.add(values),
                Column::Uuids(values) => arguments.add(values),
            };
            added.expect(ALWAYS_ENCODES);
        }
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
