//! The fold: what each fact does to a notification. Total over everything that `decide` can produce.

use super::{Notification, NotificationEvent, NotificationRequest, NotificationStatus};
use crate::{MOST_TRIES, Timestamp};

/// Folds one event, which happened at `at`, into the state.
pub(super) fn evolve(
    state: Option<Notification>,
    event: &NotificationEvent,
    at: Timestamp,
) -> Option<Notification> {
    match (state, event) {
        (None, NotificationEvent::NotificationRequested(request)) => {
            Some(Notification::requested(request, at))
        }
        // No decision begins a notification with another event.
        (None, _) => None,
        (Some(mut notification), event) => {
            notification.apply(event, at);
            Some(notification)
        }
    }
}

impl Notification {
    fn requested(request: &NotificationRequest, at: Timestamp) -> Self {
        Self {
            status: NotificationStatus::Requested,
            request: request.clone(),
            attempt: 1,
            granted: MOST_TRIES,
            due_at: at,
            message_id: None,
            refusal: None,
            requested_at: at,
            updated_at: at,
        }
    }

    fn apply(&mut self, event: &NotificationEvent, at: Timestamp) {
        self.updated_at = at;
        match event {
            NotificationEvent::NotificationRequested(_) => {}
            NotificationEvent::TransmissionBegun(_) => self.status = NotificationStatus::Begun,
            NotificationEvent::NotificationSent(sent) => {
                self.status = NotificationStatus::Sent;
                self.message_id = Some(sent.message_id.clone());
            }
            NotificationEvent::NotificationRefused(refused) => {
                self.status = NotificationStatus::Refused;
                self.refusal = Some(refused.code.clone());
            }
            NotificationEvent::NotificationUnknown => self.status = NotificationStatus::Unknown,
            NotificationEvent::CallFailed(failed) => {
                self.status = NotificationStatus::Requested;
                self.attempt = failed.attempt.saturating_add(1);
                self.due_at = failed.retry_at;
            }
            // The failed try was the last one: its number stays the newest.
            NotificationEvent::NotificationStuck => {
                self.status = NotificationStatus::Stuck;
                self.attempt = self.attempt.saturating_sub(1);
            }
            NotificationEvent::NotificationResent(_) => {
                self.status = NotificationStatus::Requested;
                self.granted = self.attempt.saturating_add(MOST_TRIES);
                self.attempt = self.attempt.saturating_add(1);
                self.due_at = at;
                self.message_id = None;
                self.refusal = None;
            }
        }
    }
}
