//! Compares two read models row by row: a snapshot of the live one, and a fresh one.
//!
//! Rows stream in the order of their primary key; at most one row of each side is in memory.

use crate::db::{ReadModel, ReadModelError, loaded, postgres_transaction};
use futures::StreamExt;
use futures::stream::BoxStream;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Postgres, Row, Sqlite, Transaction, TypeInfo, ValueRef};
use std::cmp::Ordering;
use uuid::Uuid;

/// A read snapshot: every read through it sees the state at its beginning.
#[derive(Debug)]
pub enum Snapshot {
    /// Embedded SQLite.
    Sqlite(Transaction<'static, Sqlite>),
    /// PostgreSQL.
    Postgres(Transaction<'static, Postgres>),
}

/// A row in which the two sides differ. Names the place, not the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The table's plain name, without a generation.
    pub table: &'static str,
    /// The row's primary key.
    pub key: String,
    /// The column, or another description of the difference.
    pub what: String,
}

/// A value to compare.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

/// The columns of a table, and which of them form the primary key.
struct Layout {
    columns: Vec<String>,
    key: Vec<usize>,
}

impl ReadModel {
    /// Begins a read snapshot.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn snapshot(&self) -> Result<Snapshot, ReadModelError> {
        let mut snapshot = match self {
            Self::Sqlite(model) => Snapshot::Sqlite(model.long_readers.begin().await?),
            Self::Postgres(model) => Snapshot::Postgres(
                postgres_transaction::begin_snapshot(model.readers.clone()).await?,
            ),
        };
        // The first read takes the snapshot.
        snapshot.positions().await?;
        Ok(snapshot)
    }
}

impl Snapshot {
    /// The position of each projection in this snapshot, by name.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn positions(&mut self) -> Result<Vec<(String, u64)>, ReadModelError> {
        let sql = "SELECT name, position FROM projections ORDER BY name";
        let rows: Vec<(String, i64)> = match self {
            Self::Sqlite(transaction) => sqlx::query_as(sql).fetch_all(&mut **transaction).await?,
            Self::Postgres(transaction) => {
                sqlx::query_as(sql).fetch_all(&mut **transaction).await?
            }
        };
        rows.into_iter().map(|(name, position)| Ok((name, loaded(position)?))).collect()
    }

    /// Compares one table with that of another read model: at most `limit` differences, and the number of rows
    /// compared.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn compare(
        &mut self,
        fresh: &mut Self,
        table: &'static str,
        limit: usize,
    ) -> Result<(u64, Vec<Difference>), ReadModelError> {
        let layout = self.layout(table).await?;
        if layout.columns.is_empty() {
            let what = "is not there".into();
            return Ok((0, vec![Difference { table, key: "the table".into(), what }]));
        }
        let mut ours = self.rows(table, &layout);
        let mut theirs = fresh.rows(table, &layout);
        let mut found = Vec::new();
        let mut compared = 0;
        let (mut left, mut right) = (next(&mut ours).await?, next(&mut theirs).await?);
        while found.len() < limit {
            let order = match (&left, &right) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(left), Some(right)) => order(&layout, left, right),
            };
            compared += 1;
            let row = if order == Ordering::Greater { &right } else { &left };
            let key = row.as_ref().map(|row| key(&layout, row)).unwrap_or_default();
            match order {
                Ordering::Less => {
                    found.push(Difference { table, key, what: "should not be there".into() })
                }
                Ordering::Greater => {
                    found.push(Difference { table, key, what: "is missing".into() })
                }
                Ordering::Equal => {
                    let differing = differing(&layout, left.as_deref(), right.as_deref());
                    found.extend(differing.map(|column| Difference { table, key, what: column }));
                }
            }
            if order != Ordering::Greater {
                left = next(&mut ours).await?;
            }
            if order != Ordering::Less {
                right = next(&mut theirs).await?;
            }
        }
        Ok((compared, found))
    }

    /// The columns in order, with their places in the primary key.
    async fn layout(&mut self, table: &str) -> Result<Layout, ReadModelError> {
        let info: Vec<(String, i64)> = match self {
            Self::Sqlite(transaction) => {
                sqlx::query_as("SELECT name, pk FROM pragma_table_info($1) ORDER BY cid")
                    .bind(table)
                    .fetch_all(&mut **transaction)
                    .await?
            }
            Self::Postgres(transaction) => {
                sqlx::query_as(
                    "SELECT a.attname::text, \
                     COALESCE(array_position(i.indkey::int2[], a.attnum) + 1, 0)::bigint \
                     FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary \
                     WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped \
                     ORDER BY a.attnum",
                )
                .bind(table)
                .fetch_all(&mut **transaction)
                .await?
            }
        };
        let keyed = info.iter().enumerate().filter(|(_, (_, place))| *place > 0);
        let mut key: Vec<(i64, usize)> = keyed.map(|(index, (_, place))| (*place, index)).collect();
        key.sort_unstable();
        Ok(Layout {
            columns: info.into_iter().map(|(name, _)| name).collect(),
            key: key.into_iter().map(|(_, index)| index).collect(),
        })
    }

    /// All rows in the order of the primary key.
    fn rows(&mut self, table: &str, layout: &Layout) -> Values<'_> {
        let key: Vec<&str> =
            layout.key.iter().map(|index| layout.columns[*index].as_str()).collect();
        let columns = layout.columns.join(", ");
        let sql = format!("SELECT {columns} FROM \"{table}\" ORDER BY {}", key.join(", "));
        let sql = AssertSqlSafe(sql);
        match self {
            Self::Sqlite(transaction) => {
                let rows = sqlx::query(sql).fetch(&mut **transaction);
                rows.map(|row| row.and_then(|row| values(&row, sqlite_value))).boxed()
            }
            Self::Postgres(transaction) => {
                let rows = sqlx::query(sql).fetch(&mut **transaction);
                rows.map(|row| row.and_then(|row| values(&row, postgres_value))).boxed()
            }
        }
    }
}

/// The values of rows, one row after the other.
type Values<'c> = BoxStream<'c, Result<Vec<Value>, sqlx::Error>>;

async fn next(rows: &mut Values<'_>) -> Result<Option<Vec<Value>>, ReadModelError> {
    Ok(rows.next().await.transpose()?)
}

fn values<R: Row>(
    row: &R,
    value: fn(&R, usize) -> Result<Value, sqlx::Error>,
) -> Result<Vec<Value>, sqlx::Error> {
    (0..row.len()).map(|index| value(row, index)).collect()
}

fn sqlite_value(row: &SqliteRow, index: usize) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(index)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    Ok(match raw.type_info().name() {
        "INTEGER" => Value::Int(row.try_get_unchecked(index)?),
        "REAL" => Value::Real(row.try_get_unchecked(index)?),
        "TEXT" => Value::Text(row.try_get_unchecked(index)?),
        _ => Value::Blob(row.try_get_unchecked(index)?),
    })
}

/// The value as SQLite has it: an id becomes a blob.
fn postgres_value(row: &PgRow, index: usize) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(index)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    Ok(match raw.type_info().name() {
        "INT2" | "INT4" | "INT8" => Value::Int(row.try_get_unchecked(index)?),
        "FLOAT8" => Value::Real(row.try_get_unchecked(index)?),
        "UUID" => Value::Blob(row.try_get_unchecked::<Uuid, _>(index)?.as_bytes().to_vec()),
        "BYTEA" => Value::Blob(row.try_get_unchecked(index)?),
        _ => Value::Text(row.try_get_unchecked(index)?),
    })
}

/// The order of the storage: by the key's columns, numbers by value, texts and blobs by bytes.
fn order(layout: &Layout, left: &[Value], right: &[Value]) -> Ordering {
    let sides = layout.key.iter().map(|index| (&left[*index], &right[*index]));
    sides
        .map(|pair| match pair {
            (Value::Int(left), Value::Int(right)) => left.cmp(right),
            (Value::Text(left), Value::Text(right)) => left.cmp(right),
            (Value::Blob(left), Value::Blob(right)) => left.cmp(right),
            (left, right) => rank(left).cmp(&rank(right)),
        })
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Int(_) | Value::Real(_) => 1,
        Value::Text(_) => 2,
        Value::Blob(_) => 3,
    }
}

/// The first column in which two rows with one key differ.
fn differing(layout: &Layout, left: Option<&[Value]>, right: Option<&[Value]>) -> Option<String> {
    let (left, right) = (left?, right?);
    let at = left.iter().zip(right).position(|(left, right)| left != right)?;
    Some(format!("column {} differs", layout.columns[at]))
}

fn key(layout: &Layout, row: &[Value]) -> String {
    let parts = layout.key.iter().map(|index| match &row[*index] {
        Value::Null => "null".into(),
        Value::Int(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Blob(bytes) => match Uuid::from_slice(bytes) {
            Ok(id) => id.to_string(),
            Err(_) => format!("{} bytes", bytes.len()),
        },
    });
    parts.collect::<Vec<_>>().join("/")
}
