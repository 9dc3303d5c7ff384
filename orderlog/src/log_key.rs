//! `orderlog log-key create`: makes the key that signs checkpoints of the log.

use crate::settings::LogKey;
use anyhow::Context;
use server::Output;
use std::fs::OpenOptions;
use std::io::Write;
use std::process::ExitCode;
use transparency::Signer;

/// Writes the private key to its file, and prints the verifier key.
///
/// # Errors
/// When the origin is no name of a key, or the file exists or cannot be written.
pub fn log_key(asked: &LogKey) -> anyhow::Result<ExitCode> {
    let LogKey::Create { origin, out } = asked;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("the system gives no random numbers")?;
    let signer = Signer::new(origin, seed).context("the origin (--origin) cannot be used")?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let place = || format!("cannot make the file {} (--out)", out.display());
    let mut file = options.open(out).with_context(place)?;
    writeln!(file, "{}", signer.secret_text())
        .and_then(|()| file.sync_all())
        .with_context(place)?;
    let mut output = Output::default();
    output.line(signer.verifier());
    Ok(output.code("orderlog", ExitCode::SUCCESS))
}
