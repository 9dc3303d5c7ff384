//! Opens the log: sets up its connections, and migrates or checks its schema.
//!
//! A role that may not change the schema can open a log that is migrated already. The cost does not depend on the log's
//! length: only the migrations' table, the head row and the last event are read.

use super::PostgresStore;
use super::connect::{
    self, MAX_READERS, MAX_SIDE, MIGRATING, READING, SCHEMA, WRITING, connect_pool, in_time,
    lazy_pool, refusal,
};
use super::hints::{APPENDED, CONNECTIONS};
use super::writer::Writer;
use crate::ends::{ENDS, Ends};
use crate::group_commit::GroupCommit;
use crate::schema::{self, Schema};
use crate::{Access, Capacities, StoreError};
use pg_connect::PATIENCE;
use pg_hints::Hints;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
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
        // One connection for all questions: the pool might have to make or test another, and does not wait for long.
        let (readers, mut connection) = connect_pool(reading.clone(), MAX_READERS).await?;
        match (find_schema(&mut connection).await?, access) {
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
            let ends = sqlx::query_as::<_, Ends>(ENDS).fetch_one(&mut *connection);
            in_time(ends).await?.check()?;
        }
        let head = sqlx::query("SELECT position FROM log_head WHERE only_row = 1")
            .try_map(|row| crate::row::number(&row, 0))
            .fetch_one(&mut *connection);
        let head = in_time(head).await?;
        drop(connection);
        let (hinting, _) = connect_pool(reading, CONNECTIONS).await?;
        let hints = Arc::new(Hints::follow(APPENDED, hinting, head));
        Ok(Self { readers, appends, side, hints })
    }
}

/// What schema there is; an empty database has an older one.
async fn find_schema(connection: &mut PgConnection) -> Result<Schema, StoreError> {
    let applied = in_time(async {
        match sqlx::query_as(schema::APPLIED).fetch_all(connection).await {
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
    let options = options.clone().options(MIGRATING);
    let mut connection = pg_connect::connect(&options, PATIENCE).await.map_err(refusal)?;
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
