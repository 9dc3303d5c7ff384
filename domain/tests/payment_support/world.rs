//! A payment, its provider and a careful worker between them, where answers get lost and old snapshots come.

use super::laws::{check_money, check_owed, status_of};
use super::psp::{ByItself, Luck, Psp};
use super::*;
use domain::payment::{CallContent, MOST_TRIES, open_calls, stuck_calls};
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::BTreeMap;

/// How the answer to a call comes, if it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
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
pub enum Step {
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

pub fn luck() -> impl Strategy<Value = Luck> {
    prop_oneof![
        5 => Just(Luck::Good), 1 => Just(Luck::Later), 1 => Just(Luck::Action), 1 => Just(Luck::Bad), 1 => Just(Luck::Eager)
    ]
}

pub fn answer() -> impl Strategy<Value = Answer> {
    let class = prop::sample::select(CallClass::ALL.to_vec());
    prop_oneof![
        6 => Just(Answer::Comes),
        2 => Just(Answer::Lost),
        1 => Just(Answer::Died),
        1 => class.prop_map(Answer::NotDone),
        1 => Just(Answer::Stored500),
    ]
}

pub fn by_itself() -> impl Strategy<Value = ByItself> {
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

pub fn wish() -> impl Strategy<Value = PaymentCommand> {
    let refund_id = (0..5).prop_map(|number| format!("r-{number}"));
    prop_oneof![
        2 => Just(request()),
        8 => prop_oneof![Just(1_000_i64), 1_i64..1_200].prop_map(capture),
        1 => Just(void()),
        6 => (refund_id, 1_i64..600).prop_map(|(refund_id, minor)| refund(&refund_id, minor)),
    ]
}

pub fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => wish().prop_map(Step::Wish),
        14 => (any::<Index>(), answer(), luck())
            .prop_map(|(index, answer, luck)| Step::Work(index, answer, luck)),
        4 => (by_itself(), luck()).prop_map(|(what, luck)| Step::AtPsp(what, luck)),
        3 => Just(Step::ShowNow),
        4 => any::<Index>().prop_map(Step::ShowOld),
        1 => Just(Step::RetryAll),
        1 => (any::<Index>(), 1_u32..15, any::<bool>())
            .prop_map(|(index, attempt, refused)| Step::Report(index, attempt, refused)),
    ]
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 100..160)
}

/// A payment, its provider, and the worker between them.
pub struct World {
    pub story: Story,
    pub psp: Psp,
    /// What was ever sent under each key.
    keys: BTreeMap<String, CallContent>,
    attempts: BTreeMap<String, u32>,
}

impl World {
    pub fn new() -> Self {
        let story = given(&[request()]);
        Self { story, psp: Psp::new(), keys: BTreeMap::new(), attempts: BTreeMap::new() }
    }

    pub fn tell(&mut self, command: &PaymentCommand) -> Result<(), TestCaseError> {
        let before = self.story.clone();
        if self.story.tell(command).is_err() {
            prop_assert_eq!(&before.state, &self.story.state);
            prop_assert_eq!(&before.events, &self.story.events);
            let said = matches!(command, PaymentCommand::Observe(_));
            prop_assert!(!said, "refused what the provider truly said: {:?}", command);
        }
        self.check()
    }

    pub fn show(&mut self, snapshot: PspSnapshot) -> Result<(), TestCaseError> {
        let command = PaymentCommand::Observe(snapshot);
        self.tell(&command)?;
        prop_assert_eq!(self.story.when(&command), Ok(vec![]), "told twice: {:?}", command);
        Ok(())
    }

    pub fn show_now(&mut self) -> Result<(), TestCaseError> {
        if self.psp.opened { self.show(self.psp.snapshot()) } else { Ok(()) }
    }

    /// One try of an open call, as a careful worker does it: read first, send what is still missing.
    pub fn work(&mut self, chosen: &Call, answer: Answer, luck: Luck) -> Result<(), TestCaseError> {
        self.show_now()?;
        let calls = open_calls(self.story.payment());
        let Some(open) = calls.into_iter().find(|open| open.call == *chosen) else { return Ok(()) };
        if let CallContent::Refund { refund_id, .. } = &open.content
            && self.psp.has_pending(refund_id.as_str())
        {
            return Ok(());
        }
        let key = open.idempotency_key(Uuid::nil());
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

    pub fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
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

    pub fn retry_all(&mut self) -> Result<(), TestCaseError> {
        for stuck in stuck_calls(self.story.payment()) {
            self.tell(&retry(&stuck.call))?;
        }
        Ok(())
    }

    /// Everything works from now on, until nothing is owed.
    pub fn drain(&mut self) -> Result<(), TestCaseError> {
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

    pub fn check(&mut self) -> Result<(), TestCaseError> {
        let story = &self.story;
        check_money(story)?;
        check_owed(story.payment())?;
        prop_assert_eq!(story.payment().status(), status_of(&story.events));
        for open in open_calls(story.payment()) {
            prop_assert!(!open.call.moves_money() || story.payment().psp_id.is_some());
            prop_assert!(open.failed < MOST_TRIES);
            prop_assert!(open.since <= open.key_since);
            let last = self.attempts.entry(open.call.to_string()).or_insert(0);
            prop_assert!(open.attempt >= *last, "{:?} fell below {}", open, last);
            *last = open.attempt;
        }
        Ok(())
    }
}

pub fn pick(payment: &Payment, index: &Index) -> Option<Call> {
    let calls = open_calls(payment);
    (!calls.is_empty()).then(|| calls[index.index(calls.len())].call.clone())
}
