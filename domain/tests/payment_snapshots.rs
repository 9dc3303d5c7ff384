//! What a provider shows, in any order and number, and what it could never show.

#![allow(clippy::unwrap_used, missing_docs)]

mod payment_support;

use domain::Money;
use domain::payment::{
    Call, CallClass, CallContent, CaptureMode, MethodToken, PaymentCommand, PspRefund,
    PspRefundState, PspSnapshot, PspState,
};
use payment_support::laws::{check_money, check_owed, status_of};
use payment_support::psp::{Luck, Psp, psp_id};
use payment_support::world::{by_itself, luck, wish};
use payment_support::*;
use proptest::prelude::*;
use proptest::sample::Index;

/// A provider's life with no wish and no loss: what it showed.
fn shown() -> impl Strategy<Value = Vec<PspSnapshot>> {
    let events = prop::collection::vec((by_itself(), luck(), 0..4_u8), 1..30);
    (luck(), events).prop_map(|(first, events)| {
        let mut psp = Psp::new();
        let psp_id = psp_id();
        let open = CallContent::Open {
            amount: cents(1_000),
            method: MethodToken::parse("tok").unwrap(),
            capture: CaptureMode::AtDispatch,
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

fn any_call() -> impl Strategy<Value = Call> {
    let own = vec![Call::Open, Call::Confirm, Call::Capture, Call::Cancel];
    let refunds = prop::sample::select(vec!["void:1", "void:2", "r-1", "r-2"]);
    prop_oneof![prop::sample::select(own), refunds.prop_map(refund_call)]
}

/// Any report of any call, true or not.
fn any_report() -> impl Strategy<Value = PaymentCommand> {
    let class = prop::sample::select(CallClass::ALL.to_vec());
    (any_call(), 1..6_u32, class, any::<bool>(), 0..5).prop_map(
        |(call, attempt, class, is_final, which)| match which {
            0 | 1 => fail(&call, attempt, class),
            2 => refuse(&call, attempt, is_final),
            3 => PaymentCommand::GiveUpCall { call, attempt },
            _ => retry(&call),
        },
    )
}

fn any_command() -> impl Strategy<Value = PaymentCommand> {
    prop_oneof![2 => wish(), 4 => garbage().prop_map(PaymentCommand::Observe), 3 => any_report()]
}

proptest! {
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
}
