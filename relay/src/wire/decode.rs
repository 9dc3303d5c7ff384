//! Decodes the records that a consumer reads, and trusts none of them.

use super::{Content, MARK_HEADER, MARK_KEY, MAX_RECORD_BYTES, Poison, PoisonReason, SOURCE};
use chrono::DateTime;
use event_store::{Metadata, RecordedEvent, StreamId, StreamType, Timestamp};
use rdkafka::message::{Headers, Message};
use serde::de::IgnoredAny;
use std::str::FromStr;
use uuid::Uuid;

/// The most headers that are read; further ones are ignored.
const MAX_HEADERS: usize = 64;
/// The longest header value that is read, in bytes.
const MAX_HEADER_BYTES: usize = 4 * 1024;
/// The longest name of an event or a stream type.
const MAX_NAME_BYTES: usize = 200;

/// A record as received: borrowed and unchecked.
#[derive(Debug, Default)]
pub struct Envelope<'a> {
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value: of an event, its payload.
    pub value: Option<&'a [u8]>,
    /// Names and values, in their order. Of a name that is repeated, the first counts.
    pub headers: Vec<(&'a str, Option<&'a [u8]>)>,
}

impl<'a> Envelope<'a> {
    /// The parts of a consumed message.
    pub fn of(message: &'a impl Message) -> Self {
        Self::new(message.key(), message.payload(), message.headers())
    }

    /// An envelope of these parts; headers beyond 64 are left out.
    pub fn new(
        key: Option<&'a [u8]>,
        value: Option<&'a [u8]>,
        headers: Option<&'a impl Headers>,
    ) -> Self {
        let headers = headers.map(|headers| {
            let count = headers.count().min(MAX_HEADERS);
            (0..count).map(|index| headers.get(index)).map(|h| (h.key, h.value)).collect()
        });
        Self { key, value, headers: headers.unwrap_or_default() }
    }

    fn text(&self, name: &'static str) -> Result<Option<&'a str>, PoisonReason> {
        let Some((_, value)) = self.headers.iter().find(|(key, _)| *key == name) else {
            return Ok(None);
        };
        let value = value.filter(|value| value.len() <= MAX_HEADER_BYTES);
        let text = value.and_then(|value| str::from_utf8(value).ok());
        text.map(Some).ok_or(PoisonReason::BadHeader(name))
    }

    fn required(&self, name: &'static str) -> Result<&'a str, PoisonReason> {
        self.text(name)?.ok_or(PoisonReason::MissingHeader(name))
    }

    /// A value in the one form that the relay writes it in.
    fn parsed<T: FromStr + ToString>(&self, name: &'static str) -> Result<T, PoisonReason> {
        let text = self.required(name)?;
        let value = text.parse::<T>().ok().filter(|value| value.to_string() == text);
        value.ok_or(PoisonReason::BadHeader(name))
    }

    /// A place: a number from 1.
    fn place(&self, name: &'static str) -> Result<u64, PoisonReason> {
        match self.parsed(name)? {
            0 => Err(PoisonReason::BadHeader(name)),
            place => Ok(place),
        }
    }

    fn time(&self, name: &'static str) -> Result<Timestamp, PoisonReason> {
        let text = self.required(name)?;
        let time = text.parse::<Timestamp>().ok();
        // The log keeps microseconds, and stores a leap second as the moment after it.
        let time = time.and_then(|time| DateTime::from_timestamp_micros(time.timestamp_micros()));
        let time = time.filter(|time| server::clock::wire(*time) == text);
        time.ok_or(PoisonReason::BadHeader(name))
    }

    fn name(&self, header: &'static str, name: &'a str) -> Result<&'a str, PoisonReason> {
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        match !name.is_empty() && name.len() <= MAX_NAME_BYTES && name.bytes().all(sound) {
            true => Ok(name),
            false => Err(PoisonReason::BadHeader(header)),
        }
    }
}

/// Decodes a record; a record that no relay wrote is [`Content::Poison`].
pub fn decode(envelope: &Envelope<'_>) -> Content {
    let read = match envelope.key {
        Some(key) if key == MARK_KEY.as_bytes() => envelope.parsed(MARK_HEADER).map(Content::Mark),
        _ => event(envelope).map(|event| Content::Event(Box::new(event))),
    };
    read.unwrap_or_else(|reason| {
        Content::Poison(Poison {
            reason,
            stream: subject(envelope).ok(),
            position: envelope.place("ce_sequence").ok(),
            version: envelope.place("ce_streamversion").ok(),
        })
    })
}

fn key(envelope: &Envelope<'_>) -> Result<Uuid, PoisonReason> {
    let key = envelope.key.and_then(|key| str::from_utf8(key).ok()).ok_or(PoisonReason::Key)?;
    // Only the hyphenated form in lower case hashes to the case's partition.
    canonical(key).ok_or(PoisonReason::Key)
}

fn canonical(text: &str) -> Option<Uuid> {
    let mut canonical = Uuid::encode_buffer();
    let id = Uuid::try_parse(text).ok()?;
    (text == id.hyphenated().encode_lower(&mut canonical)).then_some(id)
}

fn event(envelope: &Envelope<'_>) -> Result<RecordedEvent, PoisonReason> {
    let partition_key = key(envelope)?;
    if envelope.required("ce_specversion")? != "1.0" {
        return Err(PoisonReason::BadHeader("ce_specversion"));
    }
    if envelope.required("ce_source")? != SOURCE {
        return Err(PoisonReason::BadHeader("ce_source"));
    }
    let event_type = envelope.name("ce_type", envelope.required("ce_type")?)?;
    let stream = subject(envelope)?;
    if envelope.parsed::<Uuid>("ce_partitionkey")? != partition_key {
        return Err(PoisonReason::KeyIsNotPartitionKey);
    }
    let text = |name| Ok::<_, PoisonReason>(envelope.text(name)?.map(str::to_owned));
    Ok(RecordedEvent {
        position: envelope.place("ce_sequence")?,
        version: envelope.place("ce_streamversion")?,
        event_id: envelope.parsed("ce_id")?,
        event_type: event_type.to_owned(),
        schema_version: envelope.parsed("ce_dataschemaversion")?,
        occurred_at: envelope.time("ce_time")?,
        recorded_at: envelope.time("ce_recordedtime")?,
        metadata: Metadata {
            correlation_id: text("ce_correlationid")?,
            causation_id: text("ce_causationid")?,
            traceparent: text("ce_traceparent")?,
            actor: text("ce_actor")?,
        },
        payload: payload(envelope)?.to_vec(),
        hash: [0; 32],
        stream,
        partition_key,
    })
}

fn subject(envelope: &Envelope<'_>) -> Result<StreamId, PoisonReason> {
    const HEADER: &str = "ce_subject";
    let (name, id) =
        envelope.required(HEADER)?.split_once('/').ok_or(PoisonReason::BadHeader(HEADER))?;
    let id = canonical(id).ok_or(PoisonReason::BadHeader(HEADER))?;
    let stream_type = StreamType::parse(name).ok_or(PoisonReason::BadHeader(HEADER))?;
    Ok(stream_type.stream(id))
}

fn payload<'a>(envelope: &Envelope<'a>) -> Result<&'a [u8], PoisonReason> {
    let value = envelope.value.ok_or(PoisonReason::NoValue)?;
    if value.len() > MAX_RECORD_BYTES {
        return Err(PoisonReason::TooLarge);
    }
    match serde_json::from_slice::<IgnoredAny>(value) {
        Ok(_) if str::from_utf8(value).is_ok() => Ok(value),
        _ => Err(PoisonReason::NotJson),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
