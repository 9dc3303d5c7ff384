//! The disk and the database by themselves: flushes, one INSERT for each commit, many INSERTs for each commit.

use crate::machine;
use crate::options::Options;
use crate::program::{Backend, database};
use crate::report::{CaseReport, Figure};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, SqliteConnection};
use std::path::Path;
use std::time::{Duration, Instant};

/// Rows of a batch, which is one transaction.
const BATCH: usize = 1_000;
/// Rows of one INSERT on SQLite.
const STATEMENT: usize = 250;
/// About the size of a stored event and of a view's row.
const ROW_BYTES: [usize; 2] = [500, 1024];
const CREATE: &str = "CREATE TABLE rows (key BIGINT PRIMARY KEY, body TEXT NOT NULL)";

/// A database with one table and nothing else.
enum Floor {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

pub(super) async fn run(options: &Options, report: &mut CaseReport) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut flushes = Vec::new();
    for _ in 0..options.runs {
        flushes.push(machine::flushes_per_second(folder.path())?);
    }
    report.add(Figure::new("fdatasync of 4 KiB", "flushes/s", &flushes));
    let single = inserts(options, folder.path(), ROW_BYTES[0], 1).await?;
    report.add(Figure::new("one INSERT of 500 B a commit, one connection", "rows/s", &single));
    for bytes in ROW_BYTES {
        let rates = inserts(options, folder.path(), bytes, BATCH).await?;
        let name = format!("INSERT of {bytes} B, {BATCH} rows a commit, one connection");
        report.add(Figure::new(name, "rows/s", &rates));
    }
    Ok(())
}

/// The rates of inserts with `rows` rows in each commit, each run into a table of its own.
async fn inserts(
    options: &Options,
    folder: &Path,
    bytes: usize,
    rows: usize,
) -> anyhow::Result<Vec<f64>> {
    let body = "x".repeat(bytes);
    let mut rates = Vec::new();
    for run in 0..options.runs {
        let file = folder.join(format!("floor-{bytes}-{rows}-{run}.db"));
        let mut floor = Floor::open(options.backend, &file).await?;
        rates.push(floor.rate(&body, rows, options.duration()).await?);
    }
    Ok(rates)
}

impl Floor {
    async fn open(backend: Backend, file: &Path) -> anyhow::Result<Self> {
        if backend != Backend::Sqlite {
            let mut connection = PgConnection::connect(&database().await?).await?;
            sqlx::query(CREATE).execute(&mut connection).await?;
            return Ok(Self::Postgres(connection));
        }
        let mut connection = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .connect()
            .await?;
        sqlx::query(CREATE).execute(&mut connection).await?;
        Ok(Self::Sqlite(connection))
    }

    async fn rate(&mut self, body: &str, rows: usize, time: Duration) -> anyhow::Result<f64> {
        let begun = Instant::now();
        let mut key = 0;
        while begun.elapsed() < time {
            match self {
                Self::Sqlite(connection) => sqlite(connection, body, key, rows).await?,
                Self::Postgres(connection) => postgres(connection, body, key, rows).await?,
            }
            key += rows as i64;
        }
        Ok(key as f64 / begun.elapsed().as_secs_f64())
    }
}

async fn sqlite(
    connection: &mut SqliteConnection,
    body: &str,
    first: i64,
    rows: usize,
) -> sqlx::Result<()> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut key = first;
    for begin in (0..rows).step_by(STATEMENT) {
        let count = STATEMENT.min(rows - begin);
        let values = vec!["(?, ?)"; count].join(", ");
        let insert = AssertSqlSafe(format!("INSERT INTO rows (key, body) VALUES {values}"));
        let mut query = sqlx::query(insert);
        for _ in 0..count {
            query = query.bind(key).bind(body);
            key += 1;
        }
        query.execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

async fn postgres(
    connection: &mut PgConnection,
    body: &str,
    first: i64,
    rows: usize,
) -> sqlx::Result<()> {
    let keys: Vec<i64> = (first..).take(rows).collect();
    sqlx::query("INSERT INTO rows (key, body) SELECT * FROM UNNEST($1::bigint[], $2::text[])")
        .bind(keys)
        .bind(vec![body; rows])
        .execute(connection)
        .await
        .map(|_| ())
}
