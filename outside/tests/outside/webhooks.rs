//! Signatures of webhooks. The vectors were computed with OpenSSL's HMAC, not with this code.

use outside::Secret;
use outside::psp::{Notice, WebhookRefused, WebhookSecret};
use proptest::prelude::*;

const SIGNED_AT: i64 = 1_800_000_000;
const BODY: &str = r#"{"id":"evt_1","object":"event","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1","object":"payment_intent"}}}"#;
/// By the secret `whsec_test`.
const OURS: &str = "547491f19702de05e0fa146970e8e21e3a93ae3c123e0e76960dff9fbc591d4b";
/// By the secret `whsec_other`.
const OTHER: &str = "38c91cfc3ae30105d0e78195f18429630c3641b7403f413f558f53f1e35c84bd";

fn verify(header: &str, body: &str, now: i64) -> Result<Notice, WebhookRefused> {
    WebhookSecret(Secret::new("whsec_test")).verify(body.as_bytes(), header, now)
}

#[test]
fn every_header_and_time() {
    use WebhookRefused as No;
    let t = format!("t={SIGNED_AT}");
    let upper = OURS.to_uppercase();
    // header, seconds since it was signed, what becomes of it
    let cells = [
        (format!("{t},v1={OURS}"), 0, Ok(())),
        (format!("{t},v1={OURS}"), 300, Ok(())),
        (format!("{t},v1={OURS}"), -300, Ok(())),
        (format!("{t},v1={OURS}"), 301, Err(No::Stale)),
        (format!("{t},v1={OURS}"), -301, Err(No::Stale)),
        (format!("{t}, v1={OURS}"), 0, Ok(())),
        (format!("{t},v1={upper}"), 0, Ok(())),
        (format!("v1={OURS},{t}"), 0, Ok(())),
        (format!("{t},v1={OTHER},v1={OURS}"), 0, Ok(())),
        (format!("{t},v1={OURS},v1={OTHER}"), 0, Ok(())),
        (format!("{t},v1={OURS},v0=abc"), 0, Ok(())),
        (format!("{t},v1={OTHER}"), 0, Err(No::Forged)),
        (format!("{t},v0={OURS}"), 0, Err(No::Malformed)),
        (format!("{t},v1={}", &OURS[2..]), 0, Err(No::Forged)),
        (format!("{t},v1="), 0, Err(No::Forged)),
        (format!("{t},v1=zz"), 0, Err(No::Malformed)),
        (format!("t={},v1={OURS}", SIGNED_AT + 1), 0, Err(No::Forged)),
        (format!("{t},t={SIGNED_AT},v1={OURS}"), 0, Err(No::Malformed)),
        (format!("t=now,v1={OURS}"), 0, Err(No::Malformed)),
        (format!("t={},v1={OURS}", i64::MIN), 0, Err(No::Forged)),
        (format!("v1={OURS}"), 0, Err(No::Malformed)),
        (t.clone(), 0, Err(No::Malformed)),
        (String::new(), 0, Err(No::Malformed)),
        ("nonsense".to_owned(), 0, Err(No::Malformed)),
    ];
    for (header, age, expected) in cells {
        let result = verify(&header, BODY, SIGNED_AT + age).map(|_| ());
        assert_eq!(result, expected, "{header} after {age} s");
    }
}

#[test]
fn only_ids_and_the_type_are_taken() {
    let notice = verify(&format!("t={SIGNED_AT},v1={OURS}"), BODY, SIGNED_AT).unwrap();
    assert_eq!(notice.event_id, "evt_1");
    assert_eq!(notice.kind, "payment_intent.succeeded");
    assert_eq!(notice.intent.as_deref(), Some("pi_1"));
}

/// Signs as the sandbox does.
fn signed(body: &str) -> String {
    let at = u64::try_from(SIGNED_AT).unwrap();
    sandbox::shell::signature(b"whsec_test", at, body.as_bytes())
}

#[test]
fn genuine_bodies_are_read_by_what_they_are_about() {
    let refund = r#"{"id":"e","type":"refund.created","data":{"object":{"object":"refund","payment_intent":"pi_2"}}}"#;
    let other = r#"{"id":"e","type":"payout.paid","data":{"object":{"object":"payout"}}}"#;
    for (body, intent) in [(refund, Some("pi_2")), (other, None)] {
        let notice = verify(&signed(body), body, SIGNED_AT).unwrap();
        assert_eq!(notice.intent.as_deref(), intent, "{body}");
    }
    for body in ["", "[]", "{\"id\":1}", "not json"] {
        assert_eq!(verify(&signed(body), body, SIGNED_AT), Err(WebhookRefused::NotAnEvent));
    }
}

proptest! {
    #[test]
    fn a_changed_body_is_refused(place in 0..BODY.len(), bit in 0..8_u8) {
        let mut body = BODY.as_bytes().to_vec();
        body[place] ^= 1 << bit;
        let secret = WebhookSecret(Secret::new("whsec_test"));
        let result = secret.verify(&body, &format!("t={SIGNED_AT},v1={OURS}"), SIGNED_AT);
        prop_assert_eq!(result, Err(WebhookRefused::Forged));
    }

    #[test]
    fn any_header_is_answered(header in ".{0,200}", body in ".{0,50}", now in any::<i64>()) {
        prop_assert!(verify(&header, &body, now).is_err());
    }

    #[test]
    fn what_the_sandbox_signs_is_genuine(id in "[a-z0-9]{1,20}", kind in "[a-z.]{1,20}") {
        let body = format!(r#"{{"id":"{id}","type":"{kind}"}}"#);
        let notice = verify(&signed(&body), &body, SIGNED_AT).unwrap();
        prop_assert_eq!((notice.event_id, notice.kind), (id, kind));
    }
}
