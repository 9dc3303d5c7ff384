//! Laws that hold for every payment: random wishes, calls that get lost, and what a provider shows, in any order.

#![allow(clippy::unwrap_used, missing_docs)]

mod payment_support;

use domain::payment::{
    Call, CallClass, CallContent, Payment, PaymentAggregate, PaymentCommand, PaymentEvent,
    PaymentStatus, PspRefund, PspRefundState, PspSnapshot, PspState, RefundState, open_calls,
    stuck_calls,
};
use domain::{Aggregate, Money};
use payment_support::psp::{ByItself, Luck, Psp, psp_id};
use payment_support::*;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use std::collections::{BTreeMap, BTreeSet};

/// How the answer to a call comes, if it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// It was performed, and the answer comes.
    Comes,
    /// It was performed, but nothing comes.
    Lost,
    /// It was performed, but the worker dies before it can tell.
    Died,
    /// It was not performed.
    NotDone(CallClass),
    /// It was performed, but the provider answers that it failed.
    Stored500,
}

#[derive(Debug, Clone)]
enum Step {
    Wish(PaymentCommand),
    /// A worker takes one of the open calls.
    Work(Index, Answer, Luck),
    AtPsp(ByItself, Luck),
    /// The provider's state as it is now, or as it was.
    ShowNow,
    ShowOld(Index),
    /// A person has stuck calls tried again.
    RetryAll,
    /// The report of a try, about any call and number.
    Report(Index, u32, bool),
}

fn luck() -> impl Strategy<Value = Luck> {
    prop_oneof![
        5 => Just(Luck::Good), 1 => Just(Luck::Later), 1 => Just(Luck::Action), 1 => Just(Luck::Bad), 1 => Just(Luck::Eager)
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    let class = prop::sample::select(CallClass::ALL.to_vec());
    prop_oneof![
        6 => Just(Answer::Comes),
        2 => Just(Answer::Lost),
        1 => Just(Answer::Died),
        1 => class.prop_map(Answer::NotDone),
        1 => Just(Answer::Stored500),
    ]
}

fn by_itself() -> impl Strategy<Value = ByItself> {
    prop_oneof![
        4 => Just(ByItself::Settle),
        4 => Just(ByItself::SettleRefunds),
        1 => Just(ByItself::AnotherCard),
        1 => Just(ByItself::Expire),
        1 => Just(ByItself::Take),
        1 => Just(ByItself::ForeignRefund),
        1 => Just(ByItself::Extend),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let refund_id = (0..5).prop_map(|number| format!("r-{number}"));
    prop_oneof![
        1 => Just(Step::Wish(request())),
        4 => prop_oneof![Just(1_000_i64), 1_i64..1_200].prop_map(|minor| Step::Wish(capture(minor))),
        1 => prop::bool::weighted(0.4).prop_map(|off| if off { Step::Wish(void()) } else { Step::ShowNow }),
        3 => (refund_id, 1_i64..600).prop_map(|(refund_id, minor)| Step::Wish(refund(&refund_id, minor))),
        14 => (any::<Index>(), answer(), luck()).prop_map(|(index, answer, luck)| Step::Work(index, answer, luck)),
        4 => (by_itself(), luck()).prop_map(|(what, luck)| Step::AtPsp(what, luck)),
        2 => Just(Step::ShowNow),
        4 => any::<Index>().prop_map(Step::ShowOld),
        1 => Just(Step::RetryAll),
        1 => (any::<Index>(), 1_u32..15, any::<bool>()).prop_map(|(index, attempt, refused)| Step::Report(index, attempt, refused)),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 100..160)
}

/// A payment, its provider, and the worker between them.
struct World {
    story: Story,
    psp: Psp,
    /// What was ever sent under each key.
    keys: BTreeMap<String, CallContent>,
    attempts: BTreeMap<String, u32>,
}

impl World {
    fn new() -> Self {
        let story = given(&[request()]);
        Self { story, psp: Psp::new(), keys: BTreeMap::new(), attempts: BTreeMap::new() }
    }

    fn tell(&mut self, command: &PaymentCommand) -> Result<(), TestCaseError> {
        let before = self.story.clone();
        if self.story.tell(command).is_err() {
            prop_assert_eq!(&before.state, &self.story.state);
            prop_assert_eq!(&before.events, &self.story.events);
            let said = matches!(command, PaymentCommand::Observe(_));
            prop_assert!(!said, "refused what the provider truly said: {:?}", command);
        }
        self.check()
    }

    fn show(&mut self, snapshot: PspSnapshot) -> Result<(), TestCaseError> {
        let command = PaymentCommand::Observe(snapshot);
        self.tell(&command)?;
        prop_assert_eq!(self.story.when(&command), Ok(vec![]), "told twice: {:?}", command);
        Ok(())
    }

    fn show_now(&mut self) -> Result<(), TestCaseError> {
        if self.psp.opened { self.show(self.psp.snapshot()) } else { Ok(()) }
    }

    /// One try of an open call, as a careful worker does it: read first, send what is still missing.
    fn work(&mut self, chosen: &Call, answer: Answer, luck: Luck) -> Result<(), TestCaseError> {
        self.show_now()?;
        let calls = open_calls(self.story.payment());
        let Some(open) = calls.into_iter().find(|open| open.call == *chosen) else { return Ok(()) };
        if let CallContent::Refund { refund_id, .. } = &open.content
            && self.psp.has_pending(refund_id.as_str())
        {
            return Ok(());
        }
        let key = open.idempotency_key(uuid::Uuid::nil());
        let known = self.keys.entry(key).or_insert_with(|| open.content.clone());
        prop_assert_eq!(&*known, &open.content, "two contents under one key");
        if let Answer::NotDone(class) = answer {
            return self.tell(&fail(&open.call, open.attempt, class));
        }
        let done = self.psp.perform(&open.content, luck);
        match answer {
            Answer::Lost => self.tell(&fail(&open.call, open.attempt, CallClass::Silence)),
            Answer::Stored500 => self.tell(&fail(&open.call, open.attempt, CallClass::ServerError)),
            Answer::Died => self.check(),
            _ => {
                self.show_now()?;
                if done.is_err() {
                    self.tell(&refuse(&open.call, open.attempt, true))?;
                }
                self.check()
            }
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Wish(command) => self.tell(command),
            Step::Work(index, answer, luck) => match pick(self.story.payment(), index) {
                Some(call) => self.work(&call, *answer, *luck),
                None => Ok(()),
            },
            Step::AtPsp(what, luck) => {
                self.psp.by_itself(*what, *luck);
                Ok(())
            }
            Step::ShowNow => self.show_now(),
            Step::ShowOld(index) if !self.psp.history.is_empty() => {
                self.show(self.psp.history[index.index(self.psp.history.len())].clone())
            }
            Step::ShowOld(_) => Ok(()),
            Step::RetryAll => self.retry_all(),
            Step::Report(index, attempt, refused) => {
                let Some(call) = pick(self.story.payment(), index) else { return Ok(()) };
                let current = self.story.payment().tries(&call).unwrap().attempt;
                // A definite refusal of the current try would be a lie; one of another try is late.
                if *refused && *attempt != current {
                    return self.tell(&refuse(&call, *attempt, true));
                }
                self.tell(&fail(&call, *attempt, CallClass::Silence))
            }
        }
    }

    fn retry_all(&mut self) -> Result<(), TestCaseError> {
        for stuck in stuck_calls(self.story.payment()) {
            self.tell(&retry(&stuck.call))?;
        }
        Ok(())
    }

    /// Everything works from now on, until nothing is owed.
    fn drain(&mut self) -> Result<(), TestCaseError> {
        for _ in 0..200 {
            self.psp.by_itself(ByItself::Settle, Luck::Good);
            self.psp.by_itself(ByItself::SettleRefunds, Luck::Good);
            self.show_now()?;
            self.retry_all()?;
            if let Some(first) = open_calls(self.story.payment()).into_iter().next() {
                self.work(&first.call, Answer::Comes, Luck::Good)?;
            }
            if open_calls(self.story.payment()).is_empty()
                && stuck_calls(self.story.payment()).is_empty()
                && !self.psp.is_busy()
            {
                return self.show_now();
            }
        }
        let open = open_calls(self.story.payment());
        Err(TestCaseError::fail(format!("never settled: {open:?} {:?}", self.psp)))
    }

    fn check(&mut self) -> Result<(), TestCaseError> {
        let story = &self.story;
        check_money(story)?;
        check_owed(story.payment())?;
        prop_assert_eq!(story.payment().status(), status_of(&story.events));
        for open in open_calls(story.payment()) {
            prop_assert!(!open.call.moves_money() || story.payment().psp_id.is_some());
            prop_assert!(open.failed < domain::payment::MOST_TRIES);
            prop_assert!(open.since <= open.key_since);
            let last = self.attempts.entry(open.call.to_string()).or_insert(0);
            prop_assert!(open.attempt >= *last, "{:?} fell below {}", open, last);
            *last = open.attempt;
        }
        Ok(())
    }
}

fn pick(payment: &Payment, index: &Index) -> Option<Call> {
    let calls = open_calls(payment);
    (!calls.is_empty()).then(|| calls[index.index(calls.len())].call.clone())
}

/// The amounts, counted anew from the facts.
fn check_money(story: &Story) -> Result<(), TestCaseError> {
    let payment = story.payment();
    let (mut captured, mut refunded) = (0, 0);
    let mut asked: BTreeMap<String, i64> = BTreeMap::new();
    for event in &story.events {
        let amount = match event {
            PaymentEvent::PaymentCaptured { amount } => {
                captured += amount.minor();
                *amount
            }
            PaymentEvent::PaymentRefunded { amount, .. } => {
                refunded += amount.minor();
                *amount
            }
            PaymentEvent::RefundRequested { refund_id, amount, .. } => {
                let twice = asked.insert(refund_id.as_str().to_owned(), amount.minor());
                prop_assert_eq!(twice, None, "one refund was asked for twice");
                *amount
            }
            PaymentEvent::PaymentRequested { amount, .. }
            | PaymentEvent::PaymentAuthorized { amount, .. }
            | PaymentEvent::CaptureRequested { amount }
            | PaymentEvent::UnexpectedMoney { amount, .. } => *amount,
            _ => cents(1),
        };
        prop_assert_eq!(amount.currency(), payment.amount.currency());
        prop_assert!(amount.minor() > 0, "{:?}", event);
        prop_assert!(refunded <= captured, "more went back than was taken: {:?}", event);
    }
    prop_assert_eq!((payment.captured, payment.refunded), (cents(captured), cents(refunded)));
    let authorized = payment.authorization.map_or(0, |held| held.amount.minor());
    prop_assert!(captured <= authorized);
    let on_the_way: i64 = payment
        .refunds
        .iter()
        .filter(|refund| refund.state == RefundState::Requested)
        .map(|refund| refund.asked.unwrap().minor())
        .sum();
    prop_assert_eq!(payment.refundable().minor(), (captured - refunded - on_the_way).max(0));
    Ok(())
}

/// Whatever is owed is open or stuck, once, and nothing else is.
fn check_owed(payment: &Payment) -> Result<(), TestCaseError> {
    let open = open_calls(payment).into_iter().map(|open| open.call.to_string());
    let stuck = stuck_calls(payment).into_iter().map(|stuck| stuck.call.to_string());
    let listed: Vec<String> = open.chain(stuck).collect();
    let mut owed: BTreeSet<String> = payment
        .refunds
        .iter()
        .filter(|refund| refund.state == RefundState::Requested)
        .map(|refund| format!("refund:{}", refund.refund_id.as_str()))
        .collect();
    let own = match (payment.status(), payment.psp_id.is_some()) {
        (PaymentStatus::Requested | PaymentStatus::VoidRequested, false) => Some("open"),
        (PaymentStatus::Opened, true) => Some("confirm"),
        (PaymentStatus::CaptureRequested, true) => Some("capture"),
        (PaymentStatus::VoidRequested, true) => Some("cancel"),
        _ => None,
    };
    owed.extend(own.map(str::to_owned));
    prop_assert_eq!(listed.len(), owed.len(), "{:?}", &listed);
    prop_assert_eq!(&listed.into_iter().collect::<BTreeSet<_>>(), &owed);
    if payment.keeps_nothing {
        prop_assert_eq!(payment.refundable().minor(), 0, "money stays that nobody gives back");
    }
    Ok(())
}

/// The status, read from the facts by their names.
fn status_of(events: &[PaymentEvent]) -> PaymentStatus {
    let (mut status, mut kept) = (PaymentStatus::Requested, 0);
    let (mut captured, mut refunded) = (false, false);
    for event in events {
        status = match event {
            PaymentEvent::PaymentOpened { .. } if status == PaymentStatus::Requested => {
                PaymentStatus::Opened
            }
            PaymentEvent::CustomerActionRequired { .. } => PaymentStatus::ActionRequired,
            PaymentEvent::PaymentAuthorized { .. } => PaymentStatus::Authorized,
            PaymentEvent::PaymentDeclined { .. } => PaymentStatus::Declined,
            PaymentEvent::CaptureRequested { .. } => PaymentStatus::CaptureRequested,
            PaymentEvent::CaptureFailed { authorization_ended: false, .. } => {
                PaymentStatus::Authorized
            }
            PaymentEvent::CaptureFailed { .. } | PaymentEvent::AuthorizationExpired => {
                PaymentStatus::Expired
            }
            PaymentEvent::VoidRequested { .. } => PaymentStatus::VoidRequested,
            PaymentEvent::PaymentVoided => PaymentStatus::Voided,
            _ => status,
        };
        match event {
            PaymentEvent::PaymentCaptured { amount } => {
                (captured, kept) = (true, kept + amount.minor());
            }
            PaymentEvent::PaymentRefunded { amount, .. } => {
                (refunded, kept) = (true, kept - amount.minor());
            }
            _ => {}
        }
    }
    match (captured, refunded, kept) {
        (false, _, _) => status,
        (true, false, _) => PaymentStatus::Captured,
        (true, true, 0) => PaymentStatus::Refunded,
        (true, true, _) => PaymentStatus::PartiallyRefunded,
    }
}

/// A provider's life with no wish and no loss: what it showed.
fn shown() -> impl Strategy<Value = Vec<PspSnapshot>> {
    let events = prop::collection::vec((by_itself(), luck(), 0..4_u8), 1..30);
    (luck(), events).prop_map(|(first, events)| {
        let mut psp = Psp::new();
        let psp_id = psp_id();
        let open = CallContent::Open {
            amount: cents(1_000),
            method: domain::payment::MethodToken::parse("tok").unwrap(),
            capture: domain::payment::CaptureMode::AtDispatch,
        };
        let _ = psp.perform(&open, Luck::Good);
        let _ = psp.perform(&CallContent::Confirm { psp_id: psp_id.clone() }, first);
        for (number, (what, luck, call)) in events.into_iter().enumerate() {
            let psp_id = psp_id.clone();
            let refund_id = id(&format!("x-{}", number % 4));
            let _ = match call {
                0 => psp.perform(&CallContent::Capture { psp_id, amount: cents(700) }, luck),
                1 => {
                    let amount = cents(90 + i64::try_from(number).unwrap());
                    psp.perform(&CallContent::Refund { psp_id, refund_id, amount }, luck)
                }
                _ => {
                    psp.by_itself(what, luck);
                    Ok(())
                }
            };
        }
        psp.history
    })
}

fn money(story: &Story) -> (Money, Money, Vec<(String, Money)>) {
    let payment = story.payment();
    let mut refunds: Vec<(String, Money)> = payment
        .refunds
        .iter()
        .filter(|refund| refund.refunded.minor() > 0)
        .map(|refund| (refund.refund_id.as_str().to_owned(), refund.refunded))
        .collect();
    refunds.sort_by(|a, b| a.0.cmp(&b.0));
    (payment.captured, payment.refunded, refunds)
}

/// Anything that has the form of a snapshot.
fn garbage() -> impl Strategy<Value = PspSnapshot> {
    let states = vec![
        PspState::Open,
        PspState::ActionRequired,
        PspState::Processing,
        PspState::Authorized,
        PspState::Captured,
        PspState::Canceled,
        PspState::Declined,
    ];
    let minor = || prop_oneof![Just(0), 1_i64..2_000, Just(i64::MAX), Just(i64::MIN), Just(-1)];
    let refund = (0..4, minor(), 0..4).prop_map(|(number, minor, state)| PspRefund {
        refund_id: id(&format!("r-{number}")),
        amount: cents(minor),
        state: match state {
            0 => PspRefundState::Pending,
            1 => failed(false),
            2 => failed(true),
            _ => PspRefundState::Succeeded,
        },
    });
    let refunds = prop::collection::vec(refund, 0..5);
    (prop::sample::select(states), minor(), minor(), refunds, prop::option::of(0_usize..90))
        .prop_map(|(state, authorized, captured, refunds, until)| PspSnapshot {
            refunds,
            action_until: until.map(at),
            authorization_expires_at: until.map(at),
            ..told(state, authorized, captured)
        })
}

fn any_command() -> impl Strategy<Value = PaymentCommand> {
    prop_oneof![
        2 => step().prop_filter_map("a wish", |step| match step { Step::Wish(command) => Some(command), _ => None }),
        4 => garbage().prop_map(PaymentCommand::Observe),
        2 => (0..6_usize, 1..4_u32, any::<bool>(), any::<bool>()).prop_map(|(call, attempt, refused, is_final)| {
            let call = match call {
                0 => Call::Open, 1 => Call::Confirm, 2 => Call::Capture, 3 => Call::Cancel,
                4 => refund_call("void:1"), _ => refund_call("r-1"),
            };
            if refused { refuse(&call, attempt, is_final) } else { fail(&call, attempt, CallClass::ServerError) }
        }),
    ]
}

proptest! {
    #[test]
    fn every_step_keeps_the_laws_and_in_the_end_the_books_are_the_providers(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.step(step)?;
        }
        world.drain()?;
        let payment = world.story.payment();
        let kept = payment.captured.minor() - payment.refunded.minor();
        prop_assert_eq!((kept, -kept), (world.psp.shop, world.psp.customer));
        if payment.keeps_nothing {
            prop_assert_eq!(kept, 0, "money stayed that may not");
            prop_assert!(!world.psp.holds(), "money is still held");
        }
        prop_assert_eq!(&fold(None, &world.story.events, 1), &world.story.state);
    }

    #[test]
    fn snapshots_in_any_order_and_number_lead_to_the_same_money(
        shown in shown(), order in prop::collection::vec(any::<Index>(), 0..60), seed in any::<u64>(),
    ) {
        let mut plain = given(&[request()]);
        for snapshot in &shown {
            plain.tell(&PaymentCommand::Observe(snapshot.clone())).unwrap();
        }
        let mut shuffled: Vec<&PspSnapshot> = shown.iter().collect();
        let mut state = seed | 1;
        for place in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(place, usize::try_from(state >> 33).unwrap() % (place + 1));
        }
        let repeats = order.iter().map(|index| &shown[index.index(shown.len())]);
        let mut permuted = given(&[request()]);
        for snapshot in repeats.chain(shuffled) {
            permuted.tell(&PaymentCommand::Observe(snapshot.clone())).unwrap();
        }
        prop_assert_eq!(money(&plain), money(&permuted));
        // A later end of an authorization is not recorded while the money is held, so it can be news afterwards.
        let extended = shown.iter().any(|snapshot| snapshot.authorization_expires_at.is_some());
        for snapshot in shown.iter().filter(|_| !extended) {
            let again = PaymentCommand::Observe(snapshot.clone());
            prop_assert_eq!(plain.when(&again), Ok(vec![]), "known, in order: {:?}", &plain.events);
        }
    }

    #[test]
    fn whatever_comes_nothing_panics_and_the_laws_hold(commands in prop::collection::vec(any_command(), 100..150)) {
        let mut story = given(&[request()]);
        for command in &commands {
            let before = story.clone();
            if story.tell(command).is_err() {
                prop_assert_eq!(&before.state, &story.state);
            }
            check_money(&story)?;
            check_owed(story.payment())?;
            prop_assert_eq!(story.payment().status(), status_of(&story.events));
        }
        prop_assert_eq!(&fold(None, &story.events, 1), &story.state);
    }

    #[test]
    fn folding_in_two_parts_is_folding_in_one_and_all_reads_back(steps in steps(), cut in any::<Index>()) {
        let mut world = World::new();
        for step in &steps {
            world.step(step)?;
        }
        let story = world.story;
        let cut = cut.index(story.events.len() + 1);
        let (first, second) = story.events.split_at(cut);
        prop_assert_eq!(&fold(fold(None, first, 1), second, cut + 1), &story.state);
        for event in &story.events {
            let stored = PaymentAggregate::encode(event);
            let read = PaymentAggregate::decode(stored.event_type, stored.schema_version, &stored.payload);
            prop_assert_eq!(read.as_ref(), Ok(event));
        }
        let snapshot = serde_json::to_vec(&story.state).unwrap();
        prop_assert_eq!(&serde_json::from_slice::<Option<Payment>>(&snapshot).unwrap(), &story.state);
    }
}

/// A generator that misses statuses or facts would prove little.
#[test]
fn random_steps_reach_every_status_and_every_fact() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut statuses, mut facts) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..400 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        let mut world = World::new();
        for step in &steps {
            world.step(step).unwrap();
            statuses.insert(world.story.payment().status());
        }
        facts.extend(world.story.events.iter().map(PaymentEvent::stored_name));
    }
    assert!(statuses.iter().eq(&PaymentStatus::ALL), "{statuses:?}");
    let all: BTreeSet<_> =
        domain::payment::stored::EVENT_TYPES.iter().map(|(name, _)| *name).collect();
    assert_eq!(facts, all);
}
