//! Every event comes back as it went out; everything else is refused by name.

use super::super::encode::{event_headers, mark_headers};
use super::*;
use crate::wire::Content;
use rdkafka::message::OwnedHeaders;

const ORDER: &str = "018f2b6e-7c1a-7000-8000-000000000001";

fn event() -> RecordedEvent {
    let time = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc);
    RecordedEvent {
        position: 1042,
        stream: StreamId { stream_type: "order", id: ORDER.parse().unwrap() },
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
    let borrowed = headers.as_borrowed();
    let headers = (0..borrowed.count()).map(|index| borrowed.get(index));
    let headers = headers.map(|header| (header.key, header.value)).collect();
    with(Envelope { key: Some(ORDER.as_bytes()), value: Some(br#"{"text": "hi"}"#), headers })
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
    assert_eq!(reason(&headers, |e| e.key = Some(other)), PoisonReason::KeyIsNotSubject);
    assert_eq!(reason(&headers, |e| e.value = None), PoisonReason::NoValue);
    assert_eq!(reason(&headers, |e| e.value = Some(b"{")), PoisonReason::NotJson);
    assert_eq!(reason(&headers, |e| e.value = Some(b"{\"a\":\"\xff\"}")), PoisonReason::NotJson);
    let large: &'static [u8] = vec![b'1'; MAX_RECORD_BYTES + 1].leak();
    assert_eq!(reason(&headers, |e| e.value = Some(large)), PoisonReason::TooLarge);
}

#[test]
fn a_poison_record_tells_what_it_claims_to_be() {
    let headers = event_headers(&event());
    let poison = read(&headers, |envelope| decode(&Envelope { value: None, ..envelope }));
    let Content::Poison(poison) = poison else { panic!("{poison:?}") };
    assert_eq!(poison.order, Some(ORDER.parse().unwrap()));
    assert_eq!((poison.position, poison.version), (Some(1042), Some(3)));
}
