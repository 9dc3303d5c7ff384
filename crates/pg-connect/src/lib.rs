//! The first connections of a program that starts: they wait for a PostgreSQL server that is slow to answer.
//!
//! While a program serves, a caller that finds no connection in two seconds gets an error and can try again. A program
//! that starts has no caller: a disk that is busy for some seconds must not end it.

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection, PgPool, Postgres};
use std::io;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long a program that starts waits for a connection.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// PostgreSQL's code while it starts, stops or recovers.
const CANNOT_CONNECT_NOW: &str = "57P03";

/// Makes a connection within `limit`.
///
/// # Errors
/// At once when there is no server, or when it refuses; `TimedOut` when it does not answer.
pub async fn connect(options: &PgConnectOptions, limit: Duration) -> sqlx::Result<PgConnection> {
    timeout(limit, options.connect()).await.unwrap_or_else(|_| {
        let waited = format!("no answer within {} s", limit.as_secs());
        Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, waited)))
    })
}

/// Takes a connection of the pool. If the pool's own limit is too short, tries again within [`PATIENCE`].
///
/// # Errors
/// Those of [`connect`], once the pool's own limit is over.
pub async fn acquire(pool: &PgPool) -> sqlx::Result<PoolConnection<Postgres>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match pool.acquire().await {
            // The pool does not say why, and reports so even a server that does not run.
            Err(sqlx::Error::PoolTimedOut) if Instant::now() < deadline => {
                let left = deadline.saturating_duration_since(Instant::now());
                match connect(&pool.connect_options(), left).await {
                    Err(error) if !is_starting(&error) => return Err(error),
                    // It answers again, or soon will.
                    _ => {}
                }
            }
            ended => return ended,
        }
    }
}

fn is_starting(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code == CANNOT_CONNECT_NOW)
}
