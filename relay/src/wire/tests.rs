//! Every event comes back as it went out; everything else is refused by name.

use super::super::encode::{event_headers, mark_headers};
use super::*;
use crate::wire::Content;
use chrono::Utc;
use event_store::StreamType;
use rdkafka::message::OwnedHeaders;

const ORDER: &str = "018f2b6e-7c1a-7000-8000-000000000001";

fn event() -> RecordedEvent {
    let time = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc);
    RecordedEvent {
        position: 1042,
        stream: StreamId { stream_type: StreamType::new("order"), id: ORDER.parse().unwrap() },
        partition_key: ORDER.parse().unwrap(),
        version: 3,
        event_id: Uuid::from_u128(77),
        event_type: "NoteAdded".to_owned(),
        schema_version: 1,
        occurred_at: time("2026-03-03T00:00:00.000001Z"),
        recorded_at: time("2026-03-03T00:00:01Z"),
        metadata: Metadata {
            correlation_id: Some("c".to_owned()),
            causation_id: None,
            traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
            actor: Some("clerk".to_owned()),
        },
        payload: br#"{"text": "hi"}"#.to_vec(),
        hash: [0; 32],
    }
}

fn read<R>(headers: &OwnedHeaders, with: impl FnOnce(Envelope<'_>) -> R) -> R {
    let (key, value) = (ORDER.as_bytes(), br#"{"text": "hi"}"#);
    with(Envelope::new(Some(key), Some(value), Some(headers.as_borrowed())))
}

fn reason(headers: &OwnedHeaders, change: impl FnOnce(&mut Envelope<'_>)) -> PoisonReason {
    read(headers, |mut envelope| {
        change(&mut envelope);
        match decode(&envelope) {
            Content::Poison(poison) => poison.reason,
            other => panic!("{other:?}"),
        }
    })
}

#[test]
fn an_event_comes_back_as_it_went_out() {
    for metadata in [event().metadata, Metadata::default()] {
        let event = RecordedEvent { metadata, ..event() };
        let decoded = read(&event_headers(&event), |envelope| decode(&envelope));
        assert_eq!(decoded, Content::Event(Box::new(event)));
    }
}

#[test]
fn an_event_of_another_case_comes_back_under_the_key_of_that_case() {
    let voucher = StreamType::new("voucher").stream(Uuid::from_u128(5));
    let event = RecordedEvent { stream: voucher, ..event() };
    let decoded = read(&event_headers(&event), |envelope| decode(&envelope));
    assert_eq!(decoded, Content::Event(Box::new(event.clone())));
    // Under its own id it would lie in another partition than the rest of its case.
    let own = event.stream.id.to_string();
    let poison = read(&event_headers(&event), |envelope| {
        decode(&Envelope { key: Some(own.as_bytes()), ..envelope })
    });
    let Content::Poison(poison) = poison else { panic!("{poison:?}") };
    let found = (poison.reason, poison.stream);
    assert_eq!(found, (PoisonReason::KeyIsNotPartitionKey, Some(event.stream)));
}

#[test]
fn a_mark_comes_back_as_it_went_out() {
    let decoded = read(&mark_headers(7), |envelope| {
        decode(&Envelope { key: Some(MARK_KEY.as_bytes()), value: None, ..envelope })
    });
    assert_eq!(decoded, Content::Mark(7));
    let unreadable = Envelope { key: Some(MARK_KEY.as_bytes()), ..Envelope::default() };
    assert!(matches!(decode(&unreadable), Content::Poison(_)));
}

#[test]
fn every_required_header_is_missed_by_name() {
    let headers = event_headers(&event());
    for name in [
        "ce_specversion",
        "ce_id",
        "ce_source",
        "ce_type",
        "ce_subject",
        "ce_partitionkey",
        "ce_time",
        "ce_sequence",
        "ce_streamversion",
        "ce_dataschemaversion",
        "ce_recordedtime",
    ] {
        let missing = reason(&headers, |e| e.headers.retain(|(key, _)| *key != name));
        assert_eq!(missing, PoisonReason::MissingHeader(name));
        let bad = reason(&headers, |e| {
            let header = e.headers.iter_mut().find(|(key, _)| *key == name).unwrap();
            header.1 = Some(b"\xff/\n");
        });
        assert_eq!(bad, PoisonReason::BadHeader(name));
    }
}

#[test]
fn values_and_keys_that_cannot_be_are_refused() {
    let headers = event_headers(&event());
    assert_eq!(reason(&headers, |e| e.key = None), PoisonReason::Key);
    assert_eq!(reason(&headers, |e| e.key = Some(b"")), PoisonReason::Key);
    let upper = ORDER.to_uppercase();
    let upper: &'static [u8] = upper.leak().as_bytes();
    assert_eq!(reason(&headers, |e| e.key = Some(upper)), PoisonReason::Key);
    let other = b"018f2b6e-7c1a-7000-8000-000000000002";
    assert_eq!(reason(&headers, |e| e.key = Some(other)), PoisonReason::KeyIsNotPartitionKey);
    assert_eq!(reason(&headers, |e| e.value = None), PoisonReason::NoValue);
    assert_eq!(reason(&headers, |e| e.value = Some(b"{")), PoisonReason::NotJson);
    assert_eq!(reason(&headers, |e| e.value = Some(b"{\"a\":\"\xff\"}")), PoisonReason::NotJson);
    let large: &'static [u8] = vec![b'1'; MAX_RECORD_BYTES + 1].leak();
    assert_eq!(reason(&headers, |e| e.value = Some(large)), PoisonReason::TooLarge);
}

#[test]
fn a_value_in_another_form_than_the_relay_writes_is_refused() {
    let headers = event_headers(&event());
    for (name, value) in [
        ("ce_time", "2026-03-03T00:00:00Z"),
        ("ce_time", "2026-03-03T00:00:00.000001001Z"),
        ("ce_time", "2026-03-03T01:00:00.000001+01:00"),
        ("ce_time", "2026-03-03 00:00:00.000001Z"),
        ("ce_recordedtime", "2016-12-31T23:59:60.000000Z"),
        ("ce_recordedtime", "9999-12-31T23:59:59.000000-23:59"),
        ("ce_sequence", "+1042"),
        ("ce_streamversion", "03"),
        ("ce_dataschemaversion", "+1"),
        ("ce_id", "{00000000-0000-0000-0000-00000000004d}"),
        ("ce_id", "0000000000000000000000000000004D"),
        ("ce_subject", "order/018F2B6E-7C1A-7000-8000-000000000001"),
        ("ce_partitionkey", "018F2B6E-7C1A-7000-8000-000000000001"),
        ("ce_partitionkey", "018f2b6e7c1a70008000000000000001"),
        ("ce_subject", "order/urn:uuid:018f2b6e-7c1a-7000-8000-000000000001"),
    ] {
        let bad = reason(&headers, |e| {
            let header = e.headers.iter_mut().find(|(key, _)| *key == name).unwrap();
            header.1 = Some(value.as_bytes());
        });
        assert_eq!(bad, PoisonReason::BadHeader(name), "{value}");
    }
    let mark = Envelope {
        key: Some(MARK_KEY.as_bytes()),
        headers: vec![(MARK_HEADER, Some(b"+7"))],
        ..Envelope::default()
    };
    assert!(matches!(decode(&mark), Content::Poison(_)));
}

#[test]
fn every_time_that_the_log_can_hold_comes_back() {
    for micros in [
        0,
        -1,
        i64::MIN / 1_000,
        i64::MAX / 1_000,
        -62_167_219_200_000_001,
        253_402_300_800_000_000,
    ] {
        let time = DateTime::from_timestamp_micros(micros).unwrap();
        let event = RecordedEvent { occurred_at: time, recorded_at: time, ..event() };
        let decoded = read(&event_headers(&event), |envelope| decode(&envelope));
        assert_eq!(decoded, Content::Event(Box::new(event)), "{time}");
    }
}

#[test]
fn a_poison_record_tells_what_it_claims_to_be() {
    let headers = event_headers(&event());
    let poison = read(&headers, |envelope| decode(&Envelope { value: None, ..envelope }));
    let Content::Poison(poison) = poison else { panic!("{poison:?}") };
    assert_eq!(poison.stream, Some(event().stream));
    assert_eq!((poison.position, poison.version), (Some(1042), Some(3)));
}
