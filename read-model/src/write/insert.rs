//! Bulk statements: many rows in one `INSERT … VALUES`, in few fixed sizes, so that each is prepared once.
//!
//! A row type says how it binds itself ([`Row`]); this file cuts a list of rows into statements and keeps their text.

use super::{SqliteTx, Tables};
use crate::ReadModelError;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe};
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// Rows in one statement, largest first. The largest stays far below SQLite's 32 766 parameters for 20 columns.
const CHUNKS: [usize; 4] = [128, 32, 8, 1];

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
#[derive(Debug, Default)]
pub(crate) struct Binds(SqliteArguments);

impl Binds {
    pub(crate) fn int(&mut self, value: i64) -> &mut Self {
        self.add(value)
    }
    pub(crate) fn maybe_int(&mut self, value: Option<i64>) -> &mut Self {
        self.add(value)
    }
    pub(crate) fn text(&mut self, value: impl Into<String>) -> &mut Self {
        self.add(value.into())
    }
    pub(crate) fn maybe_text(&mut self, value: Option<String>) -> &mut Self {
        self.add(value)
    }
    pub(crate) fn uuid(&mut self, value: Uuid) -> &mut Self {
        self.add(value)
    }
    fn add<'t, T: sqlx::Encode<'t, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>>(
        &mut self,
        value: T,
    ) -> &mut Self {
        self.0.add(value).expect("integers, texts and blobs always encode");
        self
    }
}

/// The texts of statements already written out, by statement, tables and rows. Bounded by generations in use.
#[derive(Debug, Default)]
pub(crate) struct Texts(Mutex<HashMap<TextKey, Arc<str>>>);

/// Statement, tables, rows.
type TextKey = (&'static str, Tables, usize);

/// How many texts are kept before all are forgotten.
const MAX_TEXTS: usize = 1_024;

impl Texts {
    fn get(&self, shape: &Shape, tables: Tables, rows: usize) -> Arc<str> {
        let mut texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if texts.len() >= MAX_TEXTS {
            texts.clear();
        }
        let text =
            texts.entry((shape.id, tables, rows)).or_insert_with(|| write_out(shape, tables, rows));
        Arc::clone(text)
    }
}

fn write_out(shape: &Shape, tables: Tables, rows: usize) -> Arc<str> {
    let mut sql = shape.head.replace("{table}", &tables.name(shape.table));
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ",(" });
        for column in 0..shape.columns {
            sql.push_str(if column == 0 { "?" } else { ",?" });
        }
        sql.push(')');
    }
    let _ = write!(sql, " {}", shape.tail);
    sql.into()
}

impl SqliteTx {
    /// Runs `shape` over all `rows`.
    pub(crate) async fn bulk<R: Row>(
        &mut self,
        shape: &Shape,
        tables: Tables,
        rows: Vec<R>,
    ) -> Result<(), ReadModelError> {
        let mut left = rows.len();
        let mut rows = rows.into_iter();
        for chunk in CHUNKS {
            while left >= chunk {
                let mut binds = Binds::default();
                binds.0.reserve(chunk * shape.columns, 0);
                for row in rows.by_ref().take(chunk) {
                    row.bind(&mut binds);
                }
                let sql = self.model.texts.get(shape, tables, chunk);
                sqlx::query_with(AssertSqlSafe(sql), binds.0)
                    .execute(&mut *self.transaction)
                    .await?;
                left -= chunk;
            }
        }
        Ok(())
    }
}

/// `SELECT … WHERE key IN (…)` in pieces of at most this many keys.
pub(crate) const MAX_KEYS: usize = 128;

/// A list of `keys` parameters: `(?,?,?)`; padded by the caller to few sizes so that statements are prepared once.
pub(crate) fn key_list(keys: usize) -> String {
    let mut list = String::with_capacity(keys * 2 + 2);
    list.push('(');
    for key in 0..keys {
        list.push_str(if key == 0 { "?" } else { ",?" });
    }
    list.push(')');
    list
}

/// The statement size that `keys` keys are padded to (by repeating the last one).
pub(crate) fn padded(keys: usize) -> usize {
    CHUNKS.iter().rev().copied().find(|size| *size >= keys).unwrap_or(MAX_KEYS)
}
