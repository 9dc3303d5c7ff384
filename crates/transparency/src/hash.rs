//! The two hashes of RFC 6962: a leaf's and a pair's. Their first bytes differ, so that neither passes for the other.

use sha2::{Digest, Sha256};

/// A SHA-256.
pub type Hash = [u8; 32];

/// SHA-256(0x00 ‖ data). The data may come in several parts.
pub fn leaf_hash<'a>(data: impl IntoIterator<Item = &'a [u8]>) -> Hash {
    let parts = data.into_iter();
    parts.fold(Sha256::new_with_prefix([0]), |sha, part| sha.chain_update(part)).finalize().into()
}

/// SHA-256(0x01 ‖ left ‖ right).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new_with_prefix([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root of the tree without leaves: the SHA-256 of nothing.
pub fn empty_root() -> Hash {
    Sha256::new().finalize().into()
}
