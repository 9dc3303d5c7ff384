//! The lifecycle of payments as a table: every status × everything that can come, each cell stated.

#![allow(clippy::unwrap_used, missing_docs)]

mod payment_support;

use domain::payment::{PaymentCommand, PaymentStatus, PspSnapshot, PspState};
use payment_support::*;

/// A payment of 10.00 in each status.
fn in_status(status: PaymentStatus) -> Story {
    let open = || given(&[request(), saw(PspState::Open, 0, 0)]);
    let authorized = || open().and(&saw(PspState::Authorized, 1_000, 0));
    let captured = || authorized().and(&capture(1_000)).and(&saw(PspState::Captured, 1_000, 1_000));
    let back = |minor| {
        let done = [("r-1", minor, domain::payment::PspRefundState::Succeeded)];
        captured().and(&refund("r-1", minor)).and(&saw_refunds(&done))
    };
    match status {
        PaymentStatus::Requested => given(&[request()]),
        PaymentStatus::Opened => open(),
        PaymentStatus::ActionRequired => open().and(&saw(PspState::ActionRequired, 0, 0)),
        PaymentStatus::Authorized => authorized(),
        PaymentStatus::CaptureRequested => authorized().and(&capture(1_000)),
        PaymentStatus::Captured => captured(),
        PaymentStatus::VoidRequested => open().and(&void()),
        PaymentStatus::Voided => open().and(&void()).and(&saw(PspState::Canceled, 0, 0)),
        PaymentStatus::Declined => open().and(&saw(PspState::Declined, 0, 0)),
        PaymentStatus::Expired => authorized().and(&saw(PspState::Canceled, 1_000, 0)),
        PaymentStatus::PartiallyRefunded => back(400),
        PaymentStatus::Refunded => back(1_000),
    }
}

/// What can come to a payment.
#[derive(Debug, Clone, Copy)]
enum Comes {
    Capture,
    Void,
    Refund,
    /// The provider holds the money until a later time than was known.
    Authorized,
    Captured,
    Canceled,
    /// Refused; the provider shows that the money had been held if it had.
    Declined,
    Open,
    Action,
    Processing,
}

impl Comes {
    fn command(self, story: &Story) -> PaymentCommand {
        let observe = |state, authorized, captured| saw(state, authorized, captured);
        let held = story.payment().authorization.map_or(0, |held| held.amount.minor());
        match self {
            Self::Capture => capture(1_000),
            Self::Void => void(),
            Self::Refund => refund("r-9", 300),
            Self::Authorized => PaymentCommand::Observe(PspSnapshot {
                authorization_expires_at: Some(at(500)),
                ..told(PspState::Authorized, 1_000, 0)
            }),
            Self::Captured => observe(PspState::Captured, 1_000, 1_000),
            Self::Canceled => observe(PspState::Canceled, held, 0),
            Self::Declined => observe(PspState::Declined, held, 0),
            Self::Open => observe(PspState::Open, 0, 0),
            Self::Action => observe(PspState::ActionRequired, 0, 0),
            Self::Processing => observe(PspState::Processing, 0, 0),
        }
    }
}

/// The events, one after the other; `409 …` is the code of a refusal; empty: no event.
type Cell = &'static str;

#[rustfmt::skip]
const TABLE: &[(PaymentStatus, Comes, Cell)] = &[
    (PaymentStatus::Requested, Comes::Capture, "409 payment-not-authorized"),
    (PaymentStatus::Requested, Comes::Void, "VoidRequested"),
    (PaymentStatus::Requested, Comes::Refund, "409 payment-not-captured"),
    (PaymentStatus::Requested, Comes::Authorized, "PaymentOpened PaymentAuthorized"),
    (PaymentStatus::Requested, Comes::Captured, "PaymentOpened PaymentCaptured"),
    (PaymentStatus::Requested, Comes::Canceled, "PaymentOpened PaymentVoided"),
    (PaymentStatus::Requested, Comes::Declined, "PaymentOpened PaymentDeclined"),
    (PaymentStatus::Requested, Comes::Open, "PaymentOpened"),
    (PaymentStatus::Requested, Comes::Action, "PaymentOpened CustomerActionRequired"),
    (PaymentStatus::Requested, Comes::Processing, "PaymentOpened"),

    (PaymentStatus::Opened, Comes::Capture, "409 payment-not-authorized"),
    (PaymentStatus::Opened, Comes::Void, "VoidRequested"),
    (PaymentStatus::Opened, Comes::Refund, "409 payment-not-captured"),
    (PaymentStatus::Opened, Comes::Authorized, "PaymentAuthorized"),
    (PaymentStatus::Opened, Comes::Captured, "PaymentCaptured"),
    (PaymentStatus::Opened, Comes::Canceled, "PaymentVoided"),
    (PaymentStatus::Opened, Comes::Declined, "PaymentDeclined"),
    (PaymentStatus::Opened, Comes::Open, ""),
    (PaymentStatus::Opened, Comes::Action, "CustomerActionRequired"),
    (PaymentStatus::Opened, Comes::Processing, ""),

    (PaymentStatus::ActionRequired, Comes::Capture, "409 payment-not-authorized"),
    (PaymentStatus::ActionRequired, Comes::Void, "VoidRequested"),
    (PaymentStatus::ActionRequired, Comes::Refund, "409 payment-not-captured"),
    (PaymentStatus::ActionRequired, Comes::Authorized, "PaymentAuthorized"),
    (PaymentStatus::ActionRequired, Comes::Captured, "PaymentCaptured"),
    (PaymentStatus::ActionRequired, Comes::Canceled, "PaymentVoided"),
    (PaymentStatus::ActionRequired, Comes::Declined, "PaymentDeclined"),
    (PaymentStatus::ActionRequired, Comes::Open, ""),
    (PaymentStatus::ActionRequired, Comes::Action, ""),
    (PaymentStatus::ActionRequired, Comes::Processing, ""),

    (PaymentStatus::Authorized, Comes::Capture, "CaptureRequested"),
    (PaymentStatus::Authorized, Comes::Void, "VoidRequested"),
    (PaymentStatus::Authorized, Comes::Refund, "409 payment-not-captured"),
    (PaymentStatus::Authorized, Comes::Authorized, ""),
    (PaymentStatus::Authorized, Comes::Captured, "PaymentCaptured UnexpectedMoney"),
    (PaymentStatus::Authorized, Comes::Canceled, "AuthorizationExpired"),
    (PaymentStatus::Authorized, Comes::Declined, "AuthorizationExpired"),
    (PaymentStatus::Authorized, Comes::Open, ""),
    (PaymentStatus::Authorized, Comes::Action, ""),
    (PaymentStatus::Authorized, Comes::Processing, ""),

    (PaymentStatus::CaptureRequested, Comes::Capture, ""),
    (PaymentStatus::CaptureRequested, Comes::Void, "VoidRequested"),
    (PaymentStatus::CaptureRequested, Comes::Refund, "409 payment-not-captured"),
    (PaymentStatus::CaptureRequested, Comes::Authorized, ""),
    (PaymentStatus::CaptureRequested, Comes::Captured, "PaymentCaptured"),
    (PaymentStatus::CaptureRequested, Comes::Canceled, "CaptureFailed"),
    (PaymentStatus::CaptureRequested, Comes::Declined, "CaptureFailed"),
    (PaymentStatus::CaptureRequested, Comes::Open, ""),
    (PaymentStatus::CaptureRequested, Comes::Action, ""),
    (PaymentStatus::CaptureRequested, Comes::Processing, ""),

    (PaymentStatus::Captured, Comes::Capture, ""),
    (PaymentStatus::Captured, Comes::Void, "RefundRequested"),
    (PaymentStatus::Captured, Comes::Refund, "RefundRequested"),
    (PaymentStatus::Captured, Comes::Authorized, ""),
    (PaymentStatus::Captured, Comes::Captured, ""),
    (PaymentStatus::Captured, Comes::Canceled, ""),
    (PaymentStatus::Captured, Comes::Declined, ""),
    (PaymentStatus::Captured, Comes::Open, ""),
    (PaymentStatus::Captured, Comes::Action, ""),
    (PaymentStatus::Captured, Comes::Processing, ""),

    (PaymentStatus::VoidRequested, Comes::Capture, "409 payment-over"),
    (PaymentStatus::VoidRequested, Comes::Void, ""),
    (PaymentStatus::VoidRequested, Comes::Refund, "409 payment-not-captured"),
    (PaymentStatus::VoidRequested, Comes::Authorized, ""),
    (PaymentStatus::VoidRequested, Comes::Captured, "PaymentCaptured RefundRequested"),
    (PaymentStatus::VoidRequested, Comes::Canceled, "PaymentVoided"),
    (PaymentStatus::VoidRequested, Comes::Declined, "PaymentVoided"),
    (PaymentStatus::VoidRequested, Comes::Open, ""),
    (PaymentStatus::VoidRequested, Comes::Action, ""),
    (PaymentStatus::VoidRequested, Comes::Processing, ""),

    (PaymentStatus::Voided, Comes::Capture, "409 payment-over"),
    (PaymentStatus::Voided, Comes::Void, ""),
    (PaymentStatus::Voided, Comes::Refund, "409 payment-over"),
    (PaymentStatus::Voided, Comes::Authorized, "UnexpectedMoney VoidRequested"),
    (PaymentStatus::Voided, Comes::Captured, "UnexpectedMoney PaymentCaptured RefundRequested"),
    (PaymentStatus::Voided, Comes::Canceled, ""),
    (PaymentStatus::Voided, Comes::Declined, ""),
    (PaymentStatus::Voided, Comes::Open, ""),
    (PaymentStatus::Voided, Comes::Action, ""),
    (PaymentStatus::Voided, Comes::Processing, ""),

    (PaymentStatus::Declined, Comes::Capture, "409 payment-over"),
    (PaymentStatus::Declined, Comes::Void, ""),
    (PaymentStatus::Declined, Comes::Refund, "409 payment-over"),
    (PaymentStatus::Declined, Comes::Authorized, "UnexpectedMoney VoidRequested"),
    (PaymentStatus::Declined, Comes::Captured, "UnexpectedMoney PaymentCaptured RefundRequested"),
    (PaymentStatus::Declined, Comes::Canceled, ""),
    (PaymentStatus::Declined, Comes::Declined, ""),
    (PaymentStatus::Declined, Comes::Open, ""),
    (PaymentStatus::Declined, Comes::Action, ""),
    (PaymentStatus::Declined, Comes::Processing, ""),

    (PaymentStatus::Expired, Comes::Capture, "409 payment-over"),
    (PaymentStatus::Expired, Comes::Void, ""),
    (PaymentStatus::Expired, Comes::Refund, "409 payment-over"),
    (PaymentStatus::Expired, Comes::Authorized, "UnexpectedMoney VoidRequested"),
    (PaymentStatus::Expired, Comes::Captured, "UnexpectedMoney PaymentCaptured RefundRequested"),
    (PaymentStatus::Expired, Comes::Canceled, ""),
    (PaymentStatus::Expired, Comes::Declined, ""),
    (PaymentStatus::Expired, Comes::Open, ""),
    (PaymentStatus::Expired, Comes::Action, ""),
    (PaymentStatus::Expired, Comes::Processing, ""),

    (PaymentStatus::PartiallyRefunded, Comes::Capture, ""),
    (PaymentStatus::PartiallyRefunded, Comes::Void, "RefundRequested"),
    (PaymentStatus::PartiallyRefunded, Comes::Refund, "RefundRequested"),
    (PaymentStatus::PartiallyRefunded, Comes::Authorized, ""),
    (PaymentStatus::PartiallyRefunded, Comes::Captured, ""),
    (PaymentStatus::PartiallyRefunded, Comes::Canceled, ""),
    (PaymentStatus::PartiallyRefunded, Comes::Declined, ""),
    (PaymentStatus::PartiallyRefunded, Comes::Open, ""),
    (PaymentStatus::PartiallyRefunded, Comes::Action, ""),
    (PaymentStatus::PartiallyRefunded, Comes::Processing, ""),

    (PaymentStatus::Refunded, Comes::Capture, ""),
    (PaymentStatus::Refunded, Comes::Void, ""),
    (PaymentStatus::Refunded, Comes::Refund, "409 refund-exceeds-captured"),
    (PaymentStatus::Refunded, Comes::Authorized, ""),
    (PaymentStatus::Refunded, Comes::Captured, ""),
    (PaymentStatus::Refunded, Comes::Canceled, ""),
    (PaymentStatus::Refunded, Comes::Declined, ""),
    (PaymentStatus::Refunded, Comes::Open, ""),
    (PaymentStatus::Refunded, Comes::Action, ""),
    (PaymentStatus::Refunded, Comes::Processing, ""),
];

#[test]
fn every_status_meets_everything_that_can_come() {
    assert_eq!(TABLE.len(), PaymentStatus::ALL.len() * 10);
    for (status, comes, expected) in TABLE {
        let story = in_status(*status);
        assert_eq!(story.payment().status(), *status);
        let cell = match story.when(&comes.command(&story)) {
            Ok(events) => events.join(" "),
            Err(code) => format!("409 {code}"),
        };
        assert_eq!(cell, *expected, "{status} × {comes:?}");
    }
}

#[test]
fn what_was_told_once_is_no_event_again() {
    for (status, comes, _) in TABLE {
        let mut story = in_status(*status);
        let command = comes.command(&story);
        if story.tell(&command).is_ok() {
            assert_eq!(story.when(&command), Ok(vec![]), "{status} × {comes:?}");
        }
    }
}

#[test]
fn without_a_request_there_is_no_payment() {
    let nothing = Story::default();
    let call = domain::payment::Call::Open;
    for command in [
        capture(1),
        void(),
        refund("r", 1),
        saw(PspState::Captured, 1_000, 1_000),
        fail(&call, 1, domain::payment::CallClass::Silence),
        refuse(&call, 1, true),
        PaymentCommand::GiveUpCall { call: call.clone(), attempt: 1 },
        retry(&call),
    ] {
        assert_eq!(nothing.when(&command), Err("payment-not-found"), "{command:?}");
    }
    assert_eq!(nothing.when(&request()), Ok(vec!["PaymentRequested"]));
}

#[test]
fn the_same_request_is_no_event_and_another_is_a_conflict() {
    for status in PaymentStatus::ALL {
        let story = in_status(status);
        assert_eq!(story.when(&request()), Ok(vec![]), "{status}");
        assert_eq!(story.when(&request_of(999)), Err("payment-conflict"), "{status}");
    }
}

#[test]
fn every_status_has_its_own_name() {
    for status in PaymentStatus::ALL {
        assert_eq!(PaymentStatus::from_wire(status.as_str()), Some(status));
        let stored = serde_json::to_string(&status).unwrap();
        assert_eq!(stored, format!("\"{status}\""));
    }
    assert_eq!(PaymentStatus::from_wire("paid"), None);
}
