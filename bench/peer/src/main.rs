//! The peer that orderlog is compared with: `cqrs-es` with `postgres-es` behind axum, answering the same requests that
//! the bench sends to orderlog. Its events table and its one view are those of the crates' own documentation.
//!
//! `peer URL POOL [order|none]` listens on a free port and prints it. `none` keeps no view. `GET /events` returns the
//! number of stored events, so that the bench can compare it with the answers.

mod order;

use anyhow::Context;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use cqrs_es::Query;
use cqrs_es::persist::GenericQuery;
use order::{Command, Order, OrderView, Place};
use postgres_es::{PostgresCqrs, PostgresViewRepository, postgres_cqrs};
use serde_json::{Value, json};
use sqlx::postgres::{PgPool, PgPoolOptions};
use std::sync::Arc;

/// The tables, as in the crates' documentation.
const TABLES: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS events (aggregate_type text NOT NULL, aggregate_id text NOT NULL, \
     sequence bigint CHECK (sequence >= 0) NOT NULL, event_type text NOT NULL, event_version text NOT NULL, \
     payload json NOT NULL, metadata json NOT NULL, PRIMARY KEY (aggregate_type, aggregate_id, sequence))",
    "CREATE TABLE IF NOT EXISTS order_view (view_id text NOT NULL, version bigint CHECK (version >= 0) NOT NULL, \
     payload json NOT NULL, PRIMARY KEY (view_id))",
];

#[derive(Clone)]
struct Peer {
    orders: Arc<PostgresCqrs<Order>>,
    pool: PgPool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().context("usage: peer URL POOL [order|none]")?;
    let size: u32 = arguments.next().context("a pool size is missing")?.parse()?;
    let pool = PgPoolOptions::new().max_connections(size).connect(&url).await?;
    for table in TABLES {
        sqlx::query(table).execute(&pool).await?;
    }
    let views: Vec<Box<dyn Query<Order>>> = match arguments.next().as_deref() {
        None | Some("order") => {
            let rows = PostgresViewRepository::<OrderView, Order>::new("order_view", pool.clone());
            vec![Box::new(GenericQuery::new(Arc::new(rows)))]
        }
        Some("none") => Vec::new(),
        Some(other) => anyhow::bail!("{other:?} is neither order nor none"),
    };
    let orders = Arc::new(postgres_cqrs(pool.clone(), views, ()));
    let app = Router::new()
        .route("/v1/orders", post(create))
        .route("/v1/orders/{id}/{command}", post(step))
        .route("/events", get(count))
        .with_state(Peer { orders, pool });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, app).await?;
    Ok(())
}

type Answer = (StatusCode, Json<Value>);

async fn create(State(peer): State<Peer>, Json(place): Json<Place>) -> Answer {
    let id = place.order_id.clone();
    execute(&peer, &id, Command::Place(place), StatusCode::CREATED).await
}

async fn step(
    State(peer): State<Peer>,
    Path((id, name)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    match Command::read(&name, &body) {
        Some(command) => execute(&peer, &id, command, StatusCode::OK).await,
        None => (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "refused": "unreadable" }))),
    }
}

async fn execute(peer: &Peer, id: &str, command: Command, done: StatusCode) -> Answer {
    match peer.orders.execute(id, command).await {
        Ok(()) => (done, Json(json!({ "order_id": id }))),
        Err(error) => (StatusCode::CONFLICT, Json(json!({ "refused": error.to_string() }))),
    }
}

async fn count(State(peer): State<Peer>) -> Result<Json<Value>, StatusCode> {
    let events: i64 = sqlx::query_scalar("SELECT count(*) FROM events")
        .fetch_one(&peer.pool)
        .await
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(Json(json!({ "events": events })))
}
