//! Writes a secret to a new file that only its owner reads.

use anyhow::Context;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// Writes one line, which is on disk afterwards.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn write(path: &Path, secret: &str) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let place = || format!("cannot make the file {} (--out)", path.display());
    let mut file = options.open(path).with_context(place)?;
    writeln!(file, "{secret}").and_then(|()| file.sync_all()).with_context(place)
}
