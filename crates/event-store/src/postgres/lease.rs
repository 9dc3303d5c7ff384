//! Leases in PostgreSQL: each verb is one statement, and its row count is the answer.

use super::PostgresStore;
use super::connect::on;
use crate::lease::{Lease, LeaseState};
use crate::row::{self, signed};
use crate::{Position, StoreError};
use sqlx::Row;
use sqlx::postgres::PgRow;

impl PostgresStore {
    pub(crate) async fn lease(&self, name: &str) -> Result<Option<LeaseState>, StoreError> {
        on(&self.readers, async |connection| {
            sqlx::query("SELECT epoch, beats, holder, checkpoint, note FROM leases WHERE name = $1")
                .bind(name)
                .try_map(|row: PgRow| {
                    Ok(LeaseState {
                        epoch: row::number(&row, 0)?,
                        beats: row::number(&row, 1)?,
                        holder: row.try_get(2)?,
                        checkpoint: row::number(&row, 3)?,
                        note: row.try_get(4)?,
                    })
                })
                .fetch_optional(connection)
                .await
        })
        .await
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
        Ok((self.changes(taken).await? == 1).then_some(lease))
    }

    pub(crate) async fn renew_lease(&self, lease: &Lease) -> Result<bool, StoreError> {
        let renewed = self.changes(
            sqlx::query("UPDATE leases SET beats = beats + 1 WHERE name = $1 AND epoch = $2")
                .bind(lease.name.clone())
                .bind(signed(lease.epoch)),
        );
        Ok(renewed.await? == 1)
    }

    pub(crate) async fn advance_checkpoint(
        &self,
        lease: &Lease,
        checkpoint: Position,
        note: &str,
    ) -> Result<bool, StoreError> {
        let advanced = self.changes(
            sqlx::query(
                "UPDATE leases SET checkpoint = $3, note = $4, beats = beats + 1
                 WHERE name = $1 AND epoch = $2 AND $3 <= (SELECT position FROM log_head)",
            )
            .bind(lease.name.clone())
            .bind(signed(lease.epoch))
            .bind(signed(checkpoint))
            .bind(note.to_owned()),
        );
        Ok(advanced.await? == 1)
    }

    pub(crate) async fn release_lease(&self, lease: &Lease) -> Result<bool, StoreError> {
        let released = self.changes(
            sqlx::query(
                "UPDATE leases SET holder = NULL, beats = beats + 1 WHERE name = $1 AND epoch = $2",
            )
            .bind(lease.name.clone())
            .bind(signed(lease.epoch)),
        );
        Ok(released.await? == 1)
    }
}
