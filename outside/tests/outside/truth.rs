//! What callers learn against where the money is: random calls under random faults, then a reading.

use crate::world::{START, id_of, key, opening, usd};
use outside::psp::{CallKey, MethodToken, Psp, PspId, PspSnapshot, PspState};
use outside::{Failure, Secret};
use proptest::prelude::*;
use sandbox::Shared;
use sandbox::core::Plan;
use serde_json::{Value, json};
use uuid::Uuid;

#[derive(Debug, Clone, Copy)]
enum Step {
    Confirm,
    Capture(i64),
    Cancel,
    Refund(i64),
    Read,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Confirm),
        (1..1_100_i64).prop_map(Step::Capture),
        Just(Step::Cancel),
        (1..600_i64).prop_map(Step::Refund),
        Just(Step::Read),
    ]
}

fn plan() -> impl Strategy<Value = Value> {
    let fault = prop::sample::select(vec![
        json!({ "kind": "delay", "ms": 5 }),
        json!({ "kind": "silence_before" }),
        json!({ "kind": "silence_after" }),
        json!({ "kind": "reset" }),
        json!({ "kind": "reset", "performed": true }),
        json!({ "kind": "too_many", "retry_after_s": 1 }),
        json!({ "kind": "server_error" }),
        json!({ "kind": "server_error", "performed": true }),
        json!({ "kind": "decline" }),
    ]);
    let rule = (fault, 5_u8..50)
        .prop_map(|(fault, percent)| json!({ "fault": fault, "percent": percent }));
    (any::<u64>(), any::<bool>(), prop::collection::vec(rule, 1..4))
        .prop_map(|(seed, keys, rules)| json!({ "seed": seed, "keys": keys, "rules": rules }))
}

fn follow(shared: &Shared, plan: &Value) {
    let plan: Plan = serde_json::from_value(plan.clone()).unwrap();
    shared.lock().follow(plan).unwrap();
}

async fn one(psp: &Psp, id: &PspId, step: Step, key: &CallKey) -> Result<PspSnapshot, Failure> {
    match step {
        Step::Confirm => psp.confirm(key, id).await,
        Step::Capture(amount) => psp.capture(key, id, usd(amount)).await,
        Step::Cancel => psp.cancel(key, id).await,
        Step::Refund(amount) => psp.refund(key, id, Uuid::new_v4(), usd(amount)).await,
        Step::Read => psp.read(id).await,
    }
}

async fn play(plan: &Value, steps: &[Step]) {
    let shared = Shared::new(START);
    let psp = Psp::sandbox(shared.clone());
    let method = MethodToken(Secret::new("pm_card_visa"));
    let id = id_of(&psp.open(&key(), &opening(usd(1000), method)).await.unwrap());
    follow(&shared, plan);
    for step in steps {
        let before = shared.lock().ledger().entries().len();
        let result = one(&psp, &id, *step, &key()).await;
        let moved = shared.lock().ledger().entries().len() - before;
        match &result {
            Err(failure) if failure.is_doubt() => assert!(moved <= 1),
            // What is said not to have happened has not happened.
            Err(failure) => assert_eq!(moved, 0, "{step:?}: {failure:?}"),
            Ok(snapshot) => {
                let learnt = matches!(step, Step::Capture(_)).then_some(PspState::Captured);
                assert!(learnt.is_none_or(|it| it == snapshot.state), "{snapshot:?}");
            }
        }
    }
    follow(&shared, &json!({}));
    let seen = psp.read(&id).await.unwrap();
    let refunded: i64 = seen.refunds.iter().map(|it| it.amount.minor()).sum();
    let sandbox = shared.lock();
    let ledger = sandbox.ledger();
    assert_eq!(seen.captured.minor() - refunded, ledger.net_of(id.as_str()));
    assert!(refunded <= seen.captured.minor() && seen.captured.minor() <= seen.authorized.minor());
    let held = ledger.balance("usd", sandbox::core::Account::Held);
    assert_eq!(held, if seen.state == PspState::Authorized { 1000 } else { 0 });
}

proptest! {
    #[test]
    fn a_reading_tells_the_truth_and_a_refusal_means_that_nothing_happened(
        plan in plan(),
        steps in prop::collection::vec(step(), 1..25),
    ) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(play(&plan, &steps));
    }
}

#[tokio::test]
async fn one_key_moves_money_once() {
    let shared = Shared::new(START);
    let psp = Psp::sandbox(shared.clone());
    let method = MethodToken(Secret::new("pm_card_visa"));
    let id = id_of(&psp.open(&key(), &opening(usd(1000), method)).await.unwrap());
    psp.confirm(&key(), &id).await.unwrap();
    psp.capture(&key(), &id, usd(1000)).await.unwrap();
    let (key, refund_id) = (key(), Uuid::new_v4());
    follow(
        &shared,
        &json!({ "rules": [{ "call": "refund", "fault": { "kind": "silence_after" }, "times": 1 }] }),
    );
    let first = psp.refund(&key, &id, refund_id, usd(400)).await;
    assert!(first.unwrap_err().is_doubt());
    let second = psp.refund(&key, &id, refund_id, usd(400)).await.unwrap();
    assert_eq!(second.refunds.len(), 1);
    assert_eq!(shared.lock().ledger().net_of(id.as_str()), 600);
}
