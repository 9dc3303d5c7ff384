//! Leases in SQLite: each verb is one statement, and its row count is the answer.

use super::{SqliteStore, refusal};
use crate::lease::{Lease, LeaseState};
use crate::row::{self, signed};
use crate::{Position, StoreError};
use sqlx::Row;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments};

type Write = Query<'static, Sqlite, SqliteArguments>;

impl SqliteStore {
    pub(crate) async fn lease(&self, name: &str) -> Result<Option<LeaseState>, StoreError> {
        sqlx::query("SELECT epoch, beats, holder, checkpoint, note FROM leases WHERE name = $1")
            .bind(name)
            .try_map(|row: sqlx::sqlite::SqliteRow| {
                Ok(LeaseState {
                    epoch: row::number(&row, 0)?,
                    beats: row::number(&row, 1)?,
                    holder: row.try_get(2)?,
                    checkpoint: row::number(&row, 3)?,
                    note: row.try_get(4)?,
                })
            })
            .fetch_optional(&self.readers)
            .await
            .map_err(refusal)
    }

    pub(crate) async fn take_lease(
        &self,
        name: &str,
        holder: &str,
        seen: Option<&LeaseState>,
    ) -> Result<Option<Lease>, StoreError> {
        let taken = match seen {
            None => sqlx::query(
                "INSERT INTO leases (name, epoch, beats, holder, checkpoint, note)
                 VALUES ($1, 1, 1, $2, 0, '')
                 ON CONFLICT (name) DO NOTHING",
            )
            .bind(name.to_owned())
            .bind(holder.to_owned()),
            Some(seen) => sqlx::query(
                "UPDATE leases SET epoch = epoch + 1, beats = beats + 1, holder = $2
                 WHERE name = $1 AND epoch = $3 AND beats = $4",
            )
            .bind(name.to_owned())
            .bind(holder.to_owned())
            .bind(signed(seen.epoch))
            .bind(signed(seen.beats)),
        };
        let epoch = seen.map_or(0, |seen| seen.epoch) + 1;
        let lease = Lease { name: name.to_owned(), epoch };
        Ok(self.changes_one(taken).await?.then_some(lease))
    }

    pub(crate) async fn renew_lease(&self, lease: &Lease) -> Result<bool, StoreError> {
        self.changes_one(
            sqlx::query("UPDATE leases SET beats = beats + 1 WHERE name = $1 AND epoch = $2")
                .bind(lease.name.clone())
                .bind(signed(lease.epoch)),
        )
        .await
    }

    pub(crate) async fn advance_checkpoint(
        &self,
        lease: &Lease,
        checkpoint: Position,
        note: &str,
    ) -> Result<bool, StoreError> {
        self.changes_one(
            sqlx::query(
                "UPDATE leases SET checkpoint = $3, note = $4, beats = beats + 1
                 WHERE name = $1 AND epoch = $2 AND $3 <= (SELECT position FROM log_head)",
            )
            .bind(lease.name.clone())
            .bind(signed(lease.epoch))
            .bind(signed(checkpoint))
            .bind(note.to_owned()),
        )
        .await
    }

    pub(crate) async fn release_lease(&self, lease: &Lease) -> Result<bool, StoreError> {
        self.changes_one(
            sqlx::query(
                "UPDATE leases SET holder = NULL, beats = beats + 1 WHERE name = $1 AND epoch = $2",
            )
            .bind(lease.name.clone())
            .bind(signed(lease.epoch)),
        )
        .await
    }

    /// Runs one statement in a task of its own; true when it changed a row.
    pub(super) async fn changes_one(&self, statement: Write) -> Result<bool, StoreError> {
        let writer = self.writer()?;
        let task = tokio::spawn(async move {
            let mut writer = writer.lock().await;
            let mut connection = writer.take().await?;
            let done = statement.execute(&mut connection).await.map_err(refusal)?;
            writer.put_back(connection);
            Ok(done.rows_affected() == 1)
        });
        task.await.unwrap_or_else(|ended| Err(StoreError::Unavailable(ended.to_string())))
    }
}
