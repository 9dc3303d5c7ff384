//! Hot stock: 64 clients reserve units of one product, and of three of ten, compared with the plain way in the same
//! database: one `UPDATE … WHERE available > 0` a commit.

use crate::client::Client;
use crate::options::Options;
use crate::program::{Backend, System, database};
use crate::report::{CaseReport, Figure, Goal};
use anyhow::ensure;
use serde::Deserialize;
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, PgConnection, SqliteConnection};
use std::path::Path;
use std::time::Instant;
use uuid::Uuid;

const CLIENTS: usize = 64;
const PRODUCTS: usize = 10;
/// Products of a reservation of several.
const SEVERAL: usize = 3;
/// Units of each product; no run sells out.
const UNITS: u32 = 1_000_000;
const RECEIPTS: u32 = 5;

/// A row that everybody wants, and nothing else.
const CREATE: &str = "CREATE TABLE stock (id INT PRIMARY KEY, available BIGINT NOT NULL)";
const FILL: &str = "INSERT INTO stock VALUES (1, 1000000000)";
const TAKE: &str = "UPDATE stock SET available = available - 1 WHERE id = 1 AND available > 0";

#[derive(Deserialize)]
struct Stock {
    reserved: u64,
    available: i64,
}

pub(super) async fn run(options: &Options, report: &mut CaseReport) -> anyhow::Result<()> {
    let (mut floors, mut one, mut several) = (Vec::new(), Vec::new(), Vec::new());
    let folder = tempfile::tempdir()?;
    for run in 0..options.runs {
        floors.push(match options.backend {
            Backend::Sqlite => on_sqlite(&folder.path().join(format!("{run}.db")), options).await?,
            Backend::Postgres | Backend::Kafka => on_postgres(options).await?,
        });
        for (wanted, rates) in [(1, &mut one), (SEVERAL, &mut several)] {
            let system = System::start_selling(options.backend).await?;
            rates.push(reserve(&system, wanted, options).await?);
        }
    }
    let floor = "one UPDATE a commit";
    report.add(Figure::new(format!("{floor}, one row"), "updates/s", &floors));
    let goal = Goal::AtLeast(if options.backend == Backend::Sqlite { 5.0 } else { 4.0 });
    let figure = Figure::new("reserve one unit of one product, 64 clients", "reservations/s", &one);
    report.add(figure.compared_with(floor, &floors, Some(goal)));
    let name = format!("reserve {SEVERAL} products of {PRODUCTS}, 64 clients");
    report.add(Figure::new(name, "reservations/s", &several).compared_with(floor, &floors, None));
    Ok(())
}

/// The rate at which 64 clients reserve `wanted` products each time; the views must show each unit as reserved.
async fn reserve(system: &System, wanted: usize, options: &Options) -> anyhow::Result<f64> {
    let mut client = Client::connect(&system.commands).await?;
    for product in 0..PRODUCTS {
        for _ in 0..RECEIPTS {
            let receipt = json!({"receipt_id": Uuid::now_v7(), "quantity": UNITS}).to_string();
            let path = format!("/v1/stock/p-{product}/receive");
            let status = client.post(&path, receipt.as_bytes()).await?.status;
            ensure!(status == 200, "a receipt was answered {status}");
        }
    }
    let begun = Instant::now();
    let until = begun + options.duration();
    let buying: Vec<_> = (0..CLIENTS)
        .map(|client| tokio::spawn(buy(system.commands.clone(), client, wanted, until)))
        .collect();
    let mut made = 0;
    for one in buying {
        made += one.await??;
    }
    let rate = made as f64 / begun.elapsed().as_secs_f64();
    let events = made * (wanted as u64 + 1) + (PRODUCTS as u64 * u64::from(RECEIPTS)) * 2;
    let token = format!("Consistency-Token: {events}\r\nPrefer: wait=30");
    let mut reserved = 0;
    let mut views = Client::connect(&system.views).await?;
    for product in 0..PRODUCTS {
        let answer = views.get(&format!("/v1/stock/p-{product}"), &token).await?;
        ensure!(
            answer.status == 200,
            "the views did not reach position {events}: {}",
            answer.status
        );
        let stock: Stock = serde_json::from_slice(answer.body)?;
        ensure!(stock.available >= 0, "p-{product} is oversold");
        reserved += stock.reserved;
    }
    let expected = made * wanted as u64;
    ensure!(reserved == expected, "{expected} units were answered, {reserved} are reserved");
    Ok(rate)
}

async fn buy(host: String, first: usize, wanted: usize, until: Instant) -> anyhow::Result<u64> {
    let mut client = Client::connect(&host).await?;
    let mut made = 0;
    while Instant::now() < until {
        // One product is wanted by all; several overlap.
        let from = if wanted == 1 { 0 } else { first + made as usize };
        let lines: Vec<_> = (0..wanted)
            .map(|nth| {
                format!(r#"{{"product_id":"p-{}","quantity":1}}"#, (from + nth * 3) % PRODUCTS)
            })
            .collect();
        let body = format!(r#"{{"lines":[{}]}}"#, lines.join(","));
        let status = client.post("/v1/stock/reservations", body.as_bytes()).await?.status;
        ensure!(status == 201, "a reservation was answered {status}");
        made += 1;
    }
    Ok(made)
}

/// One connection: a SQLite file has one writer.
async fn on_sqlite(file: &Path, options: &Options) -> anyhow::Result<f64> {
    let mut connection: SqliteConnection = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .connect()
        .await?;
    sqlx::query(CREATE).execute(&mut connection).await?;
    sqlx::query(FILL).execute(&mut connection).await?;
    let (begun, mut taken) = (Instant::now(), 0_u64);
    while begun.elapsed() < options.duration() {
        taken += sqlx::query(TAKE).execute(&mut connection).await?.rows_affected();
    }
    Ok(taken as f64 / begun.elapsed().as_secs_f64())
}

/// As many connections as clients, all for one row.
async fn on_postgres(options: &Options) -> anyhow::Result<f64> {
    let url = database().await?;
    let mut first = PgConnection::connect(&url).await?;
    sqlx::query(CREATE).execute(&mut first).await?;
    sqlx::query(FILL).execute(&mut first).await?;
    let begun = Instant::now();
    let until = begun + options.duration();
    let taking = (0..CLIENTS).map(|_| {
        let url = url.clone();
        tokio::spawn(async move {
            let mut connection = PgConnection::connect(&url).await?;
            let mut taken = 0;
            while Instant::now() < until {
                taken += sqlx::query(TAKE).execute(&mut connection).await?.rows_affected();
            }
            anyhow::Ok(taken)
        })
    });
    let mut taken = 0;
    for one in taking.collect::<Vec<_>>() {
        taken += one.await??;
    }
    Ok(taken as f64 / begun.elapsed().as_secs_f64())
}
