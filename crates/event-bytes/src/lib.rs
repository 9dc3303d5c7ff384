//! The exact bytes of a stored event: what the log's hash chain covers, and a leaf of its Merkle tree.
//!
//! They hold everything that is stored of the event but its hash, in the order of [`Fields`]: integers as 8 bytes
//! big-endian, ids as 16 bytes, texts as their length (8 bytes) and their bytes, an absent text as the length 2^64−1.
//! Every field is fixed in size or led by its length, so no two different events have the same bytes. They begin with
//! a tag, so that another encoding cannot be mistaken for this one. An event whose stream belongs to another business case
//! has a tag of its own, and the case's id after the stream's; all others are encoded without it. The encoding is the
//! same on every backend, and never changes.

use uuid::Uuid;

const TAG: &[u8] = b"orderlog event 1\n";
/// The tag of an event with a partition key that is not its stream's id.
const KEYED_TAG: &[u8] = b"orderlog event 2\n";
const ABSENT: u64 = u64::MAX;

/// Everything that is stored of one event but its hash.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)] // each holds what its name says
pub struct Fields<'a> {
    pub position: u64,
    pub stream_type: &'a str,
    pub stream_id: Uuid,
    /// `None` = the stream's id.
    pub partition_key: Option<Uuid>,
    pub version: u64,
    pub event_id: Uuid,
    pub event_type: &'a str,
    pub schema_version: u16,
    /// Microseconds since 1970, as the next one.
    pub occurred_at: i64,
    pub recorded_at: i64,
    /// Correlation id, causation id, traceparent, actor.
    pub metadata: [Option<&'a str>; 4],
    pub payload: &'a [u8],
}

impl Fields<'_> {
    /// Writes the bytes up to the payload, whose length is the last thing written. The payload follows them.
    pub fn write_head(&self, out: &mut Vec<u8>) {
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

    fn encoded(fields: Fields<'_>) -> String {
        let mut bytes = Vec::new();
        fields.write_head(&mut bytes);
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
}
