//! Stored payment events: exact bytes both ways, broken ones with a clear error, texts about people.

#![allow(clippy::unwrap_used, missing_docs)]

mod payment_support;

use domain::payment::stored::EVENT_TYPES;
use domain::payment::{
    Call, CallClass, CaptureMode, MethodToken, PaymentAggregate, PaymentEvent, RefundCause,
    StuckReason, Unexpected,
};
use domain::{Aggregate, Currency, DecodeError, Money, Timestamp};
use payment_support::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use uuid::Uuid;

fn moment() -> Timestamp {
    Timestamp::from_timestamp_micros(1_700_000_000_000_001).unwrap()
}

/// Every event, and every form that one can have.
#[rustfmt::skip]
fn golden() -> Vec<(PaymentEvent, &'static str)> {
    let refund = || refund_call("r-1");
    let stuck = |reason| PaymentEvent::PaymentStuck { call: Call::Cancel, reason };
    let unexpected = |what| PaymentEvent::UnexpectedMoney { what, amount: cents(1_050) };
    vec![
        (PaymentEvent::PaymentRequested { order_id: Uuid::from_u128(1), checkout_id: Uuid::from_u128(2), amount: cents(1_050), method: MethodToken::parse("tok_visa").unwrap(), capture: CaptureMode::AtDispatch },
         r#"{"order_id":"00000000-0000-0000-0000-000000000001","checkout_id":"00000000-0000-0000-0000-000000000002","amount":"10.50","currency":"EUR","method":"tok_visa","capture":"at_dispatch"}"#),
        (PaymentEvent::PaymentOpened { psp_id: label("pi_1") }, r#"{"psp_id":"pi_1"}"#),
        (PaymentEvent::CustomerActionRequired { until: None }, "{}"),
        (PaymentEvent::CustomerActionRequired { until: Some(moment()) }, r#"{"until":"2023-11-14T22:13:20.000001Z"}"#),
        (PaymentEvent::PaymentAuthorized { amount: cents(1_050), expires_at: None }, r#"{"amount":"10.50","currency":"EUR"}"#),
        (PaymentEvent::PaymentAuthorized { amount: cents(1_050), expires_at: Some(moment()) }, r#"{"amount":"10.50","currency":"EUR","expires_at":"2023-11-14T22:13:20.000001Z"}"#),
        (PaymentEvent::PaymentDeclined { code: None, is_final: false }, r#"{"final":false}"#),
        (PaymentEvent::PaymentDeclined { code: Some(label("lost_card")), is_final: true }, r#"{"code":"lost_card","final":true}"#),
        (PaymentEvent::CaptureRequested { amount: cents(1_050) }, r#"{"amount":"10.50","currency":"EUR"}"#),
        (PaymentEvent::PaymentCaptured { amount: cents(1_050) }, r#"{"amount":"10.50","currency":"EUR"}"#),
        (PaymentEvent::CaptureFailed { code: Some(label("no")), authorization_ended: true }, r#"{"code":"no","authorization_ended":true}"#),
        (PaymentEvent::VoidRequested { reason: None }, "{}"),
        (PaymentEvent::VoidRequested { reason: Some(why()) }, r#"{"reason":"changed my mind"}"#),
        (PaymentEvent::PaymentVoided, "{}"),
        (PaymentEvent::AuthorizationExpired, "{}"),
        (PaymentEvent::RefundRequested { refund_id: id("r-1"), amount: cents(1_050), reason: Some(why()), cause: RefundCause::Asked },
         r#"{"refund_id":"r-1","amount":"10.50","currency":"EUR","cause":"asked","reason":"changed my mind"}"#),
        (PaymentEvent::RefundRequested { refund_id: id("void:1"), amount: cents(1_050), reason: None, cause: RefundCause::Late },
         r#"{"refund_id":"void:1","amount":"10.50","currency":"EUR","cause":"late"}"#),
        (PaymentEvent::PaymentRefunded { refund_id: id("r-1"), amount: cents(1_050) }, r#"{"refund_id":"r-1","amount":"10.50","currency":"EUR"}"#),
        (PaymentEvent::RefundFailed { refund_id: id("r-1"), code: Some(label("no")), is_final: true, listed: 2 }, r#"{"refund_id":"r-1","code":"no","final":true,"listed":2}"#),
        (unexpected(Unexpected::Authorized { expires_at: Some(moment()) }), r#"{"what":"authorized","amount":"10.50","currency":"EUR","expires_at":"2023-11-14T22:13:20.000001Z"}"#),
        (unexpected(Unexpected::Captured), r#"{"what":"captured","amount":"10.50","currency":"EUR"}"#),
        (unexpected(Unexpected::Refunded { refund_id: id("re_x") }), r#"{"what":"refunded","amount":"10.50","currency":"EUR","refund_id":"re_x"}"#),
        (PaymentEvent::CallFailed { call: Call::Open, attempt: 1, class: CallClass::Silence, retry_at: Some(moment()) },
         r#"{"call":"open","attempt":1,"class":"silence","retry_at":"2023-11-14T22:13:20.000001Z"}"#),
        (PaymentEvent::CallFailed { call: refund(), attempt: 12, class: CallClass::ServerError, retry_at: None },
         r#"{"call":"refund","refund_id":"r-1","attempt":12,"class":"server_error"}"#),
        (PaymentEvent::CallFailed { call: Call::Confirm, attempt: 3, class: CallClass::RateLimited, retry_at: None },
         r#"{"call":"confirm","attempt":3,"class":"rate_limited"}"#),
        (stuck(StuckReason::TriesUsedUp), r#"{"call":"cancel","reason":"tries_used_up"}"#),
        (stuck(StuckReason::Refused { code: Some(label("no")) }), r#"{"call":"cancel","reason":"refused","code":"no"}"#),
        (stuck(StuckReason::Doubt), r#"{"call":"cancel","reason":"doubt"}"#),
        (PaymentEvent::CallRetried { call: Call::Capture, by: label("staff-7") }, r#"{"call":"capture","by":"staff-7"}"#),
        (PaymentEvent::CallRetried { call: refund(), by: label("staff-7") }, r#"{"call":"refund","refund_id":"r-1","by":"staff-7"}"#),
    ]
}

#[test]
fn every_event_is_stored_readably_and_exactly_so() {
    let mut names = BTreeSet::new();
    for (event, expected) in golden() {
        let stored = PaymentAggregate::encode(&event);
        assert_eq!(String::from_utf8(stored.payload).unwrap(), expected);
        assert_eq!((stored.event_type, stored.schema_version), (event.stored_name(), 1));
        let read = PaymentAggregate::decode(stored.event_type, 1, expected.as_bytes());
        assert_eq!(read, Ok(event));
        names.insert(stored.event_type);
    }
    let listed: BTreeSet<_> = EVENT_TYPES.iter().map(|(name, _)| *name).collect();
    assert_eq!((&names, EVENT_TYPES.len()), (&listed, names.len()));
}

#[test]
fn unknown_members_are_ignored() {
    let read = PaymentAggregate::decode("PaymentOpened", 1, br#"{"psp_id":"pi_1","psp":"x"}"#);
    assert_eq!(read, Ok(PaymentEvent::PaymentOpened { psp_id: label("pi_1") }));
}

#[test]
fn unreadable_events_are_distinguished() {
    let decode =
        |name, version, payload: &str| PaymentAggregate::decode(name, version, payload.as_bytes());
    let unknown = decode("PaymentTeleported", 1, "{}");
    assert_eq!(unknown, Err(DecodeError::UnknownType("PaymentTeleported".to_owned())));
    for (name, _) in EVENT_TYPES {
        for version in [0, 2] {
            let unknown = decode(name, version, "{}");
            assert!(matches!(unknown, Err(DecodeError::UnknownVersion { .. })), "{name}");
        }
        let broken = decode(name, 1, "not json");
        assert!(matches!(broken, Err(DecodeError::Malformed { .. })), "{name}");
    }
    for (name, payload) in [
        ("PaymentOpened", "{}"),
        ("PaymentDeclined", r#"{"code":"x"}"#),
        ("PaymentCaptured", r#"{"amount":"1.005","currency":"EUR"}"#),
        ("PaymentCaptured", r#"{"amount":"1","currency":"XAU"}"#),
        ("RefundRequested", r#"{"refund_id":"r","amount":"1","currency":"EUR","cause":"mood"}"#),
        ("UnexpectedMoney", r#"{"what":"refunded","amount":"1","currency":"EUR"}"#),
        ("CallRetried", r#"{"call":"refund","by":"x"}"#),
        ("CallFailed", r#"{"call":"dance","attempt":1,"class":"silence"}"#),
    ] {
        let error = decode(name, 1, payload).unwrap_err();
        assert!(matches!(error, DecodeError::Malformed { .. }), "{payload} {error:?}");
    }
    let secret = r#"{"order_id":"tok_secret","method":"tok_secret"}"#;
    let said = decode("PaymentRequested", 1, secret).unwrap_err().to_string();
    assert!(!said.contains("tok_secret"), "{said}");
}

#[test]
fn texts_about_people_are_changed_and_nothing_else() {
    for (event, stored) in golden() {
        let mut changed = event.clone();
        let mut texts = Vec::new();
        PaymentAggregate::change_personal(&mut changed, &mut |text| {
            texts.push(text.to_owned());
            "\u{1a}sealed".to_owned()
        });
        let payload = String::from_utf8(PaymentAggregate::encode(&changed).payload).unwrap();
        let expected = texts.iter().fold(stored.to_owned(), |stored, text| {
            stored.replace(&format!("\"{text}\""), "\"\\u001asealed\"")
        });
        assert_eq!(payload, expected);
        let read = PaymentAggregate::decode(event.stored_name(), 1, payload.as_bytes());
        assert_eq!(read, Ok(changed.clone()));
        let personal = ["tok_visa", "changed my mind"].iter().any(|text| stored.contains(text));
        assert_eq!(personal, !texts.is_empty(), "{stored}");
        let listed = PaymentAggregate::PERSONAL_EVENTS.contains(&event.stored_name());
        assert!(listed || changed == event, "{} is not listed", event.stored_name());
    }
}

fn text() -> impl Strategy<Value = String> {
    "[a-zé日😀\"\\\\/<&'][a-zé日😀\"\\\\/<&' ]{0,19}"
}

fn event() -> impl Strategy<Value = PaymentEvent> {
    let currency = prop::sample::select(vec!["USD", "JPY", "BHD", "CLF"]);
    let texts = (text(), prop::option::of(text()), prop::option::of(0_i64..4_000_000_000_000_000));
    (currency, any::<i64>(), texts, any::<u32>(), 0..12).prop_map(
        |(code, minor, (text, other, micros), number, which)| {
            let amount = Money::from_minor(minor, Currency::from_code(code).unwrap());
            let time = micros.map(|micros| Timestamp::from_timestamp_micros(micros).unwrap());
            let code = other.clone().map(|text| label(&text));
            let reason = other.map(|text| domain::Reason::parse(text).unwrap());
            match which {
                0 => PaymentEvent::PaymentRequested {
                    order_id: Uuid::from_u128(number.into()),
                    checkout_id: Uuid::from_u128(7),
                    amount,
                    method: MethodToken::parse(text).unwrap(),
                    capture: CaptureMode::AtConfirmation,
                },
                1 => PaymentEvent::PaymentOpened { psp_id: label(&text) },
                2 => PaymentEvent::CustomerActionRequired { until: time },
                3 => PaymentEvent::PaymentAuthorized { amount, expires_at: time },
                4 => PaymentEvent::PaymentDeclined { code, is_final: true },
                5 => PaymentEvent::VoidRequested { reason },
                6 => {
                    let (refund_id, cause) = (id("r"), RefundCause::Void);
                    PaymentEvent::RefundRequested { refund_id, amount, reason, cause }
                }
                7 => {
                    let refund_id = id("r");
                    PaymentEvent::RefundFailed { refund_id, code, is_final: false, listed: number }
                }
                8 => {
                    let what = Unexpected::Authorized { expires_at: time };
                    PaymentEvent::UnexpectedMoney { what, amount }
                }
                9 => {
                    let (call, class) = (refund_call("r"), CallClass::Silence);
                    PaymentEvent::CallFailed { call, attempt: number, class, retry_at: time }
                }
                10 => {
                    let reason = StuckReason::Refused { code };
                    PaymentEvent::PaymentStuck { call: Call::Confirm, reason }
                }
                _ => PaymentEvent::CallRetried { call: Call::Open, by: label(&text) },
            }
        },
    )
}

proptest! {
    #[test]
    fn amounts_times_and_escapes_read_back(event in event()) {
        let stored = PaymentAggregate::encode(&event);
        let read = PaymentAggregate::decode(stored.event_type, stored.schema_version, &stored.payload);
        prop_assert_eq!(read, Ok(event));
    }

    #[test]
    fn whatever_is_stored_reading_does_not_panic(which in 0..EVENT_TYPES.len(), version in 0_u16..3, payload in any::<Vec<u8>>()) {
        let read = PaymentAggregate::decode(EVENT_TYPES[which].0, version, &payload);
        let object = payload.contains(&b'{');
        prop_assert!(read.is_err() || object);
    }
}
