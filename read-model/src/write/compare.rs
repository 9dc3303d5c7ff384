//! Comparing two read models row by row: the live one under one snapshot, a fresh one beside it.
//!
//! Rows stream in the order of their primary key; no more than one of each side is in memory.

use super::{ReadModel, loaded};
use crate::ReadModelError;
use futures::StreamExt;
use futures::stream::BoxStream;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, Sqlite, SqliteConnection, Transaction, TypeInfo, ValueRef};
use std::cmp::Ordering;

/// A read snapshot: everything read through it is as it was when it began.
#[derive(Debug)]
pub struct Snapshot {
    transaction: Transaction<'static, Sqlite>,
}

/// A row that the two sides disagree about. Names the place, not the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The table.
    pub table: &'static str,
    /// The row's primary key.
    pub key: String,
    /// The column, or what else is wrong.
    pub what: String,
}

/// A value, to be compared.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

/// How a table is laid out: its columns and, of those, the primary key's.
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
        let Self::Sqlite(model) = self;
        let mut transaction = model.readers.begin().await?;
        // The snapshot is taken by the first read.
        sqlx::query("SELECT COUNT(*) FROM projections").execute(&mut *transaction).await?;
        Ok(Snapshot { transaction })
    }
}

impl Snapshot {
    /// How far each projection has come in this snapshot: name, position.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn positions(&mut self) -> Result<Vec<(String, u64)>, ReadModelError> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT name, position FROM projections ORDER BY name")
                .fetch_all(&mut *self.transaction)
                .await?;
        rows.into_iter().map(|(name, position)| Ok((name, loaded(position)?))).collect()
    }

    /// Compares one table with another read model's: at most `limit` differences, and the rows compared.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn compare(
        &mut self,
        fresh: &mut Self,
        table: &'static str,
        limit: usize,
    ) -> Result<(u64, Vec<Difference>), ReadModelError> {
        let layout = layout(&mut self.transaction, table).await?;
        let mut ours = rows(&mut self.transaction, table, &layout);
        let mut theirs = rows(&mut fresh.transaction, table, &layout);
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
}

async fn layout(connection: &mut SqliteConnection, table: &str) -> Result<Layout, ReadModelError> {
    let info: Vec<(String, i64)> =
        sqlx::query_as("SELECT name, pk FROM pragma_table_info($1) ORDER BY cid")
            .bind(table)
            .fetch_all(connection)
            .await?;
    let mut key: Vec<(i64, usize)> = info
        .iter()
        .enumerate()
        .filter(|(_, (_, place))| *place > 0)
        .map(|(index, (_, place))| (*place, index))
        .collect();
    key.sort_unstable();
    Ok(Layout {
        columns: info.into_iter().map(|(name, _)| name).collect(),
        key: key.into_iter().map(|(_, index)| index).collect(),
    })
}

fn rows<'c>(
    connection: &'c mut SqliteConnection,
    table: &str,
    layout: &Layout,
) -> BoxStream<'c, Result<SqliteRow, sqlx::Error>> {
    let key: Vec<&str> = layout.key.iter().map(|index| layout.columns[*index].as_str()).collect();
    let sql = format!(
        "SELECT {} FROM \"{table}\" ORDER BY {}",
        layout.columns.join(", "),
        key.join(", ")
    );
    sqlx::query(AssertSqlSafe(sql)).fetch(connection)
}

async fn next(
    rows: &mut BoxStream<'_, Result<SqliteRow, sqlx::Error>>,
) -> Result<Option<Vec<Value>>, ReadModelError> {
    let Some(row) = rows.next().await.transpose()? else { return Ok(None) };
    let values = (0..row.len()).map(|index| value(&row, index)).collect::<Result<_, _>>()?;
    Ok(Some(values))
}

fn value(row: &SqliteRow, index: usize) -> Result<Value, sqlx::Error> {
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

/// The first column in which two rows of one key differ.
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
        Value::Blob(bytes) => match uuid::Uuid::from_slice(bytes) {
            Ok(id) => id.to_string(),
            Err(_) => format!("{} bytes", bytes.len()),
        },
    });
    parts.collect::<Vec<_>>().join("/")
}
