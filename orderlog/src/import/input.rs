//! The file that is imported, as a stream of lines: decompressed if needed, counted, and never an error half-way.
//!
//! For the import, a file that cannot be read to its end just ends early: the content before is applied and summed up.
//! The error is kept and reported afterwards.

use super::gzip::{Gunzip, MAGIC};
use super::progress::Progress;
use anyhow::Context as _;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt, BufReader, ReadBuf};

/// The bytes that are read ahead of the decoder.
const READ_AHEAD: usize = 256 << 10;

type Raw = Box<dyn AsyncRead + Send + Unpin>;

/// The uncompressed lines.
pub(super) struct Input {
    inner: Raw,
    broke: Arc<OnceLock<io::Error>>,
}

/// A file being imported.
pub(super) struct Opened {
    pub(super) input: Input,
    pub(super) progress: Progress,
    /// Why the file ended early, if it did.
    pub(super) broke: Arc<OnceLock<io::Error>>,
}

impl AsyncRead for Input {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.broke.get().is_some() {
            return Poll::Ready(Ok(()));
        }
        if let Err(error) = ready!(Pin::new(&mut this.inner).poll_read(cx, buffer)) {
            // Checked above, so it is set only once.
            let _ = this.broke.set(error);
        }
        Poll::Ready(Ok(()))
    }
}

/// Opens the file; `-` is standard input.
///
/// # Errors
/// When it cannot be opened or read from.
pub(super) async fn open(file: &Path) -> anyhow::Result<Opened> {
    let name = file.display();
    let (raw, progress): (Raw, Progress) = if file.as_os_str() == "-" {
        (Box::new(tokio::io::stdin()), Progress::unknown())
    } else {
        let file =
            tokio::fs::File::open(file).await.with_context(|| format!("cannot open {name}"))?;
        let about = file.metadata().await.with_context(|| format!("cannot read {name}"))?;
        anyhow::ensure!(!about.is_dir(), "cannot read {name}: it is a folder");
        let progress = Progress::of(about.len());
        (Box::new(progress.counting(file)), progress)
    };
    let mut raw = BufReader::with_capacity(READ_AHEAD, raw);
    let mut magic = Vec::with_capacity(MAGIC.len());
    let read = (&mut raw).take(MAGIC.len() as u64).read_to_end(&mut magic).await;
    read.with_context(|| format!("cannot read {name}"))?;
    let packed = magic == MAGIC;
    let whole = BufReader::with_capacity(READ_AHEAD, io::Cursor::new(magic).chain(raw));
    let inner: Raw = if packed { Box::new(Gunzip::new(whole)) } else { Box::new(whole) };
    let broke = Arc::default();
    Ok(Opened { input: Input { inner, broke: Arc::clone(&broke) }, progress, broke })
}
