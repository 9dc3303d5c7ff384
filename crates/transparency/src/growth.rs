//! How the tree grows: which hashes new leaves complete, together with what is stored.
//!
//! Leaves may come in any order: partitions of a topic advance independently. A subtree is complete when both of its
//! halves are, whichever came first. So the stored hashes are a function of the set of leaves, as long as growths that
//! store their results run one after the other.

use crate::hash::{Hash, node_hash};
use crate::node::Node;
use std::collections::{HashMap, HashSet};

/// Up to this number of runs of new leaves, the siblings of all levels are asked for together.
const RUNS_AT_ONCE: usize = 4;

/// New leaves, and the subtrees that they complete.
///
/// As long as [`Growth::wanted`] names any, fetch the stored hashes among these and hand them to [`Growth::grow`]. Then
/// [`Growth::into_nodes`] has everything to store.
#[derive(Debug)]
pub struct Growth {
    /// The complete subtrees of the level that is reached, by index. All are new.
    reached: Vec<(Node, Hash)>,
    complete: Vec<(Node, Hash)>,
    asked: HashSet<Node>,
    stored: HashMap<Node, Hash>,
}

impl Growth {
    /// New leaves: index and hash. None of them is stored yet.
    pub fn of(leaves: impl IntoIterator<Item = (u64, Hash)>) -> Self {
        let mut reached: Vec<(Node, Hash)> =
            leaves.into_iter().map(|(index, hash)| (Node::leaf(index), hash)).collect();
        reached.sort_by_key(|(node, _)| *node);
        let mut growth = Self {
            complete: Vec::with_capacity(2 * reached.len()),
            reached,
            asked: HashSet::new(),
            stored: HashMap::new(),
        };
        growth.rise();
        growth
    }

    /// Subtrees whose hashes are needed if they are stored; none when nothing more can be completed.
    pub fn wanted(&self) -> Vec<Node> {
        let lonely = self.lonely();
        if lonely.len() > 2 * RUNS_AT_ONCE {
            return lonely;
        }
        let mut wanted = Vec::new();
        for node in lonely {
            // Higher siblings lie next to the path; above all leaves so far, only the first subtree of a level exists.
            let mut at = node;
            loop {
                wanted.push(at);
                at = at.parent().sibling();
                if at.parent().index == 0 && at.index != 0 {
                    break;
                }
            }
        }
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// Goes on with the hashes that are stored of those [`wanted`](Self::wanted).
    pub fn grow(&mut self, asked: Vec<Node>, stored: impl IntoIterator<Item = (Node, Hash)>) {
        self.asked.extend(asked);
        self.stored.extend(stored);
        self.rise();
    }

    /// Everything that is new: the leaves and what they completed, in the order of their places.
    pub fn into_nodes(self) -> Vec<(Node, Hash)> {
        let mut nodes = self.complete;
        nodes.extend(self.reached);
        nodes.sort_by_cached_key(|(node, _)| node.place());
        nodes
    }

    /// The siblings of the reached subtrees that are neither new nor asked for.
    fn lonely(&self) -> Vec<Node> {
        let new = |node: Node| self.reached.binary_search_by_key(&node, |(its, _)| *its).is_ok();
        let siblings = self.reached.iter().map(|(node, _)| node.sibling());
        siblings.filter(|node| !new(*node) && !self.asked.contains(node)).collect()
    }

    /// Rises level by level, as far as all siblings are known.
    fn rise(&mut self) {
        while !self.reached.is_empty() && self.lonely().is_empty() {
            let level = std::mem::take(&mut self.reached);
            let mut pairs = level.iter().peekable();
            while let Some((node, hash)) = pairs.next() {
                let next = pairs.next_if(|(next, _)| node.is_left() && *next == node.sibling());
                let other = next.map(|(_, hash)| hash).or_else(|| self.stored.get(&node.sibling()));
                let Some(other) = other else { continue };
                let (left, right) = if node.is_left() { (hash, other) } else { (other, hash) };
                self.reached.push((node.parent(), node_hash(left, right)));
            }
            self.complete.extend(level);
        }
    }
}
