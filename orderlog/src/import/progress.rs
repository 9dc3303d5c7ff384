//! How far an import is: a bar over the file's bytes, if somebody looks.

use indicatif::{ProgressBar, ProgressStyle};
use tokio::io::AsyncRead;

/// Counts what is read.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Over a file of known length; hidden where standard error is no terminal.
    pub(super) fn of(length: u64) -> Self {
        let style = ProgressStyle::with_template(
            "import {bar:40} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left",
        )
        .unwrap_or_else(|_| ProgressStyle::default_bar());
        Self(ProgressBar::new(length).with_style(style))
    }

    /// Over something of unknown length.
    pub(super) fn unknown() -> Self {
        Self(ProgressBar::hidden())
    }

    /// The reader, counted.
    pub(super) fn counting<R: AsyncRead + Unpin>(
        &self,
        reader: R,
    ) -> impl AsyncRead + Unpin + use<R> {
        self.0.wrap_async_read(reader)
    }

    /// Takes the bar away.
    pub(super) fn finish(self) {
        self.0.finish_and_clear();
    }
}
