//! The tree against RFC 6962 as it is written: MTH, PATH and PROOF as recursions over all leaves.

#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use std::collections::HashMap;
use transparency::hash::empty_root;
use transparency::{Growth, Hash, Node, Plan, leaf_hash, node_hash, proof};

/// The largest power of two below n.
fn k(n: usize) -> usize {
    let mut k = 1;
    while 2 * k < n {
        k *= 2;
    }
    k
}

fn mth(d: &[Hash]) -> Hash {
    match d {
        [] => empty_root(),
        [leaf] => *leaf,
        d => node_hash(&mth(&d[..k(d.len())]), &mth(&d[k(d.len())..])),
    }
}

fn path(m: usize, d: &[Hash]) -> Vec<Hash> {
    if d.len() == 1 {
        return vec![];
    }
    let k = k(d.len());
    let (mut path, other) =
        if m < k { (path(m, &d[..k]), mth(&d[k..])) } else { (path(m - k, &d[k..]), mth(&d[..k])) };
    path.push(other);
    path
}

fn subproof(m: usize, d: &[Hash], whole: bool) -> Vec<Hash> {
    if m == d.len() {
        return if whole { vec![] } else { vec![mth(d)] };
    }
    let k = k(d.len());
    let (mut proof, other) = if m <= k {
        (subproof(m, &d[..k], whole), mth(&d[k..]))
    } else {
        (subproof(m - k, &d[k..], false), mth(&d[..k]))
    };
    proof.push(other);
    proof
}

fn leaves(count: usize) -> Vec<Hash> {
    (0..count as u64).map(|index| leaf_hash([&index.to_be_bytes()[..]])).collect()
}

/// Stores leaves batch by batch, and returns what is stored.
fn stored(leaves: &[Hash], batches: impl IntoIterator<Item = Vec<usize>>) -> HashMap<Node, Hash> {
    let mut stored = HashMap::new();
    for batch in batches {
        let mut growth = Growth::of(batch.into_iter().map(|leaf| (leaf as u64, leaves[leaf])));
        for round in 0.. {
            assert!(round < 65, "a growth ends");
            let wanted = growth.wanted();
            if wanted.is_empty() {
                break;
            }
            let found: Vec<_> =
                wanted.iter().filter_map(|node| Some((*node, *stored.get(node)?))).collect();
            growth.grow(wanted, found);
        }
        for (node, hash) in growth.into_nodes() {
            assert_eq!(stored.insert(node, hash), None, "{node:?} is complete once");
        }
    }
    stored
}

fn in_order(count: usize) -> HashMap<Node, Hash> {
    stored(&leaves(count), (0..count).map(|leaf| vec![leaf]))
}

#[test]
fn the_roots_are_those_of_certificate_transparency() {
    let data = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    let leaves: Vec<Hash> =
        data.iter().map(|data| leaf_hash([&hex::decode(data).unwrap()[..]])).collect();
    let stored = stored(&leaves, [(0..8).collect()]);
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    for (size, root) in roots.iter().enumerate() {
        let found = Plan::root(size as u64).first(&stored).unwrap();
        assert_eq!(hex::encode(found), *root, "{size} leaves");
    }
}

#[test]
fn all_roots_and_proofs_of_small_trees_are_those_of_the_rfc() {
    let leaves = leaves(40);
    let stored = in_order(40);
    for size in 0..=40 {
        let d = &leaves[..size];
        let root = Plan::root(size as u64).first(&stored).unwrap();
        assert_eq!(root, mth(d));
        for (m, leaf) in d.iter().enumerate() {
            let proof = Plan::inclusion(m as u64, size as u64).unwrap().hashes(&stored).unwrap();
            assert_eq!(proof, path(m, d), "leaf {m} of {size}");
            assert!(proof::includes(&proof, m as u64, leaf, size as u64, &root));
        }
        for m in 1..=size {
            let proof = Plan::consistency(m as u64, size as u64).unwrap().hashes(&stored).unwrap();
            assert_eq!(proof, subproof(m, d, true), "{m} to {size}");
            let old = mth(&leaves[..m]);
            assert!(proof::continues(&proof, (m as u64, &old), (size as u64, &root)));
        }
    }
    assert_eq!(Plan::inclusion(3, 3), None);
    assert_eq!(Plan::consistency(0, 3), None);
    assert_eq!(Plan::consistency(4, 3), None);
}

#[test]
fn a_missing_hash_is_named() {
    let node = Node { level: 1, index: 2 };
    let mut stored = in_order(7);
    stored.remove(&node);
    let missing = Plan::root(7).first(&stored).unwrap_err();
    assert_eq!(missing.to_string(), "the tree lacks the hash of level 1, index 2");
}

#[test]
fn the_empty_tree_is_continued_by_every_tree() {
    let root = mth(&leaves(3));
    assert!(proof::continues(&[], (0, &empty_root()), (3, &root)));
    assert!(!proof::continues(&[], (0, &root), (3, &root)));
    assert!(!proof::continues(&[], (4, &root), (3, &root)));
    assert!(!proof::continues(&[], (2, &root), (3, &root)));
}

/// A number of leaves, cut into batches in random order.
fn arrivals() -> impl Strategy<Value = (usize, Vec<Vec<usize>>)> {
    (1..600_usize, any::<u64>(), 1..80_usize)
        .prop_flat_map(|(count, _, most)| {
            (Just(count), Just((0..count).collect::<Vec<_>>()).prop_shuffle(), Just(most))
        })
        .prop_map(|(count, order, most)| {
            (count, order.chunks(most).map(<[usize]>::to_vec).collect())
        })
}

proptest! {
    #[test]
    fn the_stored_hashes_do_not_depend_on_the_order_of_arrival((count, batches) in arrivals()) {
        prop_assert_eq!(stored(&leaves(count), batches), in_order(count));
    }

    #[test]
    fn pages_in_order_store_the_same(count in 1..900_usize, page in 1..300_usize) {
        let pages = (0..count).step_by(page).map(|from| (from..count.min(from + page)).collect());
        prop_assert_eq!(stored(&leaves(count), pages), in_order(count));
    }

    #[test]
    fn proofs_hold_and_nothing_else_does(
        size in 1..2_000_usize, one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(),
        bit in 0..256_usize,
    ) {
        let leaves = leaves(size);
        let stored = stored(&leaves, [(0..size).collect()]);
        let root = mth(&leaves);
        prop_assert_eq!(Plan::root(size as u64).first(&stored).unwrap(), root);
        let (m, n) = (one.index(size), size as u64);
        let inclusion = Plan::inclusion(m as u64, n).unwrap().hashes(&stored).unwrap();
        prop_assert_eq!(&inclusion, &path(m, &leaves));
        let holds = |proof: &[Hash], m: usize, leaf: &Hash, n, root: &Hash| {
            proof::includes(proof, m as u64, leaf, n, root)
        };
        prop_assert!(holds(&inclusion, m, &leaves[m], n, &root));
        let flip = |hash: &Hash| {
            let mut hash = *hash;
            hash[bit / 8] ^= 1 << (bit % 8);
            hash
        };
        prop_assert!(!holds(&inclusion, m, &flip(&leaves[m]), n, &root));
        prop_assert!(!holds(&inclusion, m, &leaves[m], n, &flip(&root)));
        let elsewhere = other.index(size);
        prop_assert!(elsewhere == m || !holds(&inclusion, elsewhere, &leaves[m], n, &root));
        if !inclusion.is_empty() {
            let mut changed = inclusion.clone();
            let at = other.index(changed.len());
            changed[at] = flip(&changed[at]);
            prop_assert!(!holds(&changed, m, &leaves[m], n, &root));
            prop_assert!(!holds(&inclusion[1..], m, &leaves[m], n, &root));
        }
        let old = m as u64 + 1;
        let old_root = mth(&leaves[..=m]);
        let consistency = Plan::consistency(old, n).unwrap().hashes(&stored).unwrap();
        prop_assert_eq!(&consistency, &subproof(m + 1, &leaves, true));
        prop_assert!(proof::continues(&consistency, (old, &old_root), (n, &root)));
        prop_assert!(!proof::continues(&consistency, (old, &flip(&old_root)), (n, &root)));
        prop_assert!(!proof::continues(&consistency, (old, &old_root), (n, &flip(&root))));
        if !consistency.is_empty() {
            prop_assert!(!proof::continues(&consistency[1..], (old, &old_root), (n, &root)));
        }
    }
}
