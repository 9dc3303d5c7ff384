//! The program under test: the real binary, in a process of its own, with a data folder of its own.

use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    /// `host:port` it listens on.
    pub host: String,
    /// Its data folder, removed when dropped.
    pub data: TempDir,
}

impl Program {
    /// Starts `orderlog serve` on a free port with an empty data folder and waits until it says that it listens.
    ///
    /// # Errors
    /// When the binary is not built or ends before it listens.
    pub async fn start() -> anyhow::Result<Self> {
        let data = tempfile::Builder::new().prefix("orderlog-bench-").tempdir()?;
        let (child, host) = spawn(&["--listen", "127.0.0.1:0"], data.path()).await?;
        Ok(Self { child, host, data })
    }

    /// Runs another verb of the binary on the same data folder and returns how long it took.
    ///
    /// # Errors
    /// When it fails; what it wrote to stderr is in the error.
    pub async fn run(&self, arguments: &[&str]) -> anyhow::Result<std::time::Duration> {
        let begun = std::time::Instant::now();
        let output = Command::new(binary()?).args(arguments).output().await?;
        if !output.status.success() {
            bail!("orderlog {arguments:?} failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(begun.elapsed())
    }

    /// Resident memory, now and at its highest, in MiB (Linux; zeroes elsewhere).
    pub fn memory_mib(&self) -> (u64, u64) {
        let status = self
            .child
            .id()
            .and_then(|id| std::fs::read_to_string(format!("/proc/{id}/status")).ok());
        let field = |name: &str| {
            let line = status.as_deref()?.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        };
        (field("VmRSS:").unwrap_or(0) / 1024, field("VmHWM:").unwrap_or(0) / 1024)
    }

    /// The data folder as text, for command lines.
    ///
    /// # Errors
    /// When the path is not UTF-8.
    pub fn data_dir(&self) -> anyhow::Result<&str> {
        self.data.path().to_str().context("the temporary folder's path is not UTF-8")
    }
}

/// The release binary beside this one.
fn binary() -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("orderlog");
    if !path.exists() {
        bail!("{} is missing: build it first: cargo build --release", path.display());
    }
    Ok(path)
}

async fn spawn(arguments: &[&str], data: &Path) -> anyhow::Result<(Child, String)> {
    let mut child = Command::new(binary()?)
        .args(arguments)
        .arg("--data-dir")
        .arg(data)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let stdout = child.stdout.take().context("stdout is piped")?;
    let mut lines = BufReader::new(stdout).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(url) = line.strip_prefix("listening on http://") {
            let host = url.trim_end_matches('/').to_owned();
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok((child, host));
        }
    }
    bail!("the server ended before it listened: {:?}", child.wait().await?)
}
