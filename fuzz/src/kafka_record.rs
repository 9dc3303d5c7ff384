//! Records of the topic: what is accepted as an event or a watermark could have been written by the relay.
//!
//! An input is a record as text: its key on the first line (none if that is `-`), one header on each line
//! (`name:value`, or a name alone for one without a value), an empty line, and the value (none if the empty line is
//! missing).

use event_store::RecordedEvent;
use relay::wire::{Content, Envelope, MARK_KEY, Poison, decode, event_headers, mark_headers};
use serde_json::Value;

/// The longest name of an event, and the longest text of its metadata.
const MAX_NAME: usize = 200;
const MAX_TEXT: usize = 4 * 1024;

/// Decodes the record, then encodes its content as the relay does and decodes that.
pub fn check(input: &[u8]) {
    let Some(envelope) = envelope(input) else { return };
    let content = decode(&envelope);
    match &content {
        Content::Event(event) => comes_back(event, &envelope),
        Content::Mark(position) => {
            assert_eq!(envelope.key, Some(MARK_KEY.as_bytes()));
            let headers = mark_headers(*position);
            let written = Envelope::new(envelope.key, None, Some(headers.as_borrowed()));
            assert_eq!(decode(&written), content);
        }
        Content::Poison(poison) => claims(poison, &envelope),
    }
    foreign_headers_say_nothing(envelope, &content);
}

fn envelope(input: &[u8]) -> Option<Envelope<'_>> {
    let mut lines = input.split(|byte| *byte == b'\n');
    let mut read = lines.next()?.len() + 1;
    let key = &input[..read - 1];
    let mut envelope = Envelope { key: (key != b"-").then_some(key), ..Envelope::default() };
    for line in lines {
        read += line.len() + 1;
        if line.is_empty() {
            envelope.value = input.get(read..);
            break;
        }
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let name = str::from_utf8(parts.next()?).ok()?;
        envelope.headers.push((name, parts.next()));
    }
    Some(envelope)
}

/// The event is the same after it is written and read, and so is its written form.
fn comes_back(event: &RecordedEvent, envelope: &Envelope<'_>) {
    let key = event.partition_key.to_string();
    assert_eq!(envelope.key, Some(key.as_bytes()));
    assert_eq!(envelope.value, Some(event.payload.as_slice()));
    let headers = event_headers(event);
    let written = Envelope::new(envelope.key, envelope.value, Some(headers.as_borrowed()));
    let read = decode(&written);
    assert_eq!(read, Content::Event(Box::new(event.clone())), "not what was written of it");
    for (name, value) in &written.headers {
        let found = envelope.headers.iter().find(|(known, _)| known == name);
        let is_ours = name.starts_with("ce_");
        assert!(!is_ours || found == Some(&(*name, *value)), "{name} is written otherwise");
    }

    assert!(event.position > 0 && event.version > 0 && event.hash == [0; 32]);
    for name in [event.event_type.as_str(), event.stream.stream_type.as_str()] {
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        assert!((1..=MAX_NAME).contains(&name.len()) && name.bytes().all(sound), "{name}");
    }
    let metadata = &event.metadata;
    for text in
        [&metadata.correlation_id, &metadata.causation_id, &metadata.traceparent, &metadata.actor]
    {
        assert!(text.as_ref().is_none_or(|text| text.len() <= MAX_TEXT));
    }
    for time in [event.occurred_at, event.recorded_at] {
        let micros = chrono::DateTime::from_timestamp_micros(time.timestamp_micros());
        assert_eq!(micros, Some(time), "the log keeps microseconds");
    }
    // A general reader may refuse what is JSON by its grammar: unbounded numbers, half a surrogate, great depth.
    if let Err(error) = serde_json::from_slice::<Value>(&event.payload) {
        assert!(!error.is_eof(), "{error}");
    }
}

/// A poison record's claims come from it, and nothing else of it is repeated.
fn claims(poison: &Poison, envelope: &Envelope<'_>) {
    if let Some(stream) = poison.stream {
        let subject = format!("{}/{}", stream.stream_type, stream.id);
        let found = envelope.headers.iter().find(|(name, _)| *name == "ce_subject");
        assert!(found.is_some_and(|(_, value)| *value == Some(subject.as_bytes())));
    }
    assert!(poison.position != Some(0) && poison.version != Some(0));
    assert!(poison.reason.to_string().len() <= 100);
}

/// Foreign headers, and known ones that are repeated, change nothing.
fn foreign_headers_say_nothing(mut envelope: Envelope<'_>, content: &Content) {
    let repeated: Vec<_> = envelope.headers.iter().map(|(name, _)| (*name, None)).collect();
    envelope.headers.extend(repeated);
    envelope.headers.insert(0, ("x-trace", Some(b"\xff")));
    assert_eq!(&decode(&envelope), content);
}
