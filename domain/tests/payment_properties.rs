//! Laws that hold for every payment: random wishes, and calls whose answers get lost.

#![allow(clippy::unwrap_used, missing_docs)]

mod payment_support;

use domain::Aggregate;
use domain::payment::stored::EVENT_TYPES;
use domain::payment::{Payment, PaymentAggregate, PaymentEvent, PaymentStatus};
use payment_support::fold;
use payment_support::world::{World, steps};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use std::collections::BTreeSet;

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
    let all: BTreeSet<_> = EVENT_TYPES.iter().map(|(name, _)| *name).collect();
    assert_eq!(facts, all);
}
