//! Laws that hold for every notification: workers that crash, sleep and wake up late, a mail server that keeps silent.

#![allow(clippy::unwrap_used, missing_docs)]

mod mail_support;
mod parcel_support;

use domain::notification::{
    EVENT_TYPES, Notification, NotificationAggregate, NotificationCommand, NotificationEvent,
    NotificationStatus, Stage, message_id, open_transmission,
};
use domain::{Aggregate, CallFailure, MOST_TRIES};
use mail_support::*;
use parcel_support::*;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use std::collections::{BTreeMap, BTreeSet};

/// Something that happens.
#[derive(Debug, Clone)]
enum Step {
    /// A worker takes up the open try.
    TakeUp,
    /// One of the workers that have taken a try up goes on with it, however long ago that was.
    GoOn(Index, Luck),
    /// A worker starts, and finds what is open.
    Restart,
    /// Somebody commands.
    Command(NotificationCommand),
}

/// How far a worker comes.
#[derive(Debug, Clone, Copy)]
enum Luck {
    /// The server takes the message.
    Taken,
    /// The server takes it, and its answer is lost.
    Silent,
    /// The server refuses the recipient before the message.
    RefusedBefore,
    /// The server refuses the message.
    RefusedAfter,
    /// No connection.
    Unreachable,
    /// The server wants no message now, although the transmission has begun.
    NotNow,
    /// The worker crashes when it has begun, before the message.
    CrashBefore,
    /// The worker crashes after the message.
    CrashAfter,
}

const LUCK: [Luck; 8] = [
    Luck::Taken,
    Luck::Silent,
    Luck::RefusedBefore,
    Luck::RefusedAfter,
    Luck::Unreachable,
    Luck::NotNow,
    Luck::CrashBefore,
    Luck::CrashAfter,
];

fn any_command() -> impl Strategy<Value = NotificationCommand> {
    let attempt = || 0_u32..30;
    let stage = || select(&[Stage::Before, Stage::Begun]);
    let fail = (attempt(), stage(), select(&CallFailure::ALL));
    prop_oneof![
        Just(requested()),
        attempt().prop_map(begin),
        attempt().prop_map(sent),
        (attempt(), stage()).prop_map(|(attempt, stage)| refused(attempt, stage)),
        attempt().prop_map(unknown),
        fail.prop_map(|(attempt, stage, class)| NotificationCommand::Failed {
            attempt,
            stage,
            class,
            retry_at: at(9)
        }),
        Just(resend()),
    ]
}

/// Some servers are never reached, so that notifications get stuck.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let lucks = prop_oneof![Just(LUCK.to_vec()), Just(vec![Luck::Unreachable, Luck::NotNow])];
    lucks.prop_flat_map(|lucks| {
        let step = prop_oneof![
            4 => Just(Step::TakeUp),
            5 => (any::<Index>(), select(lucks)).prop_map(|(which, luck)| Step::GoOn(which, luck)),
            1 => Just(Step::Restart),
        ];
        prop::collection::vec(step, 100..160)
    })
}

fn steps_and_commands() -> impl Strategy<Value = Vec<Step>> {
    (steps(), prop::collection::vec((any::<Index>(), any_command()), 0..25)).prop_map(
        |(mut steps, commands)| {
            for (place, command) in commands {
                let place = place.index(steps.len());
                steps.insert(place, Step::Command(command));
            }
            steps
        },
    )
}

/// The notification, and what a mail server knows of it.
#[derive(Default)]
struct World {
    story: Story<NotificationAggregate>,
    /// Tries that workers have taken up; some will never be heard of again.
    workers: Vec<u32>,
    /// How often the server got each message, by try.
    got: BTreeMap<u32, u32>,
}

impl World {
    fn begun() -> Self {
        let mut world = Self::default();
        world.story.tell(&requested()).unwrap();
        world
    }

    fn notification(&self) -> &Notification {
        self.story.state.as_ref().unwrap()
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::TakeUp => {
                if let Some(open) = open_transmission(self.notification()) {
                    self.workers.push(open.attempt);
                }
            }
            Step::GoOn(which, luck) if !self.workers.is_empty() => {
                let attempt = self.workers.swap_remove(which.index(self.workers.len()));
                self.work(attempt, *luck)?;
            }
            Step::GoOn(..) => {}
            Step::Restart => {
                let open = open_transmission(self.notification());
                if let Some(open) = open.filter(|open| open.begun) {
                    self.tell(&unknown(open.attempt))?;
                }
            }
            Step::Command(command) => drop(self.tell(command)?),
        }
        Ok(())
    }

    /// The careful order of a worker: it connects, begins, and transmits only if it was the one to begin.
    fn work(&mut self, attempt: u32, luck: Luck) -> Result<(), TestCaseError> {
        match luck {
            Luck::Unreachable => return self.tell(&failed(attempt, Stage::Before)).map(drop),
            Luck::RefusedBefore => return self.tell(&refused(attempt, Stage::Before)).map(drop),
            _ => {}
        }
        let begun = self.tell(&begin(attempt))?;
        if begun.is_empty() {
            return Ok(());
        }
        if !matches!(luck, Luck::NotNow | Luck::CrashBefore) {
            *self.got.entry(attempt).or_default() += 1;
        }
        let report = match luck {
            Luck::Taken => sent(attempt),
            Luck::Silent => unknown(attempt),
            Luck::RefusedAfter => refused(attempt, Stage::Begun),
            Luck::NotNow => failed(attempt, Stage::Begun),
            _ => return Ok(()),
        };
        self.tell(&report).map(drop)
    }

    /// Tells a command, and checks what holds after every one.
    fn tell(
        &mut self,
        command: &NotificationCommand,
    ) -> Result<Vec<NotificationEvent>, TestCaseError> {
        let before = self.story.state.clone();
        let Ok(events) = self.story.tell(command) else {
            prop_assert_eq!(&before, &self.story.state);
            return Ok(vec![]);
        };
        let again = NotificationAggregate::decide(&self.story.state, command);
        prop_assert_eq!(again, Ok(vec![]), "{:?} is recorded twice", command);
        let before = before.unwrap();
        let over = open_transmission(&before).is_none();
        let by_a_person = matches!(command, NotificationCommand::Resend { .. });
        prop_assert!(events.is_empty() || !over || by_a_person, "{:?} moved what is over", command);
        prop_assert!(self.notification().attempt >= before.attempt);
        check(&self.story.events)?;
        Ok(events)
    }
}

/// Told from the events alone: each try begins once, the next one only after a failure before the transmission or a
/// person's word, and a person's word allows so many tries.
fn check(events: &[NotificationEvent]) -> Result<(), TestCaseError> {
    let mut begun = BTreeSet::new();
    let (mut may_try, mut current, mut failures) = (true, 1, 0);
    for event in events {
        match event {
            NotificationEvent::NotificationRequested(_) => {}
            NotificationEvent::TransmissionBegun(begin) => {
                prop_assert!(begun.insert(begin.attempt), "try {} began twice", begin.attempt);
                prop_assert!(may_try && begin.attempt == current);
                may_try = false;
            }
            NotificationEvent::CallFailed(failed) => {
                prop_assert_eq!(failed.attempt, current);
                (may_try, current, failures) = (true, current + 1, failures + 1);
                prop_assert!(failures <= MOST_TRIES);
            }
            NotificationEvent::NotificationSent(sent) => {
                let last = begun.last().copied().unwrap();
                let expected = message_id(
                    domain::notification::stream_id(request().checkout_id, "order-confirmed"),
                    last,
                );
                prop_assert_eq!((last, sent.message_id.as_str()), (current, expected.as_str()));
                may_try = false;
            }
            NotificationEvent::NotificationUnknown => {
                prop_assert!(begun.contains(&current));
                may_try = false;
            }
            NotificationEvent::NotificationRefused(_) => may_try = false,
            NotificationEvent::NotificationStuck => {
                prop_assert_eq!(failures, MOST_TRIES);
                (may_try, current) = (false, current - 1);
            }
            NotificationEvent::NotificationResent(_) => {
                prop_assert!(!may_try);
                (may_try, current, failures) = (true, current + 1, 0);
            }
        }
    }
    Ok(())
}

proptest! {
    /// However workers crash, sleep and race: without a person, the server gets the message at most once.
    #[test]
    fn a_message_is_transmitted_at_most_once_unless_a_person_asks(steps in steps()) {
        let mut world = World::begun();
        for step in &steps {
            world.step(step)?;
        }
        prop_assert!(world.got.values().sum::<u32>() <= 1, "{:?}", world.got);
    }

    #[test]
    fn every_step_keeps_the_invariants(steps in steps_and_commands()) {
        let mut world = World::begun();
        for step in &steps {
            world.step(step)?;
        }
        let resent = world.story.events.iter().filter(|event| event.stored_name() == "NotificationResent");
        let resent = u32::try_from(resent.count()).unwrap();
        prop_assert!(world.got.values().all(|times| *times <= 1), "a try was transmitted twice");
        // A command that claims a failure after the message is a lie that nobody can see through.
        let lies = steps.iter().any(|step| {
            matches!(step, Step::Command(NotificationCommand::Failed { stage: Stage::Begun, .. }))
        });
        prop_assert!(lies || world.got.values().sum::<u32>() <= 1 + resent);
        prop_assert_eq!(&fold::<NotificationAggregate>(None, &world.story.events, 1), &world.story.state);
    }

    #[test]
    fn replay_snapshot_and_storage_lose_nothing(steps in steps_and_commands(), cut in any::<Index>()) {
        let mut world = World::begun();
        for step in &steps {
            world.step(step)?;
        }
        let Story { state, events } = &world.story;
        let cut = cut.index(events.len() + 1);
        let first = fold::<NotificationAggregate>(None, &events[..cut], 1);
        let bytes = serde_json::to_vec(&first).unwrap();
        let restored: Option<Notification> = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(&restored, &first);
        prop_assert_eq!(&fold::<NotificationAggregate>(restored, &events[cut..], cut + 1), state);
        for event in events {
            let stored = NotificationAggregate::encode(event);
            let read = NotificationAggregate::decode(stored.event_type, stored.schema_version, &stored.payload);
            prop_assert_eq!(read.as_ref(), Ok(event));
        }
    }
}

/// A generator that misses statuses or facts would prove little.
#[test]
fn random_worlds_reach_every_status_and_every_fact() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut statuses, mut facts) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..500 {
        let mut world = World::begun();
        for step in &steps_and_commands().new_tree(&mut runner).unwrap().current() {
            world.step(step).unwrap();
            statuses.insert(world.notification().status);
        }
        facts.extend(world.story.events.iter().map(NotificationEvent::stored_name));
    }
    assert!(statuses.iter().eq(&NotificationStatus::ALL), "{statuses:?}");
    let all: BTreeSet<_> = EVENT_TYPES.iter().map(|(name, _)| *name).collect();
    assert_eq!(facts, all);
}
