//! A notification: one message of a checkout to its customer, sent at most once unless a person asks for more.
//!
//! SMTP cannot tell whether a message that was transmitted without an answer has arrived. So the beginning of each
//! transmission is a fact that is stored before the first byte, and a transmission without a known end is *unknown*: it is
//! never repeated by itself. Nothing in a checkout waits for a notification.
//!
//! A try that fails before the transmission has sent nothing and is made again, up to a limit. Beyond it the notification
//! is *stuck*, not refused: nobody refused it, and the fault is most likely on our side.

mod command;
mod decide;
mod event;
mod evolve;
mod rejection;
mod request;
mod status;
mod stored;

use crate::{Aggregate, DecodeError, EncodedEvent, Label, Reference, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use command::{NotificationCommand, Stage};
pub use event::{Begun, CallFailed, NotificationEvent, Refused, Resent, Sent};
pub use rejection::NotificationRejection;
pub use request::{NotificationRequest, message_id, stream_id};
pub use status::NotificationStatus;
pub use stored::EVENT_TYPES;

/// Notifications as an aggregate: the state is `None` until the first event.
#[derive(Debug, Clone, Copy)]
pub struct NotificationAggregate;

impl Aggregate for NotificationAggregate {
    const STREAM_TYPE: &'static str = "notification";
    const SNAPSHOT_VERSION: u16 = 1;

    type State = Option<Notification>;
    type Command = NotificationCommand;
    type Event = NotificationEvent;
    type Rejection = NotificationRejection;

    fn decide(
        state: &Option<Notification>,
        command: &NotificationCommand,
    ) -> Result<Vec<NotificationEvent>, NotificationRejection> {
        decide::decide(state.as_ref(), command)
    }

    fn evolve(
        state: Option<Notification>,
        event: &NotificationEvent,
        at: Timestamp,
    ) -> Option<Notification> {
        evolve::evolve(state, event, at)
    }

    fn partition_key(first: &NotificationEvent) -> Option<Uuid> {
        match first {
            NotificationEvent::NotificationRequested(request) => Some(request.order_id),
            _ => None,
        }
    }

    fn encode(event: &NotificationEvent) -> EncodedEvent {
        stored::encode(event)
    }

    fn decode(
        event_type: &str,
        version: u16,
        payload: &[u8],
    ) -> Result<NotificationEvent, DecodeError> {
        stored::decode(event_type, version, payload)
    }
}

/// A notification as the fold of its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Its place in its lifecycle.
    pub status: NotificationStatus,
    /// What was asked for; it never changes.
    pub request: NotificationRequest,
    /// The number of the try that is due, under way, or the last, from 1. Every number is used for one transmission at most.
    pub attempt: u32,
    /// The last number that is tried without a person.
    pub granted: u32,
    /// When the try is due.
    pub due_at: Timestamp,
    /// The Message-ID under which it was sent.
    pub message_id: Option<Label>,
    /// Why it was refused, as a code.
    pub refusal: Option<Reference>,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When its last event happened.
    pub updated_at: Timestamp,
}

/// A try that is to be made, or whose end is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTransmission {
    /// Which try, from 1.
    pub attempt: u32,
    /// The Message-ID of this try.
    pub message_id: String,
    /// When it is due.
    pub due_at: Timestamp,
    /// Whether its transmission has begun. A worker that finds it begun, and did not begin it, reports it as unknown.
    pub begun: bool,
}

/// The try that is owed, if any.
pub fn open_transmission(notification: &Notification) -> Option<OpenTransmission> {
    let begun = match notification.status {
        NotificationStatus::Requested => false,
        NotificationStatus::Begun => true,
        _ => return None,
    };
    let Notification { attempt, due_at, .. } = *notification;
    Some(OpenTransmission {
        attempt,
        message_id: message_id(notification.id(), attempt),
        due_at,
        begun,
    })
}

impl Notification {
    /// Its own id.
    pub fn id(&self) -> Uuid {
        stream_id(self.request.checkout_id, self.request.template.as_str())
    }
}
