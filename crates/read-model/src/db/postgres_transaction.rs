//! Transactions on PostgreSQL that a dropped future cannot cut in two.
//!
//! A future that is dropped between BEGIN and its answer leaves a connection inside an open transaction. The next user
//! of that connection loses what it commits (sqlx #4393). So transactions begin and end in tasks of their own. Writers
//! of one read model take turns by an advisory lock, as SQLite's do by its file: the lock's holder sees what all others
//! have committed. Only a writer that fills the tables of a rebuild takes no lock: the rebuild's own row in the catalog
//! is its lock.

use super::error::ReadModelError;
use sqlx::{ConnectOptions, PgConnection, PgPool, Postgres, Transaction};

/// The advisory lock by which writers of the read model in this database take turns ("views").
const WRITERS: i64 = 0x76_69_65_77_73;

/// Begins a transaction and waits for its turn to write. A statement of its own takes the lock, so that every later
/// statement sees what the writer before has committed. The lock is not taken together with BEGIN: if the lock failed,
/// sqlx would consider no transaction open and keep a connection whose transaction is open.
pub(crate) async fn begin_write(
    writer: PgPool,
) -> Result<Transaction<'static, Postgres>, ReadModelError> {
    whole(async move {
        let mut transaction = writer.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(WRITERS)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction)
    })
    .await
}

/// Begins a transaction that writes no row which others write; it waits for no turn.
pub(crate) async fn begin_fill(
    fillers: PgPool,
) -> Result<Transaction<'static, Postgres>, ReadModelError> {
    whole(async move { fillers.begin().await }).await
}

/// A separate connection without a statement timeout.
pub(crate) async fn connect_patiently(writer: &PgPool) -> Result<PgConnection, ReadModelError> {
    let options = (*writer.connect_options()).clone();
    let mut connection = options.options([("statement_timeout", "0")]).connect().await?;
    // The caller may be gone before the statement ends. Where the server can notice that, it stops the statement.
    sqlx::query(
        "SELECT set_config(name, '1s', FALSE) FROM pg_settings \
         WHERE name = 'client_connection_check_interval'",
    )
    .execute(&mut connection)
    .await?;
    Ok(connection)
}

/// Commits, even if the caller is gone.
pub(crate) async fn commit(
    transaction: Transaction<'static, Postgres>,
) -> Result<(), ReadModelError> {
    whole(transaction.commit()).await
}

/// Rolls back, even if the caller is gone.
pub(crate) async fn roll_back(
    transaction: Transaction<'static, Postgres>,
) -> Result<(), ReadModelError> {
    whole(transaction.rollback()).await
}

/// Begins a read-only transaction whose statements all see one snapshot, without timeouts.
pub(crate) async fn begin_snapshot(
    readers: PgPool,
) -> Result<Transaction<'static, Postgres>, ReadModelError> {
    whole(async move {
        let mut transaction =
            readers.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        for setting in ["statement_timeout", "idle_in_transaction_session_timeout"] {
            sqlx::query("SELECT set_config($1, '0', TRUE)")
                .bind(setting)
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction)
    })
    .await
}

/// Runs `work` to its end in a task of its own, even if the caller is dropped.
async fn whole<T: Send + 'static>(
    work: impl Future<Output = Result<T, sqlx::Error>> + Send + 'static,
) -> Result<T, ReadModelError> {
    match tokio::spawn(work).await {
        Ok(result) => Ok(result?),
        Err(error) => Err(ReadModelError::Unavailable(error.to_string())),
    }
}
