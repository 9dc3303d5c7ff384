//! Decisions: which facts follow from a command. See `domain` crate docs.
