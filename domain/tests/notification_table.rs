//! The lifecycle of a notification as a table: every status × every command, each cell stated.

#![allow(clippy::unwrap_used, missing_docs)]

mod mail_support;
mod parcel_support;

use domain::notification::{
    NotificationAggregate, NotificationCommand, NotificationEvent, NotificationStatus, Stage,
};
use domain::{Aggregate, MOST_TRIES};
use mail_support::*;
use parcel_support::*;
use std::collections::BTreeSet;

/// The notification that a row is about, its status, and the number of its try.
fn given(row: &str) -> (Vec<NotificationCommand>, Option<(NotificationStatus, u32)>) {
    let begun = |then: &[NotificationCommand]| [&[requested(), begin(1)], then].concat();
    let fail_until = |last| {
        let tries = (1..=last).map(|attempt| failed(attempt, Stage::Before));
        [requested()].into_iter().chain(tries).collect::<Vec<_>>()
    };
    let (commands, status, attempt) = match row {
        "absent" => return (vec![], None),
        "requested" => (vec![requested()], NotificationStatus::Requested, 1),
        "requested, last try" => {
            (fail_until(MOST_TRIES - 1), NotificationStatus::Requested, MOST_TRIES)
        }
        "begun" => (begun(&[]), NotificationStatus::Begun, 1),
        "begun, last try" => {
            let last = vec![begin(MOST_TRIES)];
            ([fail_until(MOST_TRIES - 1), last].concat(), NotificationStatus::Begun, MOST_TRIES)
        }
        "sent" => (begun(&[sent(1)]), NotificationStatus::Sent, 1),
        "refused" => (begun(&[refused(1, Stage::Begun)]), NotificationStatus::Refused, 1),
        "unknown" => (begun(&[unknown(1)]), NotificationStatus::Unknown, 1),
        "stuck" => (fail_until(MOST_TRIES), NotificationStatus::Stuck, MOST_TRIES),
        "resent" => (begun(&[unknown(1), resend()]), NotificationStatus::Requested, 2),
        other => panic!("no such row: {other}"),
    };
    (commands, Some((status, attempt)))
}

/// The command of a column, for the try that is current.
fn when(column: &str, attempt: u32) -> NotificationCommand {
    match column {
        "request" => requested(),
        "request-other" => {
            let mut other = request();
            other.subject_of = id("o-3");
            NotificationCommand::Request(other)
        }
        "begin" => begin(attempt),
        "sent" => sent(attempt),
        "refused-before" => refused(attempt, Stage::Before),
        "refused" => refused(attempt, Stage::Begun),
        "failed-before" => failed(attempt, Stage::Before),
        "failed" => failed(attempt, Stage::Begun),
        "unknown" => unknown(attempt),
        "resend" => resend(),
        "begin-next" => begin(attempt + 1),
        "sent-earlier" => sent(attempt - 1),
        other => panic!("no such column: {other}"),
    }
}

/// Row, column, and what follows: the events' names, or the problem code after `!`.
#[rustfmt::skip]
const TABLE: &[(&str, &str, &str)] = &[
    ("absent", "request", "NotificationRequested"),
    ("absent", "request-other", "NotificationRequested"),
    ("absent", "begin", "! notification-not-found"),
    ("absent", "sent", "! notification-not-found"),
    ("absent", "refused-before", "! notification-not-found"),
    ("absent", "refused", "! notification-not-found"),
    ("absent", "failed-before", "! notification-not-found"),
    ("absent", "failed", "! notification-not-found"),
    ("absent", "unknown", "! notification-not-found"),
    ("absent", "resend", "! notification-not-found"),
    ("absent", "begin-next", "! notification-not-found"),
    ("absent", "sent-earlier", "! notification-not-found"),
    ("requested", "request", "no event"),
    ("requested", "request-other", "! notification-conflict"),
    ("requested", "begin", "TransmissionBegun"),
    ("requested", "sent", "! transmission-not-begun"),
    ("requested", "refused-before", "NotificationRefused"),
    ("requested", "refused", "! transmission-not-begun"),
    ("requested", "failed-before", "CallFailed"),
    ("requested", "failed", "! transmission-not-begun"),
    ("requested", "unknown", "! transmission-not-begun"),
    ("requested", "resend", "no event"),
    ("requested", "begin-next", "! unknown-attempt"),
    ("requested", "sent-earlier", "no event"),
    ("requested, last try", "request", "no event"),
    ("requested, last try", "request-other", "! notification-conflict"),
    ("requested, last try", "begin", "TransmissionBegun"),
    ("requested, last try", "sent", "! transmission-not-begun"),
    ("requested, last try", "refused-before", "NotificationRefused"),
    ("requested, last try", "refused", "! transmission-not-begun"),
    ("requested, last try", "failed-before", "CallFailed NotificationStuck"),
    ("requested, last try", "failed", "! transmission-not-begun"),
    ("requested, last try", "unknown", "! transmission-not-begun"),
    ("requested, last try", "resend", "no event"),
    ("requested, last try", "begin-next", "! unknown-attempt"),
    ("requested, last try", "sent-earlier", "no event"),
    ("begun", "request", "no event"),
    ("begun", "request-other", "! notification-conflict"),
    ("begun", "begin", "no event"),
    ("begun", "sent", "NotificationSent"),
    ("begun", "refused-before", "no event"),
    ("begun", "refused", "NotificationRefused"),
    ("begun", "failed-before", "no event"),
    ("begun", "failed", "CallFailed"),
    ("begun", "unknown", "NotificationUnknown"),
    ("begun", "resend", "no event"),
    ("begun", "begin-next", "! unknown-attempt"),
    ("begun", "sent-earlier", "no event"),
    ("begun, last try", "request", "no event"),
    ("begun, last try", "request-other", "! notification-conflict"),
    ("begun, last try", "begin", "no event"),
    ("begun, last try", "sent", "NotificationSent"),
    ("begun, last try", "refused-before", "no event"),
    ("begun, last try", "refused", "NotificationRefused"),
    ("begun, last try", "failed-before", "no event"),
    ("begun, last try", "failed", "CallFailed NotificationStuck"),
    ("begun, last try", "unknown", "NotificationUnknown"),
    ("begun, last try", "resend", "no event"),
    ("begun, last try", "begin-next", "! unknown-attempt"),
    ("begun, last try", "sent-earlier", "no event"),
    ("sent", "request", "no event"),
    ("sent", "request-other", "! notification-conflict"),
    ("sent", "begin", "no event"),
    ("sent", "sent", "no event"),
    ("sent", "refused-before", "no event"),
    ("sent", "refused", "no event"),
    ("sent", "failed-before", "no event"),
    ("sent", "failed", "no event"),
    ("sent", "unknown", "no event"),
    ("sent", "resend", "NotificationResent"),
    ("sent", "begin-next", "! unknown-attempt"),
    ("sent", "sent-earlier", "no event"),
    ("refused", "request", "no event"),
    ("refused", "request-other", "! notification-conflict"),
    ("refused", "begin", "no event"),
    ("refused", "sent", "no event"),
    ("refused", "refused-before", "no event"),
    ("refused", "refused", "no event"),
    ("refused", "failed-before", "no event"),
    ("refused", "failed", "no event"),
    ("refused", "unknown", "no event"),
    ("refused", "resend", "NotificationResent"),
    ("refused", "begin-next", "! unknown-attempt"),
    ("refused", "sent-earlier", "no event"),
    ("unknown", "request", "no event"),
    ("unknown", "request-other", "! notification-conflict"),
    ("unknown", "begin", "no event"),
    ("unknown", "sent", "no event"),
    ("unknown", "refused-before", "no event"),
    ("unknown", "refused", "no event"),
    ("unknown", "failed-before", "no event"),
    ("unknown", "failed", "no event"),
    ("unknown", "unknown", "no event"),
    ("unknown", "resend", "NotificationResent"),
    ("unknown", "begin-next", "! unknown-attempt"),
    ("unknown", "sent-earlier", "no event"),
    ("stuck", "request", "no event"),
    ("stuck", "request-other", "! notification-conflict"),
    ("stuck", "begin", "no event"),
    ("stuck", "sent", "no event"),
    ("stuck", "refused-before", "no event"),
    ("stuck", "refused", "no event"),
    ("stuck", "failed-before", "no event"),
    ("stuck", "failed", "no event"),
    ("stuck", "unknown", "no event"),
    ("stuck", "resend", "NotificationResent"),
    ("stuck", "begin-next", "! unknown-attempt"),
    ("stuck", "sent-earlier", "no event"),
    ("resent", "request", "no event"),
    ("resent", "request-other", "! notification-conflict"),
    ("resent", "begin", "TransmissionBegun"),
    ("resent", "sent", "! transmission-not-begun"),
    ("resent", "refused-before", "NotificationRefused"),
    ("resent", "refused", "! transmission-not-begun"),
    ("resent", "failed-before", "CallFailed"),
    ("resent", "failed", "! transmission-not-begun"),
    ("resent", "unknown", "! transmission-not-begun"),
    ("resent", "resend", "no event"),
    ("resent", "begin-next", "! unknown-attempt"),
    ("resent", "sent-earlier", "no event"),
];

#[test]
fn every_status_meets_every_command() {
    let mut statuses = BTreeSet::new();
    for (row, column, expected) in TABLE {
        let (before, stands) = given(row);
        let mut story = Story::<NotificationAggregate>::default();
        for command in before {
            story.tell(&command).unwrap();
        }
        let found = story.state.as_ref().map(|found| (found.status, found.attempt));
        assert_eq!(found, stands, "{row}");
        statuses.extend(stands.map(|(status, _)| status));
        let command = when(column, stands.map_or(1, |(_, attempt)| attempt));
        let outcome = match NotificationAggregate::decide(&story.state, &command) {
            Ok(events) if events.is_empty() => "no event".to_owned(),
            Ok(events) => {
                let names: Vec<_> = events.iter().map(NotificationEvent::stored_name).collect();
                names.join(" ")
            }
            Err(rejection) => format!("! {}", rejection.code()),
        };
        assert_eq!(outcome, *expected, "{row} × {column}");
    }
    assert!(statuses.iter().eq(&NotificationStatus::ALL), "{statuses:?}");
}

#[test]
fn no_cell_is_left_out() {
    let cells: BTreeSet<_> = TABLE.iter().map(|(row, column, _)| (row, column)).collect();
    let rows: BTreeSet<_> = TABLE.iter().map(|cell| cell.0).collect();
    let columns: BTreeSet<_> = TABLE.iter().map(|cell| cell.1).collect();
    assert_eq!(cells.len(), rows.len() * columns.len());
    assert_eq!(cells.len(), TABLE.len(), "a cell stands twice");
}
