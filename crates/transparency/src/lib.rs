//! A log that proves itself: the Merkle tree of RFC 6962, and the signed checkpoints of C2SP, which Go's
//! `golang.org/x/mod/sumdb/{tlog,note}` reads.
//!
//! It does no I/O and knows nothing of the product. [`hash`] hashes leaves and pairs. [`node`] addresses the stored
//! hashes. [`growth`] says which hashes new leaves complete. [`plan`] says which stored hashes a root or a proof is
//! made of, so that one query fetches them all, and computes it from them. [`proof`] checks proofs. [`note`] signs
//! texts and checks signatures, and [`checkpoint`] is the text that is signed.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod checkpoint;
pub mod growth;
pub mod hash;
pub mod node;
pub mod note;
pub mod plan;
pub mod proof;

pub use checkpoint::Checkpoint;
pub use growth::Growth;
pub use hash::{Hash, leaf_hash, node_hash};
pub use node::Node;
pub use note::{Signer, Verifier};
pub use plan::Plan;
