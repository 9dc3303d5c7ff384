//! The hash chain: what is hashed for each event, on every backend and for ever.
//!
//! `hash = SHA-256(hash of the event before ‖ bytes of the event)`; the event before the first has 32 zeroes. The
//! bytes are those of [`event_bytes`], followed by the payload.

use crate::RecordedEvent;
pub(crate) use event_bytes::Fields;
use sha2::{Digest, Sha256};

/// The SHA-256 of an event and the hash before it.
pub(crate) type Hash = [u8; 32];

/// The hash before the first event.
pub(crate) const GENESIS: Hash = [0; 32];

/// An event's hash, from the hash before it. `scratch` is a reused buffer.
pub(crate) fn hash(fields: &Fields<'_>, previous: &Hash, scratch: &mut Vec<u8>) -> Hash {
    scratch.clear();
    scratch.extend_from_slice(previous);
    fields.write_head(scratch);
    Sha256::new().chain_update(&*scratch).chain_update(fields.payload).finalize().into()
}

impl RecordedEvent {
    /// Everything that is stored of it but its hash, to be written as bytes.
    pub fn fields(&self) -> Fields<'_> {
        let metadata = &self.metadata;
        Fields {
            position: self.position,
            stream_type: self.stream.stream_type.as_str(),
            stream_id: self.stream.id,
            partition_key: self.foreign_partition_key(),
            version: self.version,
            event_id: self.event_id,
            event_type: &self.event_type,
            schema_version: self.schema_version,
            occurred_at: self.occurred_at.timestamp_micros(),
            recorded_at: self.recorded_at.timestamp_micros(),
            metadata: [
                metadata.correlation_id.as_deref(),
                metadata.causation_id.as_deref(),
                metadata.traceparent.as_deref(),
                metadata.actor.as_deref(),
            ],
            payload: &self.payload,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn fields() -> Fields<'static> {
        Fields {
            position: 7,
            stream_type: "order",
            stream_id: Uuid::from_u128(1),
            partition_key: None,
            version: 3,
            event_id: Uuid::from_u128(2),
            event_type: "NoteAdded",
            schema_version: 1,
            occurred_at: 1_700_000_000_000_000,
            recorded_at: 1_700_000_000_000_001,
            metadata: [Some("c"), None, None, Some("")],
            payload: br#"{"text":"hi"}"#,
        }
    }

    fn first(fields: Fields<'_>) -> Hash {
        hash(&fields, &GENESIS, &mut Vec::new())
    }

    #[test]
    fn every_field_changes_the_hash() {
        let base = first(fields());
        let changed = [
            Fields { position: 8, ..fields() },
            Fields { stream_type: "ordes", ..fields() },
            Fields { stream_id: Uuid::from_u128(9), ..fields() },
            Fields { partition_key: Some(Uuid::from_u128(9)), ..fields() },
            Fields { version: 4, ..fields() },
            Fields { event_id: Uuid::from_u128(9), ..fields() },
            Fields { event_type: "NoteAddee", ..fields() },
            Fields { schema_version: 2, ..fields() },
            Fields { occurred_at: 0, ..fields() },
            Fields { recorded_at: 0, ..fields() },
            Fields { metadata: [Some("d"), None, None, Some("")], ..fields() },
            Fields { metadata: [None, Some("c"), None, Some("")], ..fields() },
            Fields { metadata: [Some("c"), None, None, None], ..fields() },
            Fields { payload: br#"{"text":"ho"}"#, ..fields() },
            Fields { payload: br#"{"text": "hi"}"#, ..fields() },
        ];
        for other in changed {
            assert_ne!(first(other), base, "{other:?}");
        }
        assert_ne!(hash(&fields(), &[1; 32], &mut Vec::new()), base);
        assert_eq!(hash(&fields(), &GENESIS, &mut vec![1, 2, 3]), base);
    }
}
