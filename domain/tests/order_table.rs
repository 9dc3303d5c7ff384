//! The lifecycle as a table: every status × every command, each cell stated.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use domain::order::{CommandName, OrderCommand, OrderRejection, Status};
use support::*;

/// The expected outcome of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// Accepted, with an event.
    Ok,
    /// `illegal-transition`.
    Illegal,
    /// `order-already-exists`.
    Exists,
    /// The body names something the order does not have.
    Invalid,
    /// `refund-exceeds-captured`.
    NothingPaid,
}
use Cell::{Exists, Illegal, Invalid, NothingPaid, Ok as Yes};

/// An order in each status, nothing paid unless the status needs it.
fn in_status(status: Status) -> Story {
    let create_placed = create(false, vec![line("tea", 2, 1000)]);
    let create_draft = create(true, vec![line("tea", 2, 1000)]);
    let confirm = OrderCommand::Confirm;
    match status {
        Status::Draft => given(&[create_draft]),
        Status::Discarded => given(&[create_draft, OrderCommand::Discard]),
        Status::Placed => given(&[create_placed]),
        Status::Confirmed => given(&[create_placed, confirm]),
        Status::Cancelled => given(&[create_placed, cancel()]),
        Status::Completed => {
            given(&[create_placed, confirm, pay("p", "20"), ship("s"), deliver("s")])
        }
    }
}

/// A body for each command that only the status can refuse.
fn body(command: CommandName) -> OrderCommand {
    match command {
        CommandName::Create => create(false, vec![line("tea", 1, 1)]),
        CommandName::AddLine => add_line("pot", 1, "5.00"),
        CommandName::ChangeLineQuantity => {
            OrderCommand::ChangeLineQuantity { line_id: 1, quantity: 9 }
        }
        CommandName::RemoveLine => OrderCommand::RemoveLine { line_id: 1 },
        CommandName::Place => place(),
        CommandName::Discard => OrderCommand::Discard,
        CommandName::Confirm => OrderCommand::Confirm,
        CommandName::RecordPayment => pay("new", "1.00"),
        CommandName::RecordRefund => refund("new", "1.00"),
        CommandName::Ship => ship("new"),
        CommandName::Deliver => deliver("new"),
        CommandName::Cancel => cancel(),
        CommandName::AddNote => note(),
    }
}

#[rustfmt::skip]
const TABLE: [(CommandName, [Cell; 6]); 13] = [
    //                                  draft    placed       confirmed    completed cancelled    discarded
    (CommandName::Create,             [Exists,  Exists,      Exists,      Exists,   Exists,      Exists]),
    (CommandName::AddLine,            [Yes,     Illegal,     Illegal,     Illegal,  Illegal,     Illegal]),
    (CommandName::ChangeLineQuantity, [Yes,     Illegal,     Illegal,     Illegal,  Illegal,     Illegal]),
    (CommandName::RemoveLine,         [Yes,     Illegal,     Illegal,     Illegal,  Illegal,     Illegal]),
    (CommandName::Place,              [Yes,     Illegal,     Illegal,     Illegal,  Illegal,     Illegal]),
    (CommandName::Discard,            [Yes,     Illegal,     Illegal,     Illegal,  Illegal,     Illegal]),
    (CommandName::Confirm,            [Illegal, Yes,         Illegal,     Illegal,  Illegal,     Illegal]),
    (CommandName::RecordPayment,      [Illegal, Yes,         Yes,         Yes,      Yes,         Illegal]),
    (CommandName::RecordRefund,       [Illegal, NothingPaid, NothingPaid, Yes,      NothingPaid, Illegal]),
    (CommandName::Ship,               [Illegal, Illegal,     Yes,         Illegal,  Illegal,     Illegal]),
    (CommandName::Deliver,            [Illegal, Invalid,     Invalid,     Invalid,  Invalid,     Illegal]),
    (CommandName::Cancel,             [Illegal, Yes,         Yes,         Illegal,  Illegal,     Illegal]),
    (CommandName::AddNote,            [Yes,     Yes,         Yes,         Yes,      Yes,         Yes]),
];

#[test]
fn every_status_meets_every_command() {
    for (command, row) in TABLE {
        for (status, expected) in Status::ALL.into_iter().zip(row) {
            let story = in_status(status);
            assert_eq!(story.order().status, status);
            let cell = match story.when(&body(command)) {
                Ok(events) if !events.is_empty() => Yes,
                Err(OrderRejection::IllegalTransition { current_status, .. }) => {
                    assert_eq!(current_status, status);
                    Illegal
                }
                Err(OrderRejection::OrderAlreadyExists) => Exists,
                Err(OrderRejection::Invalid(_)) => Invalid,
                Err(OrderRejection::RefundExceedsCaptured { .. }) => NothingPaid,
                other => panic!("{status} × {}: {other:?}", command.as_str()),
            };
            assert_eq!(cell, expected, "{status} × {}", command.as_str());
            let allowed = story.order().allowed_commands().contains(&command);
            assert_eq!(allowed, expected == Yes, "{status} allows {}", command.as_str());
        }
    }
}
