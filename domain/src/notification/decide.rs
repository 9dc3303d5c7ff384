//! Decisions about a notification: which facts follow from a command, or which rule refuses it.

use super::{
    Begun, CallFailed, Notification, NotificationCommand, NotificationEvent, NotificationRejection,
    NotificationStatus, Refused, Resent, Sent, Stage, message_id,
};
use crate::call::storable;
use crate::{CallFailure, Label, Reference, Timestamp};
use std::cmp::Ordering;

type Decision = Result<Vec<NotificationEvent>, NotificationRejection>;

pub(super) fn decide(state: Option<&Notification>, command: &NotificationCommand) -> Decision {
    let notification = match (state, command) {
        (None, NotificationCommand::Request(request)) => {
            return Ok(vec![NotificationEvent::NotificationRequested(request.clone())]);
        }
        (None, _) => return Err(NotificationRejection::NotFound),
        (Some(notification), _) => notification,
    };
    let attempt = match command {
        NotificationCommand::Request(request) if *request == notification.request => {
            return Ok(vec![]);
        }
        NotificationCommand::Request(_) => return Err(NotificationRejection::Conflict),
        NotificationCommand::Resend { by } => return Ok(resend(notification, by)),
        NotificationCommand::Begin { attempt }
        | NotificationCommand::Sent { attempt }
        | NotificationCommand::Refused { attempt, .. }
        | NotificationCommand::Failed { attempt, .. }
        | NotificationCommand::Unknown { attempt } => *attempt,
    };
    let current = notification.attempt;
    match attempt.cmp(&current) {
        Ordering::Less => Ok(vec![]),
        Ordering::Greater => Err(NotificationRejection::UnknownAttempt { current }),
        Ordering::Equal => match notification.status {
            NotificationStatus::Requested => requested(notification, command),
            NotificationStatus::Begun => Ok(begun(notification, command)),
            NotificationStatus::Sent
            | NotificationStatus::Refused
            | NotificationStatus::Unknown
            | NotificationStatus::Stuck => Ok(vec![]),
        },
    }
}

/// Nothing has been transmitted under this number. A server may refuse the recipient before there is anything to
/// transmit; that is final as well.
fn requested(notification: &Notification, command: &NotificationCommand) -> Decision {
    match command {
        NotificationCommand::Begin { attempt } => {
            Ok(vec![NotificationEvent::TransmissionBegun(Begun { attempt: *attempt })])
        }
        NotificationCommand::Refused { stage: Stage::Before, code, .. } => Ok(vec![refused(code)]),
        NotificationCommand::Failed { stage: Stage::Before, class, retry_at, .. } => {
            Ok(failed(notification, *class, *retry_at))
        }
        NotificationCommand::Refused { stage: Stage::Begun, .. }
        | NotificationCommand::Failed { stage: Stage::Begun, .. }
        | NotificationCommand::Sent { .. }
        | NotificationCommand::Unknown { .. } => Err(NotificationRejection::NotBegun),
        NotificationCommand::Request(_) | NotificationCommand::Resend { .. } => Ok(vec![]),
    }
}

/// Somebody transmits. What others report who came less far is not about this transmission.
fn begun(notification: &Notification, command: &NotificationCommand) -> Vec<NotificationEvent> {
    match command {
        NotificationCommand::Sent { attempt } => {
            let message_id = Label::stored(message_id(notification.id(), *attempt));
            vec![NotificationEvent::NotificationSent(Sent { message_id })]
        }
        NotificationCommand::Refused { stage: Stage::Begun, code, .. } => vec![refused(code)],
        NotificationCommand::Failed { stage: Stage::Begun, class, retry_at, .. } => {
            failed(notification, *class, *retry_at)
        }
        NotificationCommand::Unknown { .. } => vec![NotificationEvent::NotificationUnknown],
        NotificationCommand::Refused { stage: Stage::Before, .. }
        | NotificationCommand::Failed { stage: Stage::Before, .. }
        | NotificationCommand::Begin { .. }
        | NotificationCommand::Request(_)
        | NotificationCommand::Resend { .. } => vec![],
    }
}

fn refused(code: &Reference) -> NotificationEvent {
    NotificationEvent::NotificationRefused(Refused { code: code.clone() })
}

fn failed(
    notification: &Notification,
    class: CallFailure,
    retry_at: Timestamp,
) -> Vec<NotificationEvent> {
    let attempt = notification.attempt;
    let failed = CallFailed { attempt, class, retry_at: storable(retry_at) };
    let mut events = vec![NotificationEvent::CallFailed(failed)];
    if attempt >= notification.granted {
        events.push(NotificationEvent::NotificationStuck);
    }
    events
}

fn resend(notification: &Notification, by: &Label) -> Vec<NotificationEvent> {
    match notification.status {
        NotificationStatus::Requested | NotificationStatus::Begun => vec![],
        NotificationStatus::Sent
        | NotificationStatus::Refused
        | NotificationStatus::Unknown
        | NotificationStatus::Stuck => {
            vec![NotificationEvent::NotificationResent(Resent { by: by.clone() })]
        }
    }
}
