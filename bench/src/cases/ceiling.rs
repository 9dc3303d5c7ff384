//! The HTTP ceiling: axum parses the same bodies and answers 201 without storing anything.

use crate::orders::drive;
use crate::{Options, row};
use anyhow::Context;
use axum::http::StatusCode;
use axum::{Json, Router, routing::post};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};

/// Serves the reference until killed.
///
/// # Errors
/// When it cannot listen.
pub async fn serve() -> anyhow::Result<()> {
    let answer = |Json(body): Json<serde_json::Value>| async move {
        (
            StatusCode::CREATED,
            Json(serde_json::json!({"version": 1, "members": body.as_object().map(|o| o.len())})),
        )
    };
    let app = Router::new()
        .route("/v1/orders", post(answer))
        .route("/v1/orders/{id}/{command}", post(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

pub(super) async fn run(options: &Options) -> anyhow::Result<()> {
    let mut child = tokio::process::Command::new(std::env::current_exe()?)
        .arg("--serve-ceiling")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stdout = child.stdout.take().context("stdout is piped")?;
    let line = BufReader::new(stdout).lines().next_line().await?.context("the reference ended")?;
    let host = line.strip_prefix("listening on ").context("unexpected first line")?;
    for clients in [1, 64, 256] {
        let mut rates = Vec::new();
        for _ in 0..options.runs {
            rates.push(drive(host, clients, Duration::from_secs(options.seconds)).await?.rate());
        }
        row(&format!("HTTP ceiling (axum, no storage), {clients} clients"), &rates, "requests/s");
    }
    child.kill().await?;
    Ok(())
}
