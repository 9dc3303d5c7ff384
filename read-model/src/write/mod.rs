//! What the projector does: catalog, checkpoints, bulk flushes, shadow generations.
