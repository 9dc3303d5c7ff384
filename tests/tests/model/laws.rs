//! The domain's laws, checked on the oracle with random commands: its predictions must themselves be possible.

use crate::generate;
use chrono::{Duration, TimeZone, Utc};
use oracle::ask::{Ask, Command, Parcel, Transfer};
use oracle::compose::{allowed, compose};
use oracle::decide::{Verdict, decide};
use oracle::fact::{Event, Fact};
use oracle::judge::{Keys, Right, judge};
use oracle::order::{Order, Status};
use oracle::stream::Stream;
use rig::rng::Rng;

/// Orders, and commands to each.
const ORDERS: u64 = 200;
const COMMANDS: u64 = 60;

/// Applies a decision; the n-th event happens in the n-th second.
pub fn push(stream: &mut Stream, facts: &[Fact]) {
    for fact in facts {
        let version = stream.version() + 1;
        let start = Utc.timestamp_opt(1_500_000_000, 0).single().expect("a moment");
        let at = start + Duration::seconds(i64::try_from(version).expect("few events"));
        stream.push(Event {
            fact: fact.clone(),
            version,
            position: version,
            event_id: String::new(),
            occurred_at: at,
            recorded_at: at,
            correlation: None,
        });
    }
}

#[test]
fn the_oracle_keeps_the_laws_of_the_domain_on_random_commands() {
    let mut rng = Rng::printed("the oracle's laws");
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..ORDERS {
        let mut stream = Stream::empty(rng.uuid());
        for _ in 0..COMMANDS {
            let ask = match stream.order() {
                None => Ask::Create(generate::creation(&mut rng, "USD")),
                Some(order) => generate::next(&mut rng, order),
            };
            let command = Command::plain(stream.id, ask);
            let before = stream.order().cloned();
            let rights = judge(&stream, &Keys::default(), &command, Utc::now());
            if let Some(before) = &before {
                is_as_allowed(before, &command.ask, &rights);
            }
            match rights.as_slice() {
                [Right::Done(facts)] => {
                    accepted += 1;
                    push(&mut stream, facts);
                    never_goes_back(before.as_ref(), stream.order());
                    says_nothing_twice(&stream, &command.ask);
                }
                _ => refused += 1,
            }
            if let Some(order) = stream.order() {
                holds(&stream, order);
            }
        }
    }
    assert!(
        accepted > 20 * ORDERS && refused > 5 * ORDERS,
        "{accepted} and {refused} walk nowhere"
    );
}

/// Checks that the sums agree with each other, and with a fold from the start.
fn holds(stream: &Stream, order: &Order) {
    let (shipped, delivered) = (order.shipped(), order.delivered());
    for line in &order.lines {
        let of = |units: &std::collections::BTreeMap<u64, u64>| {
            units.get(&line.line_id).copied().unwrap_or(0)
        };
        assert!(of(&delivered) <= of(&shipped) && of(&shipped) <= line.quantity, "{order:?}");
    }
    assert!(order.refunded() <= order.paid(), "{order:?}");
    assert!(order.balance_due() >= 0, "{order:?}");
    let (version, position) = (stream.version(), stream.position());
    let folded = stream.order_at(version).expect("it has begun");
    let shown = |order: &Order| compose(stream.id, version, position, order);
    assert_eq!(shown(&folded), shown(order));
}

/// A command that is not allowed is an illegal transition, or records nothing new; no other command is.
fn is_as_allowed(order: &Order, ask: &Ask, rights: &[Right]) {
    let may = allowed(order).contains(&ask.name());
    let illegal = |right: &Right| matches!(right, Right::Refused(refusal) if refusal.code == "illegal-transition");
    let news = |right: &Right| matches!(right, Right::Done(facts) if !facts.is_empty());
    let accepted = rights.iter().any(news);
    assert!(may || !accepted, "{ask:?} of {order:?}: {rights:?}");
    assert!(!may || !rights.iter().any(illegal), "{ask:?} of {order:?}: {rights:?}");
}

/// Completed, cancelled and discarded are final.
fn never_goes_back(before: Option<&Order>, after: Option<&Order>) {
    let status = |order: Option<&Order>| order.map(|order| order.status);
    let last = [Status::Completed, Status::Cancelled, Status::Discarded];
    if let Some(before) = status(before).filter(|status| last.contains(status)) {
        assert_eq!(status(after), Some(before));
    }
}

/// A recorded external fact gives no event when it is repeated.
fn says_nothing_twice(stream: &Stream, ask: &Ask) {
    let order = stream.order().expect("it has begun");
    let again = match ask {
        Ask::Pay(Transfer { .. }) | Ask::Refund(Transfer { .. }) | Ask::Deliver { .. } => {
            ask.clone()
        }
        Ask::Ship(Parcel { id, carrier, tracking, .. }) => {
            let known = order.shipments.iter().find(|shipment| shipment.id == *id);
            let lines = known.map(|known| known.lines.clone());
            let (carrier, tracking) = (carrier.clone(), tracking.clone());
            Ask::Ship(Parcel { id: id.clone(), carrier, tracking, lines })
        }
        _ => return,
    };
    let verdicts = decide(Some(order), &again);
    assert!(verdicts.contains(&Verdict::Facts(vec![])), "{again:?} of {order:?}: {verdicts:?}");
}
