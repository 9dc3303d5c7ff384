//! The keys that texts about people are sealed with: made in advance, given their customers by what the log says, destroyed
//! when a customer's data are erased.

use crate::open::on_backend;
use crate::{KeyStore, KeyStoreError};
use chrono::{DateTime, Utc};
use personal_data::{DataKey, KeyId, MasterKey};
use sqlx::{ColumnIndex, Decode, QueryBuilder, Row, Type};
use std::collections::BTreeMap;

/// Keys that one statement stores.
const ADDED_AT_ONCE: usize = 256;

const FIND: &str = "SELECT id, master, wrapped, destroyed_at FROM data_keys WHERE id = $1";

const FOLLOW: &str = "UPDATE followed SET position = $2, hash = $3 WHERE position = $1";

const ASSIGN: &str = "UPDATE data_keys SET customer = $2
    WHERE id = $1 AND (customer IS NULL OR customer = $2) AND destroyed_at IS NULL";

const KNOWN: &str =
    "SELECT COUNT(*) FROM data_keys WHERE id = $1 AND (customer IS NULL OR customer = $2)";

const MISSING: &str = "INSERT INTO missing_keys VALUES ($1) ON CONFLICT DO NOTHING";

const COUNT_MISSING: &str = "SELECT COUNT(*) FROM missing_keys";

const COUNT: &str = "INSERT INTO customers (id, orders, plain, erased_at) VALUES ($1, $2, $3, NULL)
    ON CONFLICT (id) DO UPDATE SET orders = customers.orders + excluded.orders,
        plain = customers.plain + excluded.plain";

const CUSTOMER: &str = "SELECT orders, plain, erased_at FROM customers WHERE id = $1";

const PLAIN: &str = "SELECT plain FROM customers WHERE plain > 0 LIMIT 1";

const WRAPPED_BY: &str = "SELECT id, master, wrapped, destroyed_at FROM data_keys
    WHERE master = $1 ORDER BY id LIMIT 1000";

const WRAPPED_BY_ANOTHER: &str = "SELECT CAST(CASE
        WHEN EXISTS (SELECT 1 FROM data_keys WHERE master < $1)
            OR EXISTS (SELECT 1 FROM data_keys WHERE master > $1)
        THEN 1 ELSE 0 END AS BIGINT)";

const SOME: &str = "SELECT CAST(CASE WHEN EXISTS (SELECT 1 FROM data_keys WHERE master IS NOT NULL)
        THEN 1 ELSE 0 END AS BIGINT)";

const REWRAP: &str = "UPDATE data_keys SET master = $2, wrapped = $3 WHERE id = $1 AND master = $4";

/// A data key as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDataKey {
    /// Its name.
    pub id: KeyId,
    /// What is left of it.
    pub kept: Kept,
}

/// What the store keeps of a data key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// The key, wrapped by the master key of this id.
    Wrapped {
        /// Which master key.
        master: [u8; 8],
        /// The key.
        wrapped: Vec<u8>,
    },
    /// It was destroyed then.
    Destroyed(DateTime<Utc>),
}

/// What a page of the log says of customers.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct FollowedPage {
    /// The position of its last event.
    pub position: u64,
    /// The hash of its last event.
    pub hash: [u8; 32],
    /// Whose key each is that the page's events use.
    pub keys: BTreeMap<KeyId, String>,
    /// What to add to each customer's figures.
    pub customers: BTreeMap<String, Figures>,
}

/// What the log says of a customer.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Orders.
    pub orders: u64,
    /// Events with texts that were not sealed: nothing can erase those.
    pub plain: u64,
}

/// A customer, as far as the log was followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Followed {
    /// What the log says.
    pub figures: Figures,
    /// When the personal data were erased last.
    pub erased_at: Option<DateTime<Utc>>,
}

impl KeyStore {
    /// Stores new keys, all or none.
    ///
    /// # Errors
    /// When the store cannot be reached, or has a key of such a name.
    pub async fn add_data_keys(
        &self,
        keys: &[DataKey],
        master: &MasterKey,
        at: DateTime<Utc>,
    ) -> Result<(), KeyStoreError> {
        let wrap = |key: &DataKey| {
            let wrapped = master.wrap(key).map_err(|_| KeyStoreError::NoRandomness)?;
            Ok((key.id(), wrapped))
        };
        let rows = keys.iter().map(wrap).collect::<Result<Vec<_>, KeyStoreError>>()?;
        on_backend!(self, pool => {
            let mut transaction = pool.begin().await?;
            for some in rows.chunks(ADDED_AT_ONCE) {
                let mut add = QueryBuilder::new("INSERT INTO data_keys (id, master, wrapped, made_at) ");
                add.push_values(some, |mut row, (id, wrapped)| {
                    row.push_bind(&id.as_bytes()[..])
                        .push_bind(&master.id()[..])
                        .push_bind(&wrapped[..])
                        .push_bind(at.timestamp_micros());
                });
                let added = add.build().execute(&mut *transaction).await?.rows_affected();
                if added != some.len() as u64 {
                    return Err(KeyStoreError::Miscounted(added));
                }
            }
            transaction.commit().await?;
        });
        Ok(())
    }

    /// The keys of these names, as far as there are any.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn data_keys(&self, ids: &[KeyId]) -> Result<Vec<StoredDataKey>, KeyStoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            let key = on_backend!(self, pool => sqlx::query(FIND)
                .bind(&id.as_bytes()[..])
                .try_map(|row| data_key(&row))
                .fetch_optional(pool)
                .await)?;
            found.extend(key);
        }
        Ok(found)
    }

    /// Notes a page of the log that follows on `from`. Returns the keys that the page uses and the store does not have, or
    /// has as another customer's; `None` if another process has noted the page.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn note_followed(
        &self,
        from: u64,
        page: &FollowedPage,
    ) -> Result<Option<Vec<KeyId>>, KeyStoreError> {
        let mut strange = Vec::new();
        on_backend!(self, pool => {
            let mut transaction = pool.begin().await?;
            let moved = sqlx::query(FOLLOW)
                .bind(number(from))
                .bind(number(page.position))
                .bind(&page.hash[..])
                .execute(&mut *transaction)
                .await?;
            match moved.rows_affected() {
                0 => return Ok(None),
                moved => one(moved)?,
            }
            for (id, customer) in &page.keys {
                let assigned = sqlx::query(ASSIGN)
                    .bind(&id.as_bytes()[..])
                    .bind(customer)
                    .execute(&mut *transaction)
                    .await?;
                if assigned.rows_affected() == 0 {
                    let known: i64 = sqlx::query_scalar(KNOWN)
                        .bind(&id.as_bytes()[..])
                        .bind(customer)
                        .fetch_one(&mut *transaction)
                        .await?;
                    if known == 0 {
                        let id = id.as_bytes();
                        sqlx::query(MISSING).bind(&id[..]).execute(&mut *transaction).await?;
                    }
                    strange.extend((known == 0).then_some(*id));
                }
            }
            for (id, figures) in &page.customers {
                let counted = sqlx::query(COUNT)
                    .bind(id)
                    .bind(number(figures.orders))
                    .bind(number(figures.plain))
                    .execute(&mut *transaction)
                    .await?;
                one(counted.rows_affected())?;
            }
            transaction.commit().await?;
        });
        Ok(Some(strange))
    }

    /// Notes whose a key is. Returns whether it is that customer's now, and alive.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn assign(&self, id: KeyId, customer: &str) -> Result<bool, KeyStoreError> {
        let assigned = on_backend!(self, pool => sqlx::query(ASSIGN)
            .bind(&id.as_bytes()[..])
            .bind(customer)
            .execute(pool)
            .await?
            .rows_affected());
        Ok(assigned == 1)
    }

    /// Whether the log that was followed has texts about customers that were not sealed.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn has_plain_texts(&self) -> Result<bool, KeyStoreError> {
        let found: Option<i64> =
            on_backend!(self, pool => sqlx::query_scalar(PLAIN).fetch_optional(pool).await)?;
        Ok(found.is_some())
    }

    /// How many keys the log that was followed uses and the store does not have.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn missing_keys(&self) -> Result<u64, KeyStoreError> {
        let count: i64 =
            on_backend!(self, pool => sqlx::query_scalar(COUNT_MISSING).fetch_one(pool).await)?;
        Ok(count.unsigned_abs())
    }

    /// A customer, if the log that was followed knows one of this id.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn customer(&self, id: &str) -> Result<Option<Followed>, KeyStoreError> {
        Ok(on_backend!(self, pool => sqlx::query(CUSTOMER)
            .bind(id)
            .try_map(|row| customer(&row))
            .fetch_optional(pool)
            .await)?)
    }

    /// Whether there are any keys that are not destroyed.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn has_data_keys(&self) -> Result<bool, KeyStoreError> {
        let some: i64 = on_backend!(self, pool => sqlx::query_scalar(SOME).fetch_one(pool).await)?;
        Ok(some > 0)
    }

    /// Whether another master key than this one wraps any of the keys.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub async fn has_another_master(&self, master: &MasterKey) -> Result<bool, KeyStoreError> {
        let another: i64 = on_backend!(self, pool => sqlx::query_scalar(WRAPPED_BY_ANOTHER)
            .bind(&master.id()[..])
            .fetch_one(pool)
            .await)?;
        Ok(another > 0)
    }

    async fn is_wrapped_by(&self, master: &MasterKey) -> Result<bool, KeyStoreError> {
        let found = on_backend!(self, pool => sqlx::query(WRAPPED_BY)
            .bind(&master.id()[..])
            .try_map(|row| data_key(&row))
            .fetch_optional(pool)
            .await)?;
        Ok(found.is_some())
    }

    /// Wraps every key of the former master key by the new one. May be repeated after it was interrupted. Returns how many
    /// keys it was.
    ///
    /// # Errors
    /// When the store cannot be reached, a key was not wrapped by the former master key after all, none is wrapped by either, or both are the same.
    pub async fn rotate_master(
        &self,
        former: &MasterKey,
        new: &MasterKey,
    ) -> Result<u64, KeyStoreError> {
        if former.id() == new.id() {
            return Err(KeyStoreError::SameMasterKey);
        }
        let mut rotated = 0;
        loop {
            let keys = on_backend!(self, pool => sqlx::query(WRAPPED_BY)
                .bind(&former.id()[..])
                .try_map(|row| data_key(&row))
                .fetch_all(pool)
                .await)?;
            if keys.is_empty() && rotated == 0 && !self.is_wrapped_by(new).await? {
                return Err(KeyStoreError::NothingToRotate);
            }
            if keys.is_empty() {
                self.scrub().await?;
                return Ok(rotated);
            }
            let mut wrapped = Vec::with_capacity(keys.len());
            for StoredDataKey { id, kept } in keys {
                let Kept::Wrapped { wrapped: old, .. } = kept else { continue };
                let key = former.unwrap(id, &old).map_err(|_| KeyStoreError::NotUnwrapped(id))?;
                wrapped.push((id, new.wrap(&key).map_err(|_| KeyStoreError::NoRandomness)?));
            }
            on_backend!(self, pool => {
                let mut transaction = pool.begin().await?;
                for (id, wrapped) in wrapped {
                    let done = sqlx::query(REWRAP)
                        .bind(&id.as_bytes()[..])
                        .bind(&new.id()[..])
                        .bind(wrapped)
                        .bind(&former.id()[..])
                        .execute(&mut *transaction)
                        .await?;
                    // None: it was destroyed in the meantime.
                    rotated += done.rows_affected();
                }
                transaction.commit().await?;
            });
        }
    }
}

pub(crate) fn one(changed: u64) -> Result<(), KeyStoreError> {
    if changed == 1 { Ok(()) } else { Err(KeyStoreError::Miscounted(changed)) }
}

pub(crate) fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(crate) fn data_key<R>(row: &R) -> sqlx::Result<StoredDataKey>
where
    R: Row,
    usize: ColumnIndex<R>,
    for<'a> Vec<u8>: Decode<'a, R::Database> + Type<R::Database>,
    for<'a> i64: Decode<'a, R::Database> + Type<R::Database>,
{
    let id: Vec<u8> = row.try_get(0)?;
    let id = KeyId::from_slice(&id).map_err(|_| unreadable("id"))?;
    let (master, wrapped) = (row.try_get::<Option<Vec<u8>>, _>(1)?, row.try_get(2)?);
    let kept = match (master, wrapped, row.try_get::<Option<i64>, _>(3)?) {
        (Some(master), Some(wrapped), None) => {
            Kept::Wrapped { master: master.try_into().map_err(|_| unreadable("master"))?, wrapped }
        }
        (None, None, Some(at)) => Kept::Destroyed(time(at)?),
        _ => return Err(unreadable("end")),
    };
    Ok(StoredDataKey { id, kept })
}

fn customer<R>(row: &R) -> sqlx::Result<Followed>
where
    R: Row,
    usize: ColumnIndex<R>,
    for<'a> i64: Decode<'a, R::Database> + Type<R::Database>,
{
    let (orders, plain): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let figures = Figures { orders: orders.unsigned_abs(), plain: plain.unsigned_abs() };
    let erased_at = row.try_get::<Option<i64>, _>(2)?.map(time).transpose()?;
    Ok(Followed { figures, erased_at })
}

pub(crate) fn time(micros: i64) -> sqlx::Result<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros).ok_or_else(|| unreadable("time"))
}

pub(crate) fn unreadable(what: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("a data key's {what} cannot be read").into())
}
