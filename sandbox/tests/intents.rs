//! The lifecycle of an intent as a table: each state, each call, the status and the state after it.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use sandbox::core::{Account, Sandbox};
use support::{START, answer, get, opened, plain, post};

/// Brings an intent into a state by its usual way.
fn in_state(sandbox: &mut Sandbox, state: &str) -> String {
    let method = match state {
        "requires_action" => "pm_card_authenticationRequired",
        "requires_payment_method" => "pm_card_visa_chargeDeclined",
        _ => "pm_card_visa",
    };
    let id = opened(sandbox, method);
    let path = |verb: &str| format!("/v1/payment_intents/{id}/{verb}");
    let verbs: &[&str] = match state {
        "requires_confirmation" => &[],
        "requires_action" | "requires_payment_method" | "requires_capture" => &["confirm"],
        "succeeded" => &["confirm", "capture"],
        _ => &["cancel"],
    };
    for verb in verbs {
        answer(sandbox.answer(START, &post(&path(verb), &[])));
    }
    assert_eq!(state_of(sandbox, &id), state);
    id
}

fn state_of(sandbox: &mut Sandbox, id: &str) -> String {
    let reply = answer(sandbox.answer(START, &get(&format!("/v1/payment_intents/{id}"))));
    reply.body["status"].as_str().unwrap().to_owned()
}

#[test]
fn every_call_in_every_state() {
    // state, call, HTTP status, state after it, what the merchant has after it, what is held
    let cells = [
        ("requires_confirmation", "confirm", 200, "requires_capture", 0, 1000),
        ("requires_confirmation", "capture", 400, "requires_confirmation", 0, 0),
        ("requires_confirmation", "cancel", 200, "canceled", 0, 0),
        ("requires_confirmation", "refund", 400, "requires_confirmation", 0, 0),
        ("requires_action", "confirm", 400, "requires_action", 0, 0),
        ("requires_action", "capture", 400, "requires_action", 0, 0),
        ("requires_action", "cancel", 200, "canceled", 0, 0),
        ("requires_action", "refund", 400, "requires_action", 0, 0),
        ("requires_payment_method", "confirm", 402, "requires_payment_method", 0, 0),
        ("requires_payment_method", "capture", 400, "requires_payment_method", 0, 0),
        ("requires_payment_method", "cancel", 200, "canceled", 0, 0),
        ("requires_payment_method", "refund", 400, "requires_payment_method", 0, 0),
        ("requires_capture", "confirm", 400, "requires_capture", 0, 1000),
        ("requires_capture", "capture", 200, "succeeded", 1000, 0),
        ("requires_capture", "cancel", 200, "canceled", 0, 0),
        ("requires_capture", "refund", 400, "requires_capture", 0, 1000),
        ("succeeded", "confirm", 400, "succeeded", 1000, 0),
        ("succeeded", "capture", 400, "succeeded", 1000, 0),
        ("succeeded", "cancel", 400, "succeeded", 1000, 0),
        ("succeeded", "refund", 200, "succeeded", 0, 0),
        ("canceled", "confirm", 400, "canceled", 0, 0),
        ("canceled", "capture", 400, "canceled", 0, 0),
        ("canceled", "cancel", 400, "canceled", 0, 0),
        ("canceled", "refund", 400, "canceled", 0, 0),
    ];
    for (state, call, status, after, merchant, held) in cells {
        let mut sandbox = plain();
        let id = in_state(&mut sandbox, state);
        let request = match call {
            "refund" => post("/v1/refunds", &[("payment_intent", &id)]),
            verb => post(&format!("/v1/payment_intents/{id}/{verb}"), &[]),
        };
        let reply = answer(sandbox.answer(START, &request));
        let cell = format!("{call} in {state}: {}", reply.body);
        assert_eq!(reply.status, status, "{cell}");
        assert_eq!(state_of(&mut sandbox, &id), after, "{cell}");
        assert_eq!(sandbox.ledger().balance("usd", Account::Merchant), merchant, "{cell}");
        assert_eq!(sandbox.ledger().balance("usd", Account::Held), held, "{cell}");
        assert!(sandbox.ledger().balances_out(), "{cell}");
    }
}

#[test]
fn what_the_customer_does_when_asked() {
    // method, whether the step is passed, state after it
    let cells = [
        ("pm_card_authenticationRequired", true, "requires_capture"),
        ("pm_card_authenticationRequired", false, "requires_payment_method"),
        ("pm_card_threeDSecureRequiredChargeDeclined", true, "requires_payment_method"),
    ];
    for (method, passed, after) in cells {
        let mut sandbox = plain();
        let id = opened(&mut sandbox, method);
        let confirm = post(&format!("/v1/payment_intents/{id}/confirm"), &[]);
        assert_eq!(answer(sandbox.answer(START, &confirm)).body["status"], "requires_action");
        assert!(sandbox.authenticate(START, &id, passed));
        assert_eq!(state_of(&mut sandbox, &id), after, "{method}, {passed}");
        assert!(!sandbox.authenticate(START, &id, passed), "nothing is asked any more");
    }
}

#[test]
fn a_part_is_captured_and_the_rest_goes_back() {
    let mut sandbox = plain();
    let id = in_state(&mut sandbox, "requires_capture");
    let path = format!("/v1/payment_intents/{id}/capture");
    let too_much = post(&path, &[("amount_to_capture", "1001")]);
    assert_eq!(answer(sandbox.answer(START, &too_much)).body["error"]["code"], "amount_too_large");
    let part = post(&path, &[("amount_to_capture", "300")]);
    let captured = answer(sandbox.answer(START, &part)).body;
    assert_eq!(captured["amount_received"], 300);
    assert_eq!(sandbox.ledger().balance("usd", Account::Customer), -300);
    assert_eq!(sandbox.ledger().net_of(&id), 300);
}

#[test]
fn refunds_are_listed_newest_first_and_never_exceed_what_was_captured() {
    let mut sandbox = plain();
    let id = in_state(&mut sandbox, "succeeded");
    for (amount, status) in [("400", 200), ("601", 400), ("600", 200), ("1", 400)] {
        let form = [("payment_intent", id.as_str()), ("amount", amount)];
        let reply = answer(sandbox.answer(START, &post("/v1/refunds", &form)));
        assert_eq!(reply.status, status, "{amount}: {}", reply.body);
    }
    let mut list = get("/v1/refunds");
    list.form = vec![("payment_intent".into(), id.clone()), ("limit".into(), "1".into())];
    let first = answer(sandbox.answer(START, &list)).body;
    assert_eq!((&first["data"][0]["amount"], &first["has_more"]), (&600.into(), &true.into()));
    let last = first["data"][0]["id"].as_str().unwrap().to_owned();
    list.form.push(("starting_after".into(), last));
    let second = answer(sandbox.answer(START, &list)).body;
    assert_eq!((&second["data"][0]["amount"], &second["has_more"]), (&400.into(), &false.into()));
}

#[test]
fn an_authorization_ends_after_seven_days() {
    let mut sandbox = plain();
    let id = in_state(&mut sandbox, "requires_capture");
    let read = get(&format!("/v1/payment_intents/{id}"));
    let last_moment = START + 7 * 24 * 3_600_000 - 1;
    assert_eq!(answer(sandbox.answer(last_moment, &read)).body["status"], "requires_capture");
    let after = answer(sandbox.answer(last_moment + 1, &read)).body;
    assert_eq!(
        (&after["status"], &after["cancellation_reason"]),
        (&"canceled".into(), &"automatic".into())
    );
    assert_eq!(sandbox.ledger().balance("usd", Account::Held), 0);
}

#[test]
fn requests_that_can_never_succeed_are_refused() {
    let usd = ("currency", "usd");
    let form: [(&[(&str, &str)], &str); 7] = [
        (&[usd], "parameter_missing"),
        (&[("amount", "1000")], "parameter_missing"),
        (&[("amount", "0"), usd], "parameter_invalid_integer"),
        (&[("amount", "10.5"), usd], "parameter_invalid_integer"),
        (&[("amount", "1234"), ("currency", "kwd")], "parameter_invalid_integer"),
        (&[("amount", "150"), ("currency", "isk")], "parameter_invalid_integer"),
        (&[("amount", "1000"), usd, ("colour", "red")], "parameter_unknown"),
    ];
    for (form, code) in form {
        let reply = answer(plain().answer(START, &post("/v1/payment_intents", form)));
        assert_eq!((reply.status, &reply.body["error"]["code"]), (400, &code.into()), "{form:?}");
    }
    let missing = answer(plain().answer(START, &get("/v1/payment_intents/pi_none")));
    assert_eq!(missing.status, 404);
    let mut stranger = get("/v1/payment_intents/pi_none");
    stranger.known_caller = false;
    assert_eq!(answer(plain().answer(START, &stranger)).status, 401);
}
