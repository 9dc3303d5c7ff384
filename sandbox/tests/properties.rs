//! Random calls, faults and times: whatever comes, money and answers stay consistent.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use proptest::prelude::*;
use sandbox::core::{Account, Fate, Ledger, Reply, Request, Sandbox};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use support::{START, request, sandbox};

const METHODS: [&str; 4] = [
    "pm_card_visa",
    "pm_card_visa_chargeDeclined",
    "pm_card_authenticationRequired",
    "pm_card_threeDSecureRequiredChargeDeclined",
];

/// What a random caller does next.
#[derive(Debug, Clone)]
enum Step {
    /// A new intent of an amount, with a method.
    Open(u16, usize),
    /// A call on the intent of this number, with an amount where one fits.
    Call(&'static str, usize, Option<u16>),
    /// The customer's answer.
    Authenticate(usize, bool),
    /// The request of this number once more, with its key.
    Again(usize),
    /// Time passes.
    Wait(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let amount = prop::option::of(1_u16..2_000);
    let verb = prop::sample::select(vec!["confirm", "capture", "cancel", "refund", "read"]);
    prop_oneof![
        2 => (1_u16..2_000, 0..METHODS.len()).prop_map(|(amount, method)| Step::Open(amount, method)),
        8 => (verb, 0..4_usize, amount).prop_map(|(verb, it, amount)| Step::Call(verb, it, amount)),
        1 => (0..4_usize, any::<bool>()).prop_map(|(it, passed)| Step::Authenticate(it, passed)),
        3 => (0..40_usize).prop_map(Step::Again),
        1 => prop_oneof![1..2_000_u32, Just(700_000_000)].prop_map(Step::Wait),
    ]
}

fn fault() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!({ "kind": "delay", "ms": 5 }),
        json!({ "kind": "silence_before" }),
        json!({ "kind": "silence_after" }),
        json!({ "kind": "perform_late", "ms": 700 }),
        json!({ "kind": "reset" }),
        json!({ "kind": "reset", "performed": true }),
        json!({ "kind": "too_many" }),
        json!({ "kind": "server_error" }),
        json!({ "kind": "server_error", "performed": true }),
        json!({ "kind": "decline" }),
        json!({ "kind": "action_required" }),
    ])
}

fn plan() -> impl Strategy<Value = Value> {
    let rule = (fault(), 0_u8..60).prop_map(|(fault, it)| json!({ "fault": fault, "percent": it }));
    (any::<u64>(), any::<bool>(), prop::collection::vec(rule, 0..4))
        .prop_map(|(seed, keys, rules)| json!({ "seed": seed, "keys": keys, "rules": rules }))
}

/// A caller that remembers what it asked and learned.
struct Caller {
    sandbox: Sandbox,
    now: u64,
    ids: Vec<String>,
    asked: Vec<Request>,
    /// The first answer under each key, as long as the key is kept.
    answers: BTreeMap<String, (u64, Reply)>,
    keys: bool,
}

impl Caller {
    fn of(plan: &Value) -> Self {
        let keys = plan["keys"].as_bool().unwrap();
        let sandbox = sandbox(plan.clone());
        let (ids, asked, answers) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { sandbox, now: START, ids, asked, answers, keys }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Open(amount, method) => {
                let amount = amount.to_string();
                let form = [
                    ("amount", amount.as_str()),
                    ("currency", "usd"),
                    ("capture_method", "manual"),
                    ("payment_method", METHODS[*method]),
                ];
                self.ask("POST", "/v1/payment_intents", &form);
            }
            Step::Call(verb, which, amount) => {
                let Some(id) = self.ids.get(*which).cloned() else { return };
                let text = amount.map(|it| it.to_string()).unwrap_or_default();
                let amount = |name| amount.map(|_| (name, text.as_str()));
                let path = format!("/v1/payment_intents/{id}/{verb}");
                match *verb {
                    "read" => self.ask("GET", &format!("/v1/payment_intents/{id}"), &[]),
                    "refund" => {
                        let mut form = vec![("payment_intent", id.as_str())];
                        form.extend(amount("amount"));
                        self.ask("POST", "/v1/refunds", &form);
                    }
                    "capture" => {
                        let form: Vec<_> = amount("amount_to_capture").into_iter().collect();
                        self.ask("POST", &path, &form);
                    }
                    _ => self.ask("POST", &path, &[]),
                }
            }
            Step::Authenticate(which, passed) => {
                let Some(id) = self.ids.get(*which).cloned() else { return };
                self.sandbox.authenticate(self.now, &id, *passed);
            }
            Step::Again(which) => {
                if let Some(request) = self.asked.get(*which).cloned() {
                    self.send(&request);
                }
            }
            Step::Wait(ms) => self.now += u64::from(*ms),
        }
        self.judge();
    }

    fn ask(&mut self, method: &str, path: &str, form: &[(&str, &str)]) {
        let key = format!("key-{}", self.asked.len());
        let request = request(method, path, form, Some(&key));
        self.asked.push(request.clone());
        self.send(&request);
    }

    fn send(&mut self, request: &Request) {
        self.sandbox.advance(self.now);
        let before = self.sandbox.ledger().entries().len();
        let fate = self.sandbox.answer(self.now, request).fate;
        let moved = self.sandbox.ledger().entries().len() - before;
        assert!(moved <= 1, "one call moves money once");
        let Fate::Answer(reply) = fate else { return };
        if matches!(reply.status, 400..=499) {
            assert_eq!(moved, 0, "a refusal moves nothing: {}", reply.body);
        }
        if reply.status == 200 && request.path == "/v1/payment_intents" {
            let id = reply.body["id"].as_str().unwrap().to_owned();
            if !self.ids.contains(&id) {
                self.ids.push(id);
            }
        }
        self.same_key_same_answer(request, reply, moved);
    }

    fn same_key_same_answer(&mut self, request: &Request, reply: Reply, moved: usize) {
        // A 429 is about the moment, a 409 about a call that is still on its way. Neither is stored.
        if !self.keys || request.method == "GET" || matches!(reply.status, 429 | 409) {
            return;
        }
        let key = request.key.clone().unwrap();
        match self.answers.get(&key) {
            Some((at, first)) if self.now < at + 24 * 3_600_000 => {
                assert_eq!((reply.status, &reply.body), (first.status, &first.body));
                assert_eq!(moved, 0, "a repeat moves nothing");
            }
            _ => {
                self.answers.insert(key, (self.now, reply));
            }
        }
    }

    /// What must hold after every step.
    fn judge(&self) {
        let ledger: &Ledger = self.sandbox.ledger();
        assert!(ledger.balances_out());
        let (mut held, mut merchant) = (0, 0);
        for intent in self.sandbox.psp().intents() {
            let refunds: i64 =
                self.sandbox.psp().refunds_of(&intent.id).iter().map(|it| it.amount).sum();
            assert!(0 <= intent.capturable && intent.capturable <= intent.amount, "{intent:?}");
            assert!(0 <= intent.received && intent.received <= intent.amount, "{intent:?}");
            assert!(refunds == intent.refunded && refunds <= intent.received, "{intent:?}");
            assert!(intent.capturable == 0 || intent.received == 0, "{intent:?}");
            assert_eq!(ledger.net_of(&intent.id), intent.received - intent.refunded);
            held += intent.capturable;
            merchant += intent.received - intent.refunded;
        }
        assert_eq!(ledger.balance("usd", Account::Held), held);
        assert_eq!(ledger.balance("usd", Account::Merchant), merchant);
        assert_eq!(ledger.balance("usd", Account::Customer), -held - merchant);
    }
}

proptest! {
    #[test]
    fn money_and_answers_stay_consistent_whatever_comes(
        plan in plan(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut caller = Caller::of(&plan);
        for step in &steps {
            caller.step(step);
        }
    }

    #[test]
    fn one_plan_and_one_script_are_one_course(
        plan in plan(),
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let run = || {
            let mut caller = Caller::of(&plan);
            steps.iter().for_each(|step| caller.step(step));
            (caller.sandbox.ledger().entries().to_vec(), caller.sandbox.counts().clone())
        };
        prop_assert_eq!(run(), run());
    }
}
