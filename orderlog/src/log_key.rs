//! `orderlog log-key create`: makes the key that signs checkpoints of the log.

use crate::secret_file;
use crate::settings::LogKey;
use anyhow::Context;
use server::Output;
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
    secret_file::write(out, &signer.secret_text())?;
    let mut output = Output::default();
    output.line(signer.verifier());
    Ok(output.code("orderlog", ExitCode::SUCCESS))
}
