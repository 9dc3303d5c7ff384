//! Another program on the same log: an older build, and a newer one.

use crate::world::{Checked, World};
use domain::Aggregate;
use domain::order::OrderAggregate;
use event_store::{Append, Entry, MAX_PAGE, Metadata, NewEvent, StreamType};

/// An event type that no build here can read.
pub const UNREADABLE: &str = "OrderTeleported";
/// The text of notes that an older build wrote.
pub const OLD_NOTE: &str = "from before";

impl World {
    /// Appends to an existing order: an event of an old schema version, or now and then one of an unknown type.
    pub async fn append_foreign(&mut self) -> Checked {
        let order = self.chance.pick(&self.account.orders);
        let stream = StreamType::new(OrderAggregate::STREAM_TYPE).stream(order);
        let before = self.eye.read_stream(&stream, 0, MAX_PAGE).await;
        let before = before.map_err(|error| error.to_string())?;
        let Some(last) = before.last() else { return Ok(()) };
        let (event_type, schema_version, payload) = match self.chance.below(6) {
            0 => (UNREADABLE, 9, "{}".to_owned()),
            _ => ("NoteAdded", 1, format!("{{\"note\":\"{OLD_NOTE}\"}}")),
        };
        let now = server::clock::now();
        let event = NewEvent {
            event_id: server::clock::id(),
            event_type,
            schema_version,
            occurred_at: last.occurred_at.max(now),
            payload: payload.into_bytes(),
        };
        self.account.foreign.push(event.clone());
        let (expected_version, metadata) = (last.version, Metadata::default());
        let entry = Entry {
            stream,
            expected_version,
            partition_key: None,
            events: vec![event],
            metadata,
            answer: None,
            joint: None,
        };
        let appended = self.other.append_staying(Append { entries: vec![entry], recorded_at: now });
        let appended = appended.await.map_err(|error| error.to_string())?;
        self.note(format!("another program adds {event_type} to {order}: {:?}", appended.outcomes));
        self.count(&format!("another program writes {event_type} {schema_version}"));
        Ok(())
    }
}
