//! `orderlog import FILE`: commands from NDJSON, through a running server (`--url`) or straight into the data folder.
//!
//! Refused lines go to standard output as they come, one JSON object each, and the summary last, exactly as the HTTP
//! import answers them. Exit code 1 when a line was refused.

mod local;
mod progress;
mod remote;

use crate::settings::{Import, Settings};
use anyhow::Context;
use async_compression::tokio::bufread::GzipDecoder;
use progress::Progress;
use std::process::ExitCode;
use tokio::io::{AsyncRead, AsyncReadExt, BufReader};

/// The first bytes of every gzip file.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// How much is read ahead of the decoder.
const READ_AHEAD: usize = 256 << 10;

/// The uncompressed lines.
type Input = Box<dyn AsyncRead + Send + Unpin>;

/// Imports a file.
///
/// # Errors
/// When the file cannot be read, or the server or the storage fails before the end.
pub async fn import(settings: &Settings, import: &Import) -> anyhow::Result<ExitCode> {
    let (input, progress) = open(import).await?;
    let failed = match &import.url {
        Some(url) => remote::import(url, input).await,
        None => local::import(settings, input).await,
    };
    progress.finish();
    Ok(if failed? == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Opens the file, counts what is read of it, and unpacks it if it is packed.
async fn open(import: &Import) -> anyhow::Result<(Input, Progress)> {
    let from_stdin = import.file.as_os_str() == "-";
    let (raw, progress): (Input, Progress) = if from_stdin {
        (Box::new(tokio::io::stdin()), Progress::unknown())
    } else {
        let name = import.file.display();
        let file = tokio::fs::File::open(&import.file)
            .await
            .with_context(|| format!("cannot open {name}"))?;
        let length = file.metadata().await.with_context(|| format!("cannot read {name}"))?.len();
        let progress = Progress::of(length);
        (Box::new(progress.counting(file)), progress)
    };
    let mut raw = BufReader::with_capacity(READ_AHEAD, raw);
    let mut magic = Vec::with_capacity(GZIP_MAGIC.len());
    (&mut raw).take(GZIP_MAGIC.len() as u64).read_to_end(&mut magic).await?;
    let packed = magic == GZIP_MAGIC;
    let whole = BufReader::with_capacity(READ_AHEAD, std::io::Cursor::new(magic).chain(raw));
    if packed {
        let mut unpacked = GzipDecoder::new(whole);
        unpacked.multiple_members(true);
        return Ok((Box::new(unpacked), progress));
    }
    Ok((Box::new(whole), progress))
}
