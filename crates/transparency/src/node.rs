//! The address of a stored hash: the root of a perfect subtree.

/// A perfect subtree: `2^level` leaves, from leaf `index · 2^level` on. A leaf is a subtree of level 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// The height above the leaves.
    pub level: u32,
    /// The number of subtrees of this level before it.
    pub index: u64,
}

impl Node {
    /// The subtree of one leaf; the first leaf has index 0.
    pub const fn leaf(index: u64) -> Self {
        Self { level: 0, index }
    }

    /// The other half of the subtree one level higher.
    pub const fn sibling(self) -> Self {
        Self { index: self.index ^ 1, ..self }
    }

    /// The subtree one level higher that it is a half of.
    pub const fn parent(self) -> Self {
        Self { level: self.level + 1, index: self.index >> 1 }
    }

    /// Whether it is the left half of its parent.
    pub const fn is_left(self) -> bool {
        self.index & 1 == 0
    }

    /// Its place when all hashes of a growing tree are written one after the other, each as soon as it is complete:
    /// 0, 1, 2 … without a gap. So a log that is followed in order only ever adds to the end. Go's `tlog` numbers stored
    /// hashes in the same way.
    pub const fn place(self) -> u64 {
        // The last leaf below it, then how many hashes are complete before that leaf.
        let mut rest = ((self.index + 1) << self.level) - 1;
        let mut place = self.level as u64;
        while rest > 0 {
            place += rest;
            rest >>= 1;
        }
        place
    }
}

/// The perfect subtrees that leaves `from..to` consist of, from left to right. `from` is a multiple of the largest one.
pub(crate) fn perfect_subtrees(from: u64, to: u64) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut at = from;
    while at < to {
        let level = (to - at).ilog2();
        nodes.push(Node { level, index: at >> level });
        at += 1 << level;
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_the_order_in_which_the_hashes_of_a_growing_tree_are_complete() {
        let mut places = Vec::new();
        for leaf in 0..200_u64 {
            let mut node = Node::leaf(leaf);
            places.push(node.place());
            while !node.is_left() {
                node = node.parent();
                places.push(node.place());
            }
        }
        assert_eq!(places, (0..places.len() as u64).collect::<Vec<_>>());
    }

    #[test]
    fn leaves_are_split_into_the_largest_subtrees_from_the_left() {
        let node = |level, index| Node { level, index };
        assert_eq!(perfect_subtrees(0, 7), [node(2, 0), node(1, 2), node(0, 6)]);
        assert_eq!(perfect_subtrees(4, 7), [node(1, 2), node(0, 6)]);
        assert_eq!(perfect_subtrees(0, 8), [node(3, 0)]);
        assert!(perfect_subtrees(0, 0).is_empty());
    }
}
