//! The reference that orderlog is compared with: axum doing next to nothing, in a separate process, like orderlog.
//!
//! - `POST /v1/orders…` parses the body and answers 201, storing nothing: the ceiling of any command.
//! - `GET /memory/{key}` answers 1 KB from memory: the ceiling of any view.
//! - `GET /keyed/{key}` answers 1 KB by one SELECT over a primary key, through the same driver and a pool as ours.

use crate::program::{self, Process};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};

/// The size of a row.
pub const ROW_BYTES: usize = 1024;
/// Rows of the keyed table.
pub const ROWS: i32 = 10_000;
/// Connections of the pool for the keyed table.
const POOL: u32 = 8;

/// A running reference; killed when dropped.
#[derive(Debug)]
pub struct Reference {
    _process: Process,
    /// Its address, `host:port`.
    pub host: String,
}

impl Reference {
    /// Starts the reference, with or without the keyed table at `url`.
    ///
    /// # Errors
    /// When it does not listen.
    pub async fn start(url: Option<&str>) -> anyhow::Result<Self> {
        let mut arguments = vec!["--serve-reference"];
        arguments.extend(url.into_iter().flat_map(|url| ["--keyed", url]));
        let bench = std::env::current_exe()?;
        let (process, host) = program::serve_at("the reference", &bench, &arguments).await?;
        Ok(Self { _process: process, host })
    }
}

/// Serves the reference until killed.
///
/// # Errors
/// When it cannot listen or make its table.
pub async fn serve(url: Option<&str>) -> anyhow::Result<()> {
    let step = |Json(body): Json<serde_json::Value>| async move {
        let members = body.as_object().map(serde_json::Map::len);
        (StatusCode::CREATED, Json(serde_json::json!({"version": 1, "members": members})))
    };
    let row: &'static str = Box::leak(row().into_boxed_str());
    let mut app = Router::new()
        .route("/v1/orders", post(step))
        .route("/v1/orders/{id}/{command}", post(step))
        .route("/memory/{key}", get(move |_: Path<i64>| async move { json(row.to_owned()) }));
    if let Some(url) = url {
        let keyed = Router::new().route("/keyed/{key}", get(keyed)).with_state(fill(url).await?);
        app = app.merge(keyed);
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

type Answer = ([(&'static str, &'static str); 1], String);

fn json(body: String) -> Answer {
    ([("content-type", "application/json")], body)
}

fn row() -> String {
    format!(r#"{{"row":"{}"}}"#, "x".repeat(ROW_BYTES - 10))
}

/// The database of the keyed table.
#[derive(Debug, Clone)]
enum Keyed {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

const CREATE: &str = "CREATE TABLE keyed (key BIGINT PRIMARY KEY, body TEXT NOT NULL)";
/// Inserts $1 rows, all with the body $2; both backends understand it.
const FILL: &str =
    "WITH RECURSIVE keys (key) AS (SELECT 0 UNION ALL SELECT key + 1 FROM keys WHERE key < $1 - 1)
    INSERT INTO keyed (key, body) SELECT key, $2 FROM keys";
const SELECT: &str = "SELECT body FROM keyed WHERE key = $1";

async fn keyed(State(table): State<Keyed>, Path(key): Path<i64>) -> Result<Answer, StatusCode> {
    let body = match &table {
        Keyed::Sqlite(pool) => sqlx::query_scalar(SELECT).bind(key).fetch_one(pool).await,
        Keyed::Postgres(pool) => sqlx::query_scalar(SELECT).bind(key).fetch_one(pool).await,
    };
    body.map(json).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

async fn fill(url: &str) -> anyhow::Result<Keyed> {
    if url.starts_with("postgres") {
        let pool = PgPoolOptions::new().max_connections(POOL).connect(url).await?;
        sqlx::query(CREATE).execute(&pool).await?;
        sqlx::query(FILL).bind(ROWS).bind(row()).execute(&pool).await?;
        return Ok(Keyed::Postgres(pool));
    }
    let pool = SqlitePoolOptions::new().max_connections(POOL).connect(url).await?;
    sqlx::query("PRAGMA journal_mode = WAL").execute(&pool).await?;
    sqlx::query(CREATE).execute(&pool).await?;
    sqlx::query(FILL).bind(ROWS).bind(row()).execute(&pool).await?;
    Ok(Keyed::Sqlite(pool))
}
