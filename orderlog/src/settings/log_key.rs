//! The arguments of `orderlog log-key`.

use clap::Subcommand;
use std::path::PathBuf;

/// What to do with keys that sign the log.
#[derive(Debug, Clone, Subcommand)]
pub enum LogKey {
    /// Make a key, and print the verifier key that auditors need
    Create {
        /// The name of the log, such as shop.example/orders; it stands in every checkpoint
        #[arg(long)]
        origin: String,
        /// Where the private key goes; an existing file is never overwritten
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}
