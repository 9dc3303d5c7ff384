//! The time that the database itself needs to read the events and write the resulting rows, with their keys and
//! indexes: without fold, checks and checkpoints.

use anyhow::Context;
use futures::TryStreamExt;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use std::path::Path;
use std::time::{Duration, Instant};

/// The tables that a rebuild has filled, and their indexes, as SQLite stores them: the tables that have a kept
/// generation.
const DEFINED: &str = "SELECT type, name, tbl_name, sql FROM sqlite_schema AS live WHERE sql IS NOT NULL AND EXISTS \
     (SELECT 1 FROM sqlite_schema AS kept WHERE instr(kept.name, live.tbl_name || '__g') = 1) \
     ORDER BY type DESC";
/// The same tables, from PostgreSQL.
const FILLED: &str = "SELECT tablename::text FROM pg_tables AS live WHERE schemaname = current_schema() AND EXISTS \
     (SELECT FROM pg_tables AS kept WHERE starts_with(kept.tablename::text, live.tablename::text || '__g'))";
/// The statements that create the keys and indexes for the copy of a table.
const INDEXES: &str = "SELECT format('CREATE %sINDEX ON %I', CASE WHEN indisunique THEN 'UNIQUE ' ELSE '' END, 'copied ' || $1) \
     || substr(definition, strpos(definition, ' USING ')) FROM (SELECT indisunique, pg_get_indexdef(indexrelid) AS definition \
     FROM pg_index WHERE indrelid = CAST($1 AS regclass)) AS defined";
/// Bytes that are copied at once.
const PIECE: usize = 1 << 20;

/// The time on SQLite: reads the whole log into memory, then runs `INSERT … SELECT` from file to file.
pub(super) async fn read_and_insert(folder: &Path) -> anyhow::Result<Duration> {
    let floor = tempfile::tempdir()?;
    let log = SqliteConnectOptions::new().filename(folder.join("events.db")).read_only(true);
    let mut log = log.connect().await?;
    // The attached file is created with the same settings.
    let views =
        SqliteConnectOptions::new().filename(folder.join("views.db")).create_if_missing(true);
    let mut views = views.pragma("synchronous", "NORMAL").connect().await?;
    let file = floor.path().join("floor.db").to_str().context("a path is not UTF-8")?.to_owned();
    sqlx::query("ATTACH $1 AS floor").bind(file).execute(&mut views).await?;
    sqlx::query("PRAGMA floor.journal_mode = WAL").execute(&mut views).await?;
    let defined: Vec<(String, String, String, String)> =
        sqlx::query_as(DEFINED).fetch_all(&mut views).await?;
    for (kind, name, table, sql) in &defined {
        let columns = sql.find('(').map(|at| &sql[at..]).context("an unknown definition")?;
        let sql = match kind.as_str() {
            "table" => format!("CREATE TABLE floor.\"{name}\" {columns}"),
            _ => {
                let unique = if sql.starts_with("CREATE UNIQUE") { "UNIQUE " } else { "" };
                format!("CREATE {unique}INDEX floor.\"{name}\" ON \"{table}\" {columns}")
            }
        };
        sqlx::query(AssertSqlSafe(sql)).execute(&mut views).await?;
    }

    let begun = Instant::now();
    sqlx::query("SELECT * FROM events ORDER BY position").fetch_all(&mut log).await?;
    let mut transaction = views.begin().await?;
    for (_, table, ..) in defined.iter().filter(|(kind, ..)| kind == "table") {
        let all = format!("INSERT INTO floor.\"{table}\" SELECT * FROM main.\"{table}\"");
        sqlx::query(AssertSqlSafe(all)).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(begun.elapsed())
}

/// The time on PostgreSQL: the whole log out of its database, then the rows by COPY, with the keys and indexes after
/// the rows. The largest table has a connection of its own, all others share one. The rows are in memory before.
pub(super) async fn read_and_copy(events: &str, views: &str) -> anyhow::Result<Duration> {
    let mut log = PgConnection::connect(events).await?;
    let (mut one, mut other) =
        (PgConnection::connect(views).await?, PgConnection::connect(views).await?);
    let mut tables = Vec::new();
    for (name,) in sqlx::query_as::<_, (String,)>(FILLED).fetch_all(&mut one).await? {
        tables.push(Filled::read(&mut one, name).await?);
    }
    tables.sort_by_key(|table| std::cmp::Reverse(table.rows.len()));
    let (largest, others) = tables.split_at(tables.len().min(1));

    let begun = Instant::now();
    let read =
        "COPY (SELECT * FROM event_store.events ORDER BY position) TO STDOUT (FORMAT BINARY)";
    drop(copied_out(&mut log, read).await?);
    futures::try_join!(copy_in(&mut one, largest), copy_in(&mut other, others))?;
    let took = begun.elapsed();

    for Filled { name, .. } in tables {
        let gone = AssertSqlSafe(format!("DROP TABLE \"copied {name}\""));
        sqlx::query(gone).execute(&mut one).await?;
    }
    Ok(took)
}

/// A table that a rebuild has filled.
struct Filled {
    name: String,
    rows: Vec<u8>,
    /// The statements that create its keys and indexes, for a table of another name.
    indexes: Vec<String>,
}

impl Filled {
    async fn read(views: &mut PgConnection, name: String) -> anyhow::Result<Self> {
        let all = format!("COPY \"{name}\" TO STDOUT (FORMAT BINARY)");
        let rows = copied_out(views, &all).await?.concat();
        let indexes = sqlx::query_scalar(INDEXES).bind(&name).fetch_all(views).await?;
        Ok(Self { name, rows, indexes })
    }
}

async fn copy_in(views: &mut PgConnection, tables: &[Filled]) -> anyhow::Result<()> {
    sqlx::query("SET synchronous_commit = off").execute(&mut *views).await?;
    for Filled { name, rows, indexes } in tables {
        let plain = "INCLUDING DEFAULTS INCLUDING CONSTRAINTS";
        let like = format!("CREATE TABLE \"copied {name}\" (LIKE \"{name}\" {plain})");
        sqlx::query(AssertSqlSafe(like)).execute(&mut *views).await?;
        let into = format!("COPY \"copied {name}\" FROM STDIN (FORMAT BINARY)");
        let mut copy = views.copy_in_raw(&into).await?;
        for piece in rows.chunks(PIECE) {
            copy.send(piece).await?;
        }
        copy.finish().await?;
        for index in indexes {
            sqlx::query(AssertSqlSafe(index.clone())).execute(&mut *views).await?;
        }
    }
    Ok(())
}

async fn copied_out(
    connection: &mut PgConnection,
    statement: &str,
) -> anyhow::Result<Vec<bytes::Bytes>> {
    let mut stream = connection.copy_out_raw(statement).await?;
    let mut pieces = Vec::new();
    while let Some(piece) = stream.try_next().await? {
        pieces.push(piece);
    }
    Ok(pieces)
}
