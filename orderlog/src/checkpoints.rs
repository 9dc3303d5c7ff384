//! `orderlog verify --checkpoint FILE`: the log itself is compared with signed checkpoints that were kept elsewhere.
//!
//! The tree is made from the log's events, read once from the first to the last that a checkpoint covers. No view takes
//! part, so a view that was changed along with the log hides nothing.

use crate::settings::Verify;
use anyhow::{Context, bail, ensure};
use event_store::{EventStore, StoreError};
use server::Output;
use std::path::{Path, PathBuf};
use transparency::{Checkpoint, Verifier, hash, leaf_hash, node_hash};

/// Events in one page.
const PAGE: usize = 4_000;

/// A checkpoint and the file that it was in.
#[derive(Debug)]
pub struct Kept {
    file: PathBuf,
    checkpoint: Checkpoint,
}

/// Whether it was checked who signed the checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signatures {
    Checked,
    Unchecked,
}

impl Signatures {
    /// They are checked if there is a key for that.
    pub fn of(against: &Verify) -> Self {
        if against.log_verifier.is_some() { Self::Checked } else { Self::Unchecked }
    }
}

/// Reads the checkpoints, by size.
///
/// # Errors
/// When one cannot be read or is not signed with the verifier's key.
pub fn read(against: &Verify) -> anyhow::Result<Vec<Kept>> {
    let verifier = match &against.log_verifier {
        Some(key) => {
            Some(Verifier::parse(key).context("the verifier key (--log-verifier) cannot be used")?)
        }
        None => None,
    };
    let mut kept = Vec::new();
    for file in &against.checkpoint {
        let checkpoint = open(file, verifier.as_ref())
            .with_context(|| format!("{} (--checkpoint) cannot be used", file.display()))?;
        kept.push(Kept { file: file.clone(), checkpoint });
    }
    kept.sort_by_key(|kept| kept.checkpoint.size);
    Ok(kept)
}

fn open(file: &Path, verifier: Option<&Verifier>) -> anyhow::Result<Checkpoint> {
    let length = std::fs::metadata(file)?.len();
    ensure!(length <= transparency::note::MAX_NOTE as u64, "it is too long for a checkpoint");
    let note = std::fs::read_to_string(file)?;
    Ok(match verifier {
        Some(verifier) => Checkpoint::open(&note, verifier)?,
        None => Checkpoint::unchecked(&note)?,
    })
}

/// Whether the log continues every checkpoint; prints what it found.
///
/// # Errors
/// When the log cannot be read.
pub async fn check(
    kept: &[Kept],
    signatures: Signatures,
    log: &EventStore,
    output: &mut Output,
) -> anyhow::Result<bool> {
    if signatures == Signatures::Unchecked && !kept.is_empty() {
        output.line("checkpoints: who signed them was not checked; give --log-verifier for that");
    }
    let mut tree = Tree::default();
    let mut sound = true;
    for Kept { file, checkpoint } in kept {
        let file = file.display();
        let size = checkpoint.size;
        let ended = tree.grow(log, size).await?;
        let what = match ended {
            Some(why) => format!("the log {why}"),
            None if tree.root() != checkpoint.root => {
                "the log is not the one that was signed: an event was changed, removed, inserted or moved".to_owned()
            }
            None => {
                output.line(format!("checkpoint {file}: the log continues its {size} events"));
                continue;
            }
        };
        output.line(format!("checkpoint {file} of {size} events: {what}"));
        sound = false;
    }
    Ok(sound)
}

/// The tree over the log's first events: the roots of its perfect subtrees, the largest first.
#[derive(Debug, Default)]
struct Tree {
    size: u64,
    roots: Vec<(u32, hash::Hash)>,
}

impl Tree {
    /// Reads on until the tree has `size` leaves. Where that cannot be, says why.
    async fn grow(&mut self, log: &EventStore, size: u64) -> anyhow::Result<Option<String>> {
        let mut scratch = Vec::new();
        let mut limit = PAGE;
        while self.size < size {
            let room = usize::try_from(size - self.size).unwrap_or(usize::MAX);
            let page = match log.read_feed(self.size, room.min(limit)).await {
                Ok(page) => page,
                Err(StoreError::Corrupt(_)) if limit > 1 => {
                    limit /= 2;
                    continue;
                }
                Err(StoreError::Corrupt(why)) => {
                    return Ok(Some(format!("cannot be read after position {}: {why}", self.size)));
                }
                Err(error) => bail!(error),
            };
            if page.is_empty() {
                return Ok(Some(format!("ends at position {}", self.size)));
            }
            for event in page {
                if event.position != self.size + 1 {
                    return Ok(Some(format!("lacks position {}", self.size + 1)));
                }
                let fields = event.fields();
                scratch.clear();
                fields.write_head(&mut scratch);
                self.push(leaf_hash([&scratch[..], fields.payload]));
            }
        }
        Ok(None)
    }

    fn push(&mut self, leaf: hash::Hash) {
        self.size += 1;
        let (mut level, mut root) = (0, leaf);
        while let Some((_, left)) = self.roots.pop_if(|(its, _)| *its == level) {
            root = node_hash(&left, &root);
            level += 1;
        }
        self.roots.push((level, root));
    }

    fn root(&self) -> hash::Hash {
        let roots = self.roots.iter().rev().map(|(_, root)| *root);
        roots.reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(hash::empty_root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use transparency::{Growth, Plan};

    #[test]
    fn the_root_is_that_of_the_plan() {
        let leaves = (0..70_u64).map(|leaf| (leaf, leaf_hash([&leaf.to_be_bytes()[..]])));
        let mut growth = Growth::of(leaves.clone());
        loop {
            let wanted = growth.wanted();
            if wanted.is_empty() {
                break;
            }
            growth.grow(wanted, []);
        }
        let stored: HashMap<_, _> = growth.into_nodes().into_iter().collect();
        let mut tree = Tree::default();
        assert_eq!(tree.root(), hash::empty_root());
        for (leaf, hash) in leaves {
            tree.push(hash);
            assert_eq!(tree.root(), Plan::root(leaf + 1).first(&stored).unwrap());
        }
    }
}
