//! The hash chain: the exact bytes that are hashed for each event, on every backend and for ever.
//!
//! `hash = SHA-256(hash of the event before ‖ canonical bytes)`; the event before the first has 32 zeroes. The
//! canonical bytes hold everything that is stored of the event, in the order of [`Fields`]: integers as 8 bytes
//! big-endian, ids as 16 bytes, texts as their length (8 bytes) and their bytes, an absent text as the length 2^64−1.
//! Every field is fixed in size or led by its length, so no two different events have the same bytes. They begin with
//! a tag, so that another encoding cannot be mistaken for this one. An event whose stream belongs to another business case
//! has a tag of its own, and the case's id after the stream's; all others are encoded without it.

use crate::RecordedEvent;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The SHA-256 of an event and the hash before it.
pub(crate) type Hash = [u8; 32];

/// The hash before the first event.
pub(crate) const GENESIS: Hash = [0; 32];

const TAG: &[u8] = b"orderlog event 1\n";
/// The tag of an event with a partition key that is not its stream's id.
const KEYED_TAG: &[u8] = b"orderlog event 2\n";
const ABSENT: u64 = u64::MAX;

/// Everything that is stored of one event but its hash.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    pub position: u64,
    pub stream_type: &'a str,
    pub stream_id: Uuid,
    /// `None` = the stream's id.
    pub partition_key: Option<Uuid>,
    pub version: u64,
    pub event_id: Uuid,
    pub event_type: &'a str,
    pub schema_version: u16,
    pub occurred_at: i64,
    pub recorded_at: i64,
    /// Correlation id, causation id, traceparent, actor.
    pub metadata: [Option<&'a str>; 4],
    pub payload: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields of an event read back.
    pub fn of(event: &'a RecordedEvent) -> Self {
        let metadata = &event.metadata;
        Self {
            position: event.position,
            stream_type: event.stream.stream_type.as_str(),
            stream_id: event.stream.id,
            partition_key: event.foreign_partition_key(),
            version: event.version,
            event_id: event.event_id,
            event_type: &event.event_type,
            schema_version: event.schema_version,
            occurred_at: event.occurred_at.timestamp_micros(),
            recorded_at: event.recorded_at.timestamp_micros(),
            metadata: [
                metadata.correlation_id.as_deref(),
                metadata.causation_id.as_deref(),
                metadata.traceparent.as_deref(),
                metadata.actor.as_deref(),
            ],
            payload: &event.payload,
        }
    }

    /// The event's hash, from the hash before it. `scratch` is a reused buffer.
    pub fn hash(&self, previous: &Hash, scratch: &mut Vec<u8>) -> Hash {
        scratch.clear();
        scratch.extend_from_slice(previous);
        self.write_canonical(scratch);
        Sha256::new().chain_update(&*scratch).chain_update(self.payload).finalize().into()
    }

    /// The canonical bytes up to the payload, whose length is the last thing written.
    fn write_canonical(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.partition_key.is_some() { KEYED_TAG } else { TAG });
        out.extend_from_slice(&self.position.to_be_bytes());
        write_text(out, Some(self.stream_type));
        out.extend_from_slice(self.stream_id.as_bytes());
        if let Some(key) = &self.partition_key {
            out.extend_from_slice(key.as_bytes());
        }
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(self.event_id.as_bytes());
        write_text(out, Some(self.event_type));
        out.extend_from_slice(&u64::from(self.schema_version).to_be_bytes());
        out.extend_from_slice(&self.occurred_at.to_be_bytes());
        out.extend_from_slice(&self.recorded_at.to_be_bytes());
        for text in self.metadata {
            write_text(out, text);
        }
        out.extend_from_slice(&(self.payload.len() as u64).to_be_bytes());
    }
}

fn write_text(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        None => out.extend_from_slice(&ABSENT.to_be_bytes()),
        Some(text) => {
            out.extend_from_slice(&(text.len() as u64).to_be_bytes());
            out.extend_from_slice(text.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn hash(fields: Fields<'_>) -> Hash {
        fields.hash(&GENESIS, &mut Vec::new())
    }

    fn encoded(fields: Fields<'_>) -> String {
        let mut bytes = Vec::new();
        fields.write_canonical(&mut bytes);
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_encoding_stays_what_it_was() {
        let expected = concat!(
            "6f726465726c6f67206576656e7420310a", // tag
            "0000000000000007",                   // position
            "00000000000000056f72646572",         // stream type
            "00000000000000000000000000000001",   // stream id
            "0000000000000003",                   // version
            "00000000000000000000000000000002",   // event id
            "00000000000000094e6f74654164646564", // event type
            "0000000000000001",                   // schema version
            "00060a24181e4000",                   // occurred at
            "00060a24181e4001",                   // recorded at
            "000000000000000163",                 // correlation id
            "ffffffffffffffff",                   // causation id: absent
            "ffffffffffffffff",                   // traceparent: absent
            "0000000000000000",                   // actor: empty, which is not absent
            "000000000000000d",                   // payload's length
        );
        assert_eq!(encoded(fields()), expected);
        let key = Uuid::from_u128(5);
        let id = "00000000000000000000000000000001";
        let keyed =
            expected.replacen("310a", "320a", 1).replacen(id, &format!("{id}{:032x}", 5), 1);
        assert_eq!(encoded(Fields { partition_key: Some(key), ..fields() }), keyed);
    }

    #[test]
    fn every_field_changes_the_hash() {
        let base = hash(fields());
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
            assert_ne!(hash(other), base, "{other:?}");
        }
        assert_ne!(fields().hash(&[1; 32], &mut Vec::new()), base);
        assert_eq!(fields().hash(&GENESIS, &mut vec![1, 2, 3]), base);
    }
}
