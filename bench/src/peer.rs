//! The peer: `cqrs-es` with `postgres-es` behind axum, a separate package in `bench/peer`, built when a case needs it.

use crate::client::Client;
use crate::program::{self, Process};
use anyhow::{Context, ensure};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// A running peer over its own database; killed when dropped.
#[derive(Debug)]
pub struct Peer {
    _process: Process,
    /// Its address, `host:port`.
    pub host: String,
}

#[derive(Debug, Deserialize)]
struct Count {
    events: u64,
}

impl Peer {
    /// Builds the peer if needed and starts it with a pool of `connections`.
    ///
    /// # Errors
    /// When it cannot be built or no PostgreSQL server can run here.
    pub async fn start(connections: u32) -> anyhow::Result<Self> {
        let program = build().await?;
        let url = program::database().await?;
        let pool = connections.to_string();
        let (process, host) = program::serve_at("the peer", &program, &[&url, &pool]).await?;
        Ok(Self { _process: process, host })
    }

    /// Compares the number of its stored events with the number that it answered for.
    ///
    /// # Errors
    /// When they differ.
    pub async fn check(&self, answered: u64) -> anyhow::Result<()> {
        let mut client = Client::connect(&self.host).await?;
        let answer = client.get("/events", "").await?;
        let Count { events } = serde_json::from_slice(answer.body)?;
        ensure!(events == answered, "the peer answered for {answered} events and stored {events}");
        Ok(())
    }
}

async fn build() -> anyhow::Result<PathBuf> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("peer");
    let built = Command::new("cargo")
        .args(["build", "--release", "--locked", "--quiet"])
        .current_dir(&package)
        .env_remove("CARGO_TARGET_DIR")
        .status()
        .await
        .context("cargo is needed to build the peer")?;
    ensure!(built.success(), "the peer cannot be built");
    Ok(package.join("target/release/peer"))
}
