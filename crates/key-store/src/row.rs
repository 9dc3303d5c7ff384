//! Rows of the store, read into keys.

use chrono::{DateTime, Utc};
use identity::Role;
use identity::api_key::StoredKey;
use sqlx::{ColumnIndex, Decode, Row, Type};

/// A key with its use.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The key.
    pub key: StoredKey,
    /// Requests that it proved.
    pub requests: i64,
    /// The last of them.
    pub last_used: Option<DateTime<Utc>>,
}

/// Reads the columns of a key.
pub(crate) fn key<R>(row: &R) -> sqlx::Result<StoredKey>
where
    R: Row,
    usize: ColumnIndex<R>,
    for<'a> String: Decode<'a, R::Database> + Type<R::Database>,
    for<'a> Vec<u8>: Decode<'a, R::Database> + Type<R::Database>,
    for<'a> i64: Decode<'a, R::Database> + Type<R::Database>,
{
    let role: String = row.try_get(2)?;
    let hash: Vec<u8> = row.try_get(4)?;
    Ok(StoredKey {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        role: Role::from_name(&role).ok_or_else(|| unreadable("role"))?,
        customer: row.try_get(3)?,
        hash: hash.try_into().map_err(|_| unreadable("hash"))?,
        created_at: time(row.try_get(5)?)?,
        expires_at: row.try_get::<Option<i64>, _>(6)?.map(time).transpose()?,
        revoked_at: row.try_get::<Option<i64>, _>(7)?.map(time).transpose()?,
    })
}

/// Reads a key with its use.
pub(crate) fn listed<R>(row: &R) -> sqlx::Result<Listed>
where
    R: Row,
    usize: ColumnIndex<R>,
    for<'a> String: Decode<'a, R::Database> + Type<R::Database>,
    for<'a> Vec<u8>: Decode<'a, R::Database> + Type<R::Database>,
    for<'a> i64: Decode<'a, R::Database> + Type<R::Database>,
{
    let last_used: Option<i64> = row.try_get(9)?;
    Ok(Listed {
        key: key(row)?,
        requests: row.try_get(8)?,
        last_used: last_used.map(time).transpose()?,
    })
}

fn time(micros: i64) -> sqlx::Result<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros).ok_or_else(|| unreadable("time"))
}

fn unreadable(what: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("a key's {what} cannot be read").into())
}
