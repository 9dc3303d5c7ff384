//! Files that hold secrets.

use std::io;
use std::path::Path;

/// Reads a secret. Warns if every user of this machine may read it, too.
///
/// # Errors
/// The system's.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let secret = std::fs::read(path)?;
    if everybody_reads(path) {
        let file = path.display().to_string();
        tracing::warn!(file, "every user of this machine can read this secret; chmod 600 it");
    }
    Ok(secret)
}

/// Reads a secret that is text.
///
/// # Errors
/// The system's, or that it is no text.
pub fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
}

#[cfg(unix)]
fn everybody_reads(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    // Whom the group is for, its maker knows.
    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn everybody_reads(_: &Path) -> bool {
    false
}
