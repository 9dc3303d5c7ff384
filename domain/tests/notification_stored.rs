//! The stored events of a notification, and the names that follow from its id: exact bytes both ways.

#![allow(clippy::unwrap_used, missing_docs)]

mod mail_support;
mod parcel_support;

use domain::notification::{
    Begun, CallFailed, EVENT_TYPES, NotificationAggregate, NotificationEvent, OpenTransmission,
    Refused, Resent, Sent, Stage, message_id, open_transmission, stream_id,
};
use domain::{Aggregate, CallFailure, DecodeError};
use mail_support::*;
use parcel_support::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use uuid::Uuid;

const ID: &str = "8d032847-e950-8ace-a429-f1ac20638dd8";

/// A stored name, its payload, and the event that it is.
fn golden() -> Vec<(&'static str, &'static str, NotificationEvent)> {
    use NotificationEvent as E;
    let sent = Sent { message_id: label("8d032847-e950-8ace-a429-f1ac20638dd8.2@orderlog") };
    vec![
        (
            "NotificationRequested",
            r#"{"template":"order-confirmed","order_id":"00000000-0000-0000-0000-000000000002","checkout_id":"00000000-0000-0000-0000-000000000001","to_ref":"c-1","subject_of":"o-2"}"#,
            E::NotificationRequested(request()),
        ),
        ("TransmissionBegun", r#"{"attempt":2}"#, E::TransmissionBegun(Begun { attempt: 2 })),
        (
            "NotificationSent",
            r#"{"message_id":"8d032847-e950-8ace-a429-f1ac20638dd8.2@orderlog"}"#,
            E::NotificationSent(sent),
        ),
        (
            "NotificationRefused",
            r#"{"code":"mailbox-unknown"}"#,
            E::NotificationRefused(Refused { code: id("mailbox-unknown") }),
        ),
        ("NotificationUnknown", "{}", E::NotificationUnknown),
        (
            "CallFailed",
            r#"{"attempt":3,"class":"rate_limited","retry_at":"2023-11-14T22:13:27.000000Z"}"#,
            E::CallFailed(CallFailed {
                attempt: 3,
                class: CallFailure::RateLimited,
                retry_at: at(7),
            }),
        ),
        ("NotificationStuck", "{}", E::NotificationStuck),
        (
            "NotificationResent",
            r#"{"by":"clerk"}"#,
            E::NotificationResent(Resent { by: label("clerk") }),
        ),
    ]
}

#[test]
fn every_event_is_stored_exactly_so() {
    let mut met = BTreeSet::new();
    for (name, payload, event) in golden() {
        let stored = NotificationAggregate::encode(&event);
        assert_eq!((stored.event_type, stored.schema_version), (name, 1));
        assert_eq!(String::from_utf8(stored.payload).unwrap(), payload);
        assert_eq!(NotificationAggregate::decode(name, 1, payload.as_bytes()), Ok(event));
        met.insert((name, 1));
    }
    assert_eq!(met, BTreeSet::from(EVENT_TYPES));
    assert_eq!(met.len(), EVENT_TYPES.len(), "a name stands twice");
}

#[test]
fn unreadable_events_are_distinguished() {
    let decode = |name, version, payload: &str| {
        NotificationAggregate::decode(name, version, payload.as_bytes())
    };
    let unknown = decode("OrderPlaced", 1, "{}");
    assert_eq!(unknown, Err(DecodeError::UnknownType("OrderPlaced".to_owned())));
    for (name, _) in EVENT_TYPES {
        for version in [0, 2] {
            let newer = decode(name, version, "{}");
            assert!(matches!(newer, Err(DecodeError::UnknownVersion { .. })), "{newer:?}");
        }
        for payload in ["not json", "7", ""] {
            let broken = decode(name, 1, payload);
            assert!(matches!(broken, Err(DecodeError::Malformed { .. })), "{name} {broken:?}");
        }
    }
    let more = decode("TransmissionBegun", 1, r#"{"attempt":1,"server":"mx"}"#);
    assert!(more.is_ok(), "unknown members are ignored");
}

#[test]
fn no_event_holds_texts_about_people() {
    for (name, _, event) in golden() {
        let mut changed = event.clone();
        NotificationAggregate::change_personal(&mut changed, &mut |_| "changed".to_owned());
        assert_eq!(changed, event, "{name}");
    }
    assert_eq!(NotificationAggregate::PERSONAL_EVENTS, [""; 0]);
}

#[test]
fn names_follow_from_checkout_template_and_try() {
    let notification = stream_id(Uuid::from_u128(1), "order-confirmed");
    assert_eq!(notification.to_string(), ID);
    assert_eq!(message_id(notification, 1), format!("{ID}.1@orderlog"));
    let mut story = Story::<NotificationAggregate>::default();
    let first = story.tell(&requested()).unwrap();
    assert_eq!(NotificationAggregate::partition_key(&first[0]), Some(request().order_id));
    assert_eq!(story.state.as_ref().unwrap().id(), notification);
}

#[test]
fn the_open_try_says_when_it_is_due_and_whether_it_has_begun() {
    let mut story = Story::<NotificationAggregate>::default();
    let mut after = |command| {
        story.tell(&command).unwrap();
        open_transmission(story.state.as_ref().unwrap())
    };
    let open = |attempt: u32, due_at, begun| {
        let message_id = format!("{ID}.{attempt}@orderlog");
        Some(OpenTransmission { attempt, message_id, due_at, begun })
    };
    assert_eq!(after(requested()), open(1, at(1), false));
    assert_eq!(after(failed(1, Stage::Before)), open(2, at(101), false));
    assert_eq!(after(begin(2)), open(2, at(101), true));
    assert_eq!(after(unknown(2)), None);
    assert_eq!(after(resend()), open(3, at(5), false));
}

proptest! {
    #[test]
    fn no_two_tries_share_a_name(
        tries in prop::collection::btree_set((0_u128..4, "[a-c]{1,2}", 1_u32..4), 2..12),
    ) {
        let names: BTreeSet<_> = tries
            .iter()
            .map(|(checkout, template, attempt)| {
                message_id(stream_id(Uuid::from_u128(*checkout), template), *attempt)
            })
            .collect();
        prop_assert_eq!(names.len(), tries.len());
    }
}
