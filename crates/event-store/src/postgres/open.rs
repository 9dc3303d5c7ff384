//! Opens the log: sets up its connections, and migrates or checks its schema.
//!
//! A role that may not change the schema can open a log that is migrated already. The cost does not depend on the log's
//! length: only the migrations' table, the head row and the last event are read.

use super::PostgresStore;
use super::connect::{
    self, MAX_READERS, MAX_SIDE, MIGRATING, READING, SCHEMA, WRITING, connect, connect_pool,
    lazy_pool, on, refusal,
};
use super::hints::{APPENDED, CONNECTIONS};
use super::writer::Writer;
use crate::ends::{ENDS, Ends};
use crate::group_commit::GroupCommit;
use crate::schema::{self, Schema};
use crate::{Access, Capacities, StoreError};
use pg_hints::Hints;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, PgPool};
use std::sync::{Arc, LazyLock};

static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations = migrations::event_store_on_postgres();
    migrations.create_schema(SCHEMA);
    migrations
});

const UNDEFINED_TABLE: &str = "42P01";

impl PostgresStore {
    pub(crate) async fn open(
        url: &str,
        access: Access,
        capacities: Capacities,
    ) -> Result<Self, StoreError> {
        let options = connect::options(url, capacities.postgres_statements)?;
        let reading = options.clone().options(READING);
        let writing = options.clone().options(WRITING);
        let readers = connect_pool(reading.clone(), MAX_READERS).await?;
        match (find_schema(&readers).await?, access) {
            (Schema::Same, _) => {}
            (Schema::Older, Access::ReadWrite) => migrate(&options).await?,
            (Schema::Older, _) => return Err(schema::older()),
        }
        let appends = match access {
            Access::ReadWrite => {
                Some(GroupCommit::new(Writer::open(writing.clone(), &capacities).await?))
            }
            Access::Lease | Access::ReadOnly | Access::Verify => None,
        };
        let side = match access {
            Access::ReadWrite | Access::Lease => Some(lazy_pool(writing, MAX_SIDE)),
            Access::ReadOnly | Access::Verify => None,
        };
        if access != Access::Verify {
            let ends = on(&readers, async |connection| {
                sqlx::query_as::<_, Ends>(ENDS).fetch_one(connection).await
            });
            ends.await?.check()?;
        }
        let head = on(&readers, async |connection| {
            sqlx::query("SELECT position FROM log_head WHERE only_row = 1")
                .try_map(|row| crate::row::number(&row, 0))
                .fetch_one(connection)
                .await
        })
        .await?;
        let hinting = connect_pool(reading, CONNECTIONS).await?;
        let hints = Arc::new(Hints::follow(APPENDED, hinting, head));
        Ok(Self { readers, appends, side, hints })
    }
}

/// What schema there is; an empty database has an older one.
async fn find_schema(readers: &PgPool) -> Result<Schema, StoreError> {
    let applied = on(readers, async |connection| {
        let applied = sqlx::query_as(schema::APPLIED).fetch_all(connection).await;
        match applied {
            Err(sqlx::Error::Database(error))
                if error.code().as_deref() == Some(UNDEFINED_TABLE) =>
            {
                Ok(Vec::new())
            }
            applied => applied,
        }
    });
    schema::compare(&MIGRATIONS, &applied.await?)
}

/// Runs the missing migrations. Processes that do so at once take turns by an advisory lock.
async fn migrate(options: &PgConnectOptions) -> Result<(), StoreError> {
    let mut connection = connect(&options.clone().options(MIGRATING)).await.map_err(refusal)?;
    refuse_other_encodings(&mut connection).await?;
    MIGRATIONS
        .run_direct(None, &mut connection, false)
        .await
        .map_err(|error| schema::refused(error, refusal))?;
    connection.close().await.map_err(refusal)
}

/// In another encoding the bytes of a text would not be the bytes that were given.
async fn refuse_other_encodings(connection: &mut PgConnection) -> Result<(), StoreError> {
    let encoding: String = sqlx::query_scalar("SELECT current_setting('server_encoding')")
        .fetch_one(connection)
        .await
        .map_err(refusal)?;
    if encoding != "UTF8" {
        return Err(StoreError::Corrupt(format!(
            "the database's encoding is {encoding}; make one with ENCODING 'UTF8'"
        )));
    }
    Ok(())
}
