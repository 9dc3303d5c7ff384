//! Roots and proofs in two steps: which stored hashes are needed, then the result from these. So a caller fetches all of
//! them with one query.

use crate::hash::{Hash, empty_root, node_hash};
use crate::node::{Node, perfect_subtrees};
use std::collections::HashMap;

/// The stored hashes that each hash of a result is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan(Vec<Vec<Node>>);

/// A hash that is needed is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tree lacks the hash of level {}, index {}", .0.level, .0.index)]
pub struct Missing(pub Node);

impl Plan {
    /// The root of the tree of the first `size` leaves: one hash.
    pub fn root(size: u64) -> Self {
        Self(vec![perfect_subtrees(0, size)])
    }

    /// The inclusion proof of a leaf in the tree of the first `size` leaves (RFC 6962, 2.1.1), from the leaf up.
    ///
    /// `None` unless the leaf is in that tree.
    pub fn inclusion(leaf: u64, size: u64) -> Option<Self> {
        if leaf >= size {
            return None;
        }
        let mut parts = Vec::new();
        let (mut from, mut to) = (0, size);
        while to - from > 1 {
            let middle = from + split(to - from);
            if leaf < middle {
                parts.push(perfect_subtrees(middle, to));
                to = middle;
            } else {
                parts.push(perfect_subtrees(from, middle));
                from = middle;
            }
        }
        parts.reverse();
        Some(Self(parts))
    }

    /// The proof that the tree of the first `new` leaves continues that of the first `old` (RFC 6962, 2.1.2).
    ///
    /// `None` unless 1 ≤ `old` ≤ `new`. For equal sizes it has no hashes.
    pub fn consistency(old: u64, new: u64) -> Option<Self> {
        if old == 0 || old > new {
            return None;
        }
        let mut parts = Vec::new();
        let (mut from, mut to) = (0, new);
        while to > old {
            let middle = from + split(to - from);
            if old <= middle {
                parts.push(perfect_subtrees(middle, to));
                to = middle;
            } else {
                parts.push(perfect_subtrees(from, middle));
                from = middle;
            }
        }
        // The verifier knows the root of the old tree, and so a subtree that is all of it.
        if from > 0 {
            parts.push(perfect_subtrees(from, to));
        }
        parts.reverse();
        Some(Self(parts))
    }

    /// All stored hashes that it needs.
    pub fn nodes(&self) -> impl Iterator<Item = Node> {
        self.0.iter().flatten().copied()
    }

    /// The result: for a root one hash, for a proof its hashes.
    ///
    /// # Errors
    /// When a hash is missing.
    pub fn hashes(&self, stored: &HashMap<Node, Hash>) -> Result<Vec<Hash>, Missing> {
        self.0.iter().map(|nodes| joined(nodes, stored)).collect()
    }

    /// The root, from a plan that has one hash.
    ///
    /// # Errors
    /// When a hash is missing.
    pub fn first(&self, stored: &HashMap<Node, Hash>) -> Result<Hash, Missing> {
        joined(self.0.first().map_or(&[], Vec::as_slice), stored)
    }
}

/// The root over neighbouring perfect subtrees, the largest first.
fn joined(nodes: &[Node], stored: &HashMap<Node, Hash>) -> Result<Hash, Missing> {
    let mut root = None;
    for node in nodes.iter().rev() {
        let hash = stored.get(node).ok_or(Missing(*node))?;
        root = Some(root.map_or(*hash, |right| node_hash(hash, &right)));
    }
    Ok(root.unwrap_or_else(empty_root))
}

/// The largest power of two below `leaves`, which are two or more.
fn split(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}
