//! Projection `proofs`: the Merkle tree (RFC 6962) over the stored bytes of all events.
//!
//! Each event is a leaf, whether this build can read it or not, so the tree has no holes. The event at position 1 is leaf 0.
//! The fold hashes leaves; the transaction completes the subtrees (`WriteTx::write_proofs`).

use crate::decoded::{Decoded, Poison};
use crate::projection::{Changes, Fold, Projection, Streams};
use event_store::RecordedEvent;
use read_model::write::proofs::{self, NewLeaves};
use transparency::{Hash, leaf_hash};

/// The projection.
pub static PROOFS: Projection = Projection {
    name: "proofs",
    version: 1,
    tables: proofs::TABLES,
    streams: Streams::All,
    keeps_events: false,
    fold: |_| Box::new(ProofsFold::default()),
};

written_by!(NewLeaves, write_proofs);

/// A position above this is none: a foreign record claims it.
const MAX_POSITION: u64 = 1 << 48;

/// The fold.
#[derive(Debug, Default)]
struct ProofsFold {
    leaves: Vec<(u64, Hash)>,
    scratch: Vec<u8>,
}

impl Fold for ProofsFold {
    fn apply(&mut self, event: &Decoded) -> Result<(), Poison> {
        let recorded = &event.recorded;
        if recorded.position == 0 || recorded.position > MAX_POSITION {
            return Err(Poison("no log has this position".into()));
        }
        self.leaves.push((recorded.position - 1, leaf(recorded, &mut self.scratch)));
        Ok(())
    }

    fn take(&mut self, _: Vec<Decoded>) -> Box<dyn Changes> {
        Box::new(NewLeaves(std::mem::take(&mut self.leaves)))
    }
}

/// The hash of an event's leaf. `scratch` is a reused buffer.
fn leaf(event: &RecordedEvent, scratch: &mut Vec<u8>) -> Hash {
    let fields = event.fields();
    scratch.clear();
    fields.write_head(scratch);
    leaf_hash([&scratch[..], fields.payload])
}
