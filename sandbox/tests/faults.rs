//! Each fault of a plan: what the caller gets, and what truly happened.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use sandbox::core::{Account, Fate, Plan, Sandbox};
use serde_json::{Value, json};
use support::{START, answer, get, opened, plain, post, request, sandbox};

const DAY: u64 = 24 * 3_600_000;

/// A sandbox in whose only intent 1000 usd are held, and whose next capture has this fault.
fn held(fault: Value, keys: bool) -> (Sandbox, String) {
    let rule = json!({ "call": "capture", "fault": fault, "times": 1 });
    let mut sandbox = sandbox(json!({ "keys": keys, "rules": [rule] }));
    let id = opened(&mut sandbox, "pm_card_visa");
    answer(sandbox.answer(START, &post(&format!("/v1/payment_intents/{id}/confirm"), &[])));
    (sandbox, id)
}

fn got(fate: &Fate) -> String {
    match fate {
        Fate::Answer(reply) => reply.status.to_string(),
        Fate::Silence => "silence".to_owned(),
        Fate::Cut => "cut".to_owned(),
    }
}

#[test]
fn every_fault_of_a_capture() {
    // fault, what the caller gets, what the merchant has then, what a repeat under the same key gets, what the merchant has in the end
    let cells = [
        (json!({ "kind": "delay", "ms": 50 }), "200", 1000, "200", 1000),
        (json!({ "kind": "silence_before" }), "silence", 0, "200", 1000),
        (json!({ "kind": "silence_after" }), "silence", 1000, "200", 1000),
        (json!({ "kind": "perform_late", "ms": 50 }), "silence", 0, "409", 0),
        (json!({ "kind": "reset" }), "cut", 0, "200", 1000),
        (json!({ "kind": "reset", "performed": true }), "cut", 1000, "200", 1000),
        (json!({ "kind": "too_many", "retry_after_s": 3 }), "429", 0, "200", 1000),
        (json!({ "kind": "server_error" }), "500", 0, "500", 0),
        (json!({ "kind": "server_error", "performed": true }), "500", 1000, "500", 1000),
        (json!({ "kind": "decline", "code": "expired" }), "400", 0, "400", 0),
        (json!({ "kind": "action_required" }), "200", 1000, "200", 1000),
    ];
    for (fault, first, merchant, second, in_the_end) in cells {
        let (mut sandbox, id) = held(fault.clone(), true);
        let capture =
            request("POST", &format!("/v1/payment_intents/{id}/capture"), &[], Some("key"));
        let fate = sandbox.answer(START, &capture).fate;
        assert_eq!(got(&fate), first, "{fault}");
        assert_eq!(sandbox.ledger().balance("usd", Account::Merchant), merchant, "{fault}");
        let fate = sandbox.answer(START, &capture).fate;
        assert_eq!(got(&fate), second, "{fault}, again");
        assert_eq!(sandbox.ledger().balance("usd", Account::Merchant), in_the_end, "{fault}");
    }
}

#[test]
fn without_keys_a_repeat_is_a_call_of_its_own() {
    let (mut sandbox, id) = held(json!({ "kind": "server_error" }), false);
    let capture = request("POST", &format!("/v1/payment_intents/{id}/capture"), &[], Some("key"));
    assert_eq!(got(&sandbox.answer(START, &capture).fate), "500");
    assert_eq!(got(&sandbox.answer(START, &capture).fate), "200");
    for _ in 0..2 {
        let form = [("payment_intent", id.as_str()), ("amount", "300")];
        let refund = request("POST", "/v1/refunds", &form, Some("same"));
        assert_eq!(got(&sandbox.answer(START, &refund).fate), "200");
    }
    assert_eq!(sandbox.ledger().net_of(&id), 400, "two refunds of 300");
}

#[test]
fn what_is_late_is_performed_when_it_is_due_and_its_answer_is_kept() {
    let (mut sandbox, id) = held(json!({ "kind": "perform_late", "ms": 50 }), true);
    let capture = request("POST", &format!("/v1/payment_intents/{id}/capture"), &[], Some("key"));
    assert_eq!(sandbox.answer(START, &capture).fate, Fate::Silence);
    assert_eq!(sandbox.next_due_ms(), Some(START), "the webhooks of the confirmation");
    sandbox.take_due_webhooks(START + 49);
    assert_eq!((sandbox.ledger().net_of(&id), sandbox.next_due_ms()), (0, Some(START + 50)));
    sandbox.advance(START + 50);
    assert_eq!(sandbox.ledger().net_of(&id), 1000);
    let again = answer(sandbox.answer(START + 60, &capture));
    assert!(again.replayed && again.status == 200, "{again:?}");
}

#[test]
fn a_late_call_meets_what_came_before_it() {
    let (mut sandbox, id) = held(json!({ "kind": "perform_late", "ms": 50 }), true);
    let capture = request("POST", &format!("/v1/payment_intents/{id}/capture"), &[], Some("one"));
    sandbox.answer(START, &capture);
    let cancel = post(&format!("/v1/payment_intents/{id}/cancel"), &[]);
    assert_eq!(answer(sandbox.answer(START + 10, &cancel)).status, 200);
    let late = answer(sandbox.answer(START + 100, &capture));
    assert_eq!(late.body["error"]["code"], "payment_intent_unexpected_state");
    assert_eq!(sandbox.ledger().net_of(&id), 0);
}

#[test]
fn a_key_is_kept_for_a_day_and_for_one_request() {
    let mut sandbox = plain();
    let form = [("amount", "1000"), ("currency", "usd")];
    let open = request("POST", "/v1/payment_intents", &form, Some("key"));
    let first = answer(sandbox.answer(START, &open)).body;
    let again = answer(sandbox.answer(START + DAY - 1, &open));
    assert_eq!((&again.body, again.replayed), (&first, true));
    let other = [("amount", "2000"), ("currency", "usd")];
    let other = request("POST", "/v1/payment_intents", &other, Some("key"));
    let refused = answer(sandbox.answer(START, &other));
    assert_eq!(refused.body["error"]["type"], "idempotency_error");
    let next_day = answer(sandbox.answer(START + DAY, &open)).body;
    assert_ne!(next_day["id"], first["id"]);
}

#[test]
fn confirmations_are_declined_or_ask_as_planned() {
    for (fault, status, after) in [
        (json!({ "kind": "decline", "code": "lost_card" }), 402, "requires_payment_method"),
        (json!({ "kind": "action_required" }), 200, "requires_action"),
    ] {
        let mut sandbox = sandbox(json!({ "rules": [{ "call": "confirm", "fault": fault }] }));
        let id = opened(&mut sandbox, "pm_card_visa");
        let confirm = post(&format!("/v1/payment_intents/{id}/confirm"), &[]);
        assert_eq!(answer(sandbox.answer(START, &confirm)).status, status);
        let read = answer(sandbox.answer(START, &get(&format!("/v1/payment_intents/{id}"))));
        assert_eq!(read.body["status"], after);
    }
}

#[test]
fn rules_are_skipped_counted_and_drawn_by_the_seed() {
    let statuses = |seed: u64, percent: u8| {
        let rule = json!({ "call": "read", "fault": { "kind": "too_many" },
            "percent": percent, "skip": 2, "times": 30 });
        let mut sandbox = sandbox(json!({ "seed": seed, "rules": [rule] }));
        let read = get("/v1/payment_intents/pi_none");
        (0..100).map(|_| answer(sandbox.answer(START, &read)).status).collect::<Vec<_>>()
    };
    let all = statuses(1, 100);
    let expected = [vec![404; 2], vec![429; 30], vec![404; 68]].concat();
    assert_eq!(all, expected);
    assert_eq!(statuses(1, 20), statuses(1, 20), "one seed, one course");
    assert_ne!(statuses(1, 20), statuses(2, 20), "another seed, another course");
    let hits = statuses(3, 20).iter().filter(|it| **it == 429).count();
    assert!((5..=30).contains(&hits), "{hits} of 98 at 20 %");
}

#[test]
fn a_plan_beyond_its_limits_is_refused() {
    for plan in [
        json!({ "webhooks": { "copies": 11 } }),
        json!({ "webhooks": { "spread_ms": 3_600_001_u64 } }),
        json!({ "rules": [{ "fault": { "kind": "delay", "ms": 3_600_001_u64 } }] }),
        json!({ "rules": [{ "fault": { "kind": "reset" }, "percent": 101 }] }),
    ] {
        let plan: Plan = serde_json::from_value(plan).unwrap();
        assert!(Sandbox::new(START).follow(plan.clone()).is_err(), "{plan:?}");
    }
}

#[test]
fn webhooks_come_as_often_and_as_late_as_planned_and_permuted() {
    let types = |plan: Value| {
        let mut sandbox = sandbox(json!({ "seed": 5, "webhooks": plan }));
        let id = opened(&mut sandbox, "pm_card_visa");
        for verb in ["confirm", "capture"] {
            let path = format!("/v1/payment_intents/{id}/{verb}");
            answer(sandbox.answer(START, &post(&path, &[])));
        }
        let due = |sandbox: &mut Sandbox, at| {
            let due = sandbox.take_due_webhooks(at);
            due.iter().map(|it| it.body["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        (due(&mut sandbox, START), due(&mut sandbox, START + 1_000))
    };
    let in_order = ["created", "amount_capturable_updated", "succeeded"];
    let in_order: Vec<String> = in_order.iter().map(|it| format!("payment_intent.{it}")).collect();
    assert_eq!(types(json!({})), (in_order.clone(), vec![]));
    assert_eq!(types(json!({ "copies": 0 })), (vec![], vec![]));
    assert_eq!(types(json!({ "delay_ms": 1_000 })), (vec![], in_order.clone()));
    let (_, spread) = types(json!({ "copies": 5, "delay_ms": 1, "spread_ms": 900 }));
    let mut counted = spread.clone();
    counted.sort();
    counted.dedup();
    assert_eq!((spread.len(), counted.len()), (15, 3));
    let grouped: Vec<String> =
        in_order.iter().flat_map(|it| std::iter::repeat_n(it.clone(), 5)).collect();
    assert_ne!(spread, grouped, "they come permuted");
}
