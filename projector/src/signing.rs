//! Signs checkpoints of the log: the root of the tree that the projection `proofs` keeps, again and again as it grows.
//!
//! The signer never signs a tree that does not continue the one that it signed last. That one is stored, and may also be
//! in a file: its root is computed again from the tree before the next is signed. If the two differ, nothing is signed,
//! the error is logged, and `/readyz` says so. The projector signs, not the service that answers requests: it is the one
//! that writes the read model, and it faces no client, so the private key is where no request comes.

use clap::Args;
use read_model::read::Seen;
use read_model::read::positions::Projection;
use read_model::read::proofs::SignedCheckpoint;
use read_model::{ReadModel, ReadModelError};
use server::{Readiness, clock, secret_file};
use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use transparency::plan::Missing;
use transparency::{Checkpoint, Hash, Node, Plan, Signer};

/// The pause between two looks at the tree.
const EVERY: Duration = Duration::from_secs(1);
/// The name of the signer in `/readyz`.
const PART: &str = "log-signature";
/// A key file larger than this is none.
const MAX_KEY_FILE: u64 = 4_096;

/// Why nothing is signed now.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SigningError {
    /// The tree does not continue a checkpoint that was signed.
    #[error(
        "the log is not a continuation of the checkpoint of {size} events that was signed before: {why}. Nothing is \
         signed. Run `orderlog verify --checkpoint`, and keep the log and the checkpoints as they are"
    )]
    Forked {
        /// The size of that checkpoint.
        size: u64,
        /// What differs.
        why: String,
    },
    /// The tree has not reached the last checkpoint, as while it is rebuilt.
    #[error(
        "the tree has {position} events, the last signed checkpoint has {size}; nothing is signed until it is there"
    )]
    Behind {
        /// How far the tree has come.
        position: u64,
        /// The size of the last checkpoint.
        size: u64,
    },
    /// The projection lacks a hash.
    #[error("{0}; rebuild the tree with --rebuild=proofs")]
    Damaged(#[from] Missing),
    /// A file cannot be read or written.
    #[error("the file {path} {why}")]
    File {
        /// Which one.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The read model refuses.
    #[error(transparent)]
    ReadModel(#[from] ReadModelError),
}

/// A key that signs the log, and where checkpoints go.
#[derive(Debug)]
pub struct LogSigner {
    key: Signer,
    file: Option<PathBuf>,
}

impl LogSigner {
    /// The key in a file, as `orderlog log-key create` writes it. Checkpoints are also written to `checkpoint_file`.
    ///
    /// # Errors
    /// When the file cannot be read or holds no key.
    pub fn open(key_file: &Path, checkpoint_file: Option<PathBuf>) -> Result<Self, SigningError> {
        let refused =
            |why: String| SigningError::File { path: key_file.display().to_string(), why };
        let length = std::fs::metadata(key_file).map(|found| found.len());
        let text = match length {
            Ok(length) if length > MAX_KEY_FILE => {
                return Err(refused("is too long for a key".into()));
            }
            _ => secret_file::read_text(key_file),
        };
        let text = text.map_err(|error| refused(format!("cannot be read: {error}")))?;
        let key = Signer::parse(text.trim())
            .map_err(|error| refused(format!("has no signer's key: {error}")))?;
        Ok(Self { key, file: checkpoint_file })
    }

    /// Signs a checkpoint whenever the tree has grown, until `shutdown`.
    pub async fn run(self, model: ReadModel, readiness: Readiness, shutdown: CancellationToken) {
        let mut said = None;
        let mut every = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = every.tick() => {}
            }
            let refused = match self.sign(&model).await {
                Ok(_) => None,
                Err(behind @ SigningError::Behind { .. }) => {
                    tracing::debug!(%behind, "no checkpoint is signed yet");
                    continue;
                }
                // Another signer of this key was faster: its checkpoint is looked at in the next round.
                Err(SigningError::ReadModel(ReadModelError::CheckpointMoved)) => continue,
                Err(error) => Some(error.to_string()),
            };
            if said != refused {
                match &refused {
                    Some(error) => tracing::error!(error, "no checkpoint is signed"),
                    None => tracing::info!("checkpoints are signed"),
                }
            }
            readiness.set(PART, refused.clone().map_or(Ok(()), Err));
            said = refused;
        }
    }

    /// Signs the tree as it is now, unless the newest checkpoint covers it; returns the newest checkpoint.
    ///
    /// # Errors
    /// When the tree does not continue what was signed before, or a storage refuses. Then nothing is signed.
    pub async fn sign(&self, model: &ReadModel) -> Result<Option<SignedCheckpoint>, SigningError> {
        let origin = self.key.verifier().name();
        let last = model.signed_checkpoint(Some(origin)).await?;
        let filed = self.filed()?;
        let size = model.applied().await?.of(Projection::PROOFS);
        let stored = last.as_ref().map(|last| (last.size, last.root));
        let known: Vec<(u64, Hash)> = stored
            .into_iter()
            .chain(filed.as_ref().map(|filed| (filed.size, filed.root)))
            .collect();
        let signed = known.iter().map(|(size, _)| *size).max().unwrap_or(0);
        if size < signed {
            return Err(shorter(model, size, signed).await?);
        }
        let root = continued(model, &known, size).await?;
        let newest = match last {
            _ if size == 0 => return Ok(None),
            Some(last) if last.size == size => last,
            last => self.store(model, last.map(|last| last.size), size, root).await?,
        };
        if let Some(file) = &self.file
            && filed.is_none_or(|filed| filed.size != newest.size)
        {
            write(file, &newest.note).map_err(|why| refused(file, why))?;
        }
        Ok(Some(newest))
    }

    async fn store(
        &self,
        model: &ReadModel,
        before: Option<u64>,
        size: u64,
        root: Hash,
    ) -> Result<SignedCheckpoint, SigningError> {
        let origin = self.key.verifier().name().to_owned();
        let note = Checkpoint { origin: origin.clone(), size, root }.sign(&self.key);
        let checkpoint = SignedCheckpoint { origin, size, root, note };
        let mut tx = model.begin_write().await?;
        tx.store_checkpoint(&checkpoint, before, clock::now().timestamp_micros()).await?;
        tx.commit(size).await?;
        tracing::debug!(size, "a checkpoint is signed");
        Ok(checkpoint)
    }

    /// The checkpoint in the file, if there is one.
    fn filed(&self) -> Result<Option<Checkpoint>, SigningError> {
        let Some(file) = &self.file else { return Ok(None) };
        let note = match std::fs::read_to_string(file) {
            Ok(note) => note,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refused(file, error)),
        };
        let opened = Checkpoint::open(&note, self.key.verifier());
        opened.map(Some).map_err(|error| refused(file, error))
    }
}

fn refused(file: &Path, why: impl std::fmt::Display) -> SigningError {
    let why = format!("cannot take the checkpoint: {why}");
    SigningError::File { path: file.display().to_string(), why }
}

/// Why a tree is shorter than what was signed: it is being made, or the log is.
async fn shorter(
    model: &ReadModel,
    position: u64,
    signed: u64,
) -> Result<SigningError, ReadModelError> {
    let statuses = model.projection_statuses().await?;
    let its = statuses.iter().find(|status| status.name == Projection::PROOFS.name());
    Ok(match its {
        Some(status) if status.head <= position => {
            SigningError::Forked { size: signed, why: format!("it ends at position {position}") }
        }
        _ => SigningError::Behind { position, size: signed },
    })
}

/// The root of the tree of `size` leaves, if it continues all `known` trees.
async fn continued(
    model: &ReadModel,
    known: &[(u64, Hash)],
    size: u64,
) -> Result<Hash, SigningError> {
    let plan = Plan::root(size);
    let before: Vec<Plan> = known.iter().map(|(size, _)| Plan::root(*size)).collect();
    let nodes: Vec<Node> = before.iter().chain([&plan]).flat_map(Plan::nodes).collect();
    let Seen { found, position } = model.log_hashes(&nodes).await?;
    if position < size {
        return Err(SigningError::Behind { position, size });
    }
    check(known, &before, &found)?;
    Ok(plan.first(&found)?)
}

fn check(
    known: &[(u64, Hash)],
    plans: &[Plan],
    found: &HashMap<Node, Hash>,
) -> Result<(), SigningError> {
    for ((size, root), plan) in known.iter().zip(plans) {
        if plan.first(found)? != *root {
            let why = "the tree of as many events has another root now".to_owned();
            return Err(SigningError::Forked { size: *size, why });
        }
    }
    Ok(())
}

/// Replaces a file as a whole: a reader sees the old text or the new one.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let new = folder.unwrap_or(Path::new(".")).join(format!(".{name}.new"));
    let mut out = std::fs::File::create(&new)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    std::fs::rename(&new, file)
}

/// The flags of programs that keep the read model up to date.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Signed log")]
pub struct SigningFlags {
    /// Sign checkpoints of the log with the key in this file, which `orderlog log-key create` makes
    #[arg(long, env = "ORDERLOG_LOG_KEY_FILE", value_name = "FILE", global = true)]
    pub log_key_file: Option<PathBuf>,
    /// Also write the newest checkpoint to this file
    #[arg(
        long,
        env = "ORDERLOG_CHECKPOINT_FILE",
        value_name = "FILE",
        requires = "log_key_file",
        global = true
    )]
    pub checkpoint_file: Option<PathBuf>,
}

impl SigningFlags {
    /// The signer, if there is a key file.
    ///
    /// # Errors
    /// As [`LogSigner::open`].
    pub fn open(&self) -> Result<Option<LogSigner>, SigningError> {
        let file = self.log_key_file.as_deref();
        file.map(|file| LogSigner::open(file, self.checkpoint_file.clone())).transpose()
    }
}
