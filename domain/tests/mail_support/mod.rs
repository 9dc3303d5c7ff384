//! The kit of the tests of notifications: their commands, and the request that they begin with.

#![allow(clippy::unwrap_used, dead_code, missing_docs)]

use crate::parcel_support::{at, id, label};
use domain::CallFailure;
use domain::notification::{NotificationCommand, NotificationRequest, Stage};
use uuid::Uuid;

pub fn request() -> NotificationRequest {
    NotificationRequest {
        template: id("order-confirmed"),
        order_id: Uuid::from_u128(2),
        checkout_id: Uuid::from_u128(1),
        to_ref: id("c-1"),
        subject_of: id("o-2"),
    }
}

pub fn requested() -> NotificationCommand {
    NotificationCommand::Request(request())
}

pub fn begin(attempt: u32) -> NotificationCommand {
    NotificationCommand::Begin { attempt }
}

pub fn sent(attempt: u32) -> NotificationCommand {
    NotificationCommand::Sent { attempt }
}

pub fn refused(attempt: u32, stage: Stage) -> NotificationCommand {
    NotificationCommand::Refused { attempt, stage, code: id("mailbox-unknown") }
}

pub fn failed(attempt: u32, stage: Stage) -> NotificationCommand {
    let (class, retry_at) = (CallFailure::Silence, at(100 + attempt as usize));
    NotificationCommand::Failed { attempt, stage, class, retry_at }
}

pub fn unknown(attempt: u32) -> NotificationCommand {
    NotificationCommand::Unknown { attempt }
}

pub fn resend() -> NotificationCommand {
    NotificationCommand::Resend { by: label("clerk") }
}
