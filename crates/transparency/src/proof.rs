//! Checks proofs, as RFC 9162 (2.1.3.2 and 2.1.4.2) writes it. The proofs are those of RFC 6962.

use crate::hash::{Hash, node_hash};

/// Whether `proof` shows that the tree of `size` leaves with this root has this leaf at this index.
pub fn includes(proof: &[Hash], leaf: u64, leaf_hash: &Hash, size: u64, root: &Hash) -> bool {
    if leaf >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (leaf, size - 1, *leaf_hash);
    for part in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(part, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, part);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether `proof` shows that the tree of `new` leaves continues the tree of `old` leaves, each with its root. The empty
/// tree is continued by every tree.
pub fn continues(proof: &[Hash], (old, old_root): (u64, &Hash), (new, root): (u64, &Hash)) -> bool {
    if old == new {
        return proof.is_empty() && old_root == root;
    }
    if old == 0 {
        return proof.is_empty() && *old_root == crate::hash::empty_root();
    }
    if old > new {
        return false;
    }
    let own = [*old_root];
    // A whole subtree is not in the proof: its root is that of the old tree.
    let mut parts = if old.is_power_of_two() { &own[..] } else { &[] }.iter().chain(proof);
    let Some(first) = parts.next() else { return false };
    let (mut at, mut last) = (old - 1, new - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (mut of_old, mut of_new) = (*first, *first);
    for part in parts {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            of_old = node_hash(part, &of_old);
            of_new = node_hash(part, &of_new);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            of_new = node_hash(&of_new, part);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && of_old == *old_root && of_new == *root
}
