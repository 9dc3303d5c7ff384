//! The progress of an import: a bar over the file's bytes, on a terminal.

use indicatif::{ProgressBar, ProgressStyle};
use tokio::io::AsyncRead;

/// Counts the bytes that are read.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// For a file of known length; hidden if standard error is not a terminal.
    pub(super) fn of(length: u64) -> Self {
        let style = ProgressStyle::with_template(
            "import {bar:40} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left",
        )
        .unwrap_or_else(|_| ProgressStyle::default_bar());
        Self(ProgressBar::new(length).with_style(style))
    }

    /// For an input of unknown length.
    pub(super) fn unknown() -> Self {
        Self(ProgressBar::hidden())
    }

    /// Counts the bytes that are read through `reader`.
    pub(super) fn counting<R: AsyncRead + Unpin>(
        &self,
        reader: R,
    ) -> impl AsyncRead + Unpin + use<R> {
        self.0.wrap_async_read(reader)
    }

    /// Removes the bar.
    pub(super) fn finish(self) {
        self.0.finish_and_clear();
    }
}
