//! The payloads as JSON members.
//!
//! Every payload that holds an amount also holds its currency, so that an event can be read by itself. Reading checks
//! no rule of today: only a value that does not fit its type is an error.

use super::{from_json, to_json};
use crate::order::document::micros::Wire;
use crate::payment::{
    Call, CallClass, CaptureMode, MethodToken, PaymentEvent, RefundCause, StuckReason, Unexpected,
};
use crate::{Currency, Label, Money, Reason, Reference, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

type Read<T> = Result<T, String>;

#[derive(Serialize, Deserialize)]
struct Empty {}

#[derive(Serialize, Deserialize)]
struct Requested {
    order_id: Uuid,
    checkout_id: Uuid,
    amount: String,
    currency: Currency,
    method: MethodToken,
    capture: CaptureMode,
}

#[derive(Serialize, Deserialize)]
struct Opened {
    psp_id: Label,
}

#[derive(Serialize, Deserialize)]
struct ActionRequired {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Wire>,
}

#[derive(Serialize, Deserialize)]
struct Authorized {
    amount: String,
    currency: Currency,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Wire>,
}

#[derive(Serialize, Deserialize)]
struct Declined {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<Label>,
    #[serde(rename = "final")]
    is_final: bool,
}

#[derive(Serialize, Deserialize)]
struct Amount {
    amount: String,
    currency: Currency,
}

#[derive(Serialize, Deserialize)]
struct CaptureFailed {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<Label>,
    authorization_ended: bool,
}

#[derive(Serialize, Deserialize)]
struct CalledOff {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
}

#[derive(Serialize, Deserialize)]
struct RefundRequested {
    refund_id: Reference,
    amount: String,
    currency: Currency,
    cause: RefundCause,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
}

#[derive(Serialize, Deserialize)]
struct Refunded {
    refund_id: Reference,
    amount: String,
    currency: Currency,
}

#[derive(Serialize, Deserialize)]
struct RefundFailed {
    refund_id: Reference,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<Label>,
    #[serde(rename = "final")]
    is_final: bool,
    listed: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Authorized,
    Captured,
    Refunded,
}

#[derive(Serialize, Deserialize)]
struct UnexpectedMoney {
    what: What,
    amount: String,
    currency: Currency,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Wire>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refund_id: Option<Reference>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CallKind {
    Open,
    Confirm,
    Capture,
    Cancel,
    Refund,
}

#[derive(Serialize, Deserialize)]
struct CallFailed {
    call: CallKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refund_id: Option<Reference>,
    attempt: u32,
    class: CallClass,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_at: Option<Wire>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Why {
    TriesUsedUp,
    Refused,
    Doubt,
}

#[derive(Serialize, Deserialize)]
struct Stuck {
    call: CallKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refund_id: Option<Reference>,
    reason: Why,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<Label>,
}

#[derive(Serialize, Deserialize)]
struct Retried {
    call: CallKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refund_id: Option<Reference>,
    by: Label,
}

pub(super) fn write(event: &PaymentEvent) -> Vec<u8> {
    match event.clone() {
        PaymentEvent::PaymentRequested { order_id, checkout_id, amount, method, capture } => {
            let (amount, currency) = split(amount);
            to_json(&Requested { order_id, checkout_id, amount, currency, method, capture })
        }
        PaymentEvent::PaymentOpened { psp_id } => to_json(&Opened { psp_id }),
        PaymentEvent::CustomerActionRequired { until } => {
            to_json(&ActionRequired { until: until.map(Wire) })
        }
        PaymentEvent::PaymentAuthorized { amount, expires_at } => {
            let (amount, currency) = split(amount);
            to_json(&Authorized { amount, currency, expires_at: expires_at.map(Wire) })
        }
        PaymentEvent::PaymentDeclined { code, is_final } => to_json(&Declined { code, is_final }),
        PaymentEvent::CaptureRequested { amount } | PaymentEvent::PaymentCaptured { amount } => {
            let (amount, currency) = split(amount);
            to_json(&Amount { amount, currency })
        }
        PaymentEvent::CaptureFailed { code, authorization_ended } => {
            to_json(&CaptureFailed { code, authorization_ended })
        }
        PaymentEvent::VoidRequested { reason } => to_json(&CalledOff { reason }),
        PaymentEvent::PaymentVoided | PaymentEvent::AuthorizationExpired => to_json(&Empty {}),
        PaymentEvent::RefundRequested { refund_id, amount, reason, cause } => {
            let (amount, currency) = split(amount);
            to_json(&RefundRequested { refund_id, amount, currency, cause, reason })
        }
        PaymentEvent::PaymentRefunded { refund_id, amount } => {
            let (amount, currency) = split(amount);
            to_json(&Refunded { refund_id, amount, currency })
        }
        PaymentEvent::RefundFailed { refund_id, code, is_final, listed } => {
            to_json(&RefundFailed { refund_id, code, is_final, listed })
        }
        PaymentEvent::UnexpectedMoney { what, amount } => to_json(&unexpected(what, amount)),
        PaymentEvent::CallFailed { call, attempt, class, retry_at } => {
            let ((call, refund_id), retry_at) = (split_call(call), retry_at.map(Wire));
            to_json(&CallFailed { call, refund_id, attempt, class, retry_at })
        }
        PaymentEvent::PaymentStuck { call, reason } => {
            let (call, refund_id) = split_call(call);
            let (reason, code) = match reason {
                StuckReason::TriesUsedUp => (Why::TriesUsedUp, None),
                StuckReason::Refused { code } => (Why::Refused, code),
                StuckReason::Doubt => (Why::Doubt, None),
            };
            to_json(&Stuck { call, refund_id, reason, code })
        }
        PaymentEvent::CallRetried { call, by } => {
            let (call, refund_id) = split_call(call);
            to_json(&Retried { call, refund_id, by })
        }
    }
}

pub(super) fn read(event_type: &str, payload: &[u8]) -> Read<PaymentEvent> {
    Ok(match event_type {
        "PaymentRequested" => {
            let read: Requested = from_json(payload)?;
            PaymentEvent::PaymentRequested {
                order_id: read.order_id,
                checkout_id: read.checkout_id,
                amount: join(&read.amount, read.currency)?,
                method: read.method,
                capture: read.capture,
            }
        }
        "PaymentOpened" => {
            PaymentEvent::PaymentOpened { psp_id: from_json::<Opened>(payload)?.psp_id }
        }
        "CustomerActionRequired" => {
            let ActionRequired { until } = from_json(payload)?;
            PaymentEvent::CustomerActionRequired { until: time(until) }
        }
        "PaymentAuthorized" => {
            let Authorized { amount, currency, expires_at } = from_json(payload)?;
            let (amount, expires_at) = (join(&amount, currency)?, time(expires_at));
            PaymentEvent::PaymentAuthorized { amount, expires_at }
        }
        "PaymentDeclined" => {
            let Declined { code, is_final } = from_json(payload)?;
            PaymentEvent::PaymentDeclined { code, is_final }
        }
        "CaptureRequested" => PaymentEvent::CaptureRequested { amount: amount(payload)? },
        "PaymentCaptured" => PaymentEvent::PaymentCaptured { amount: amount(payload)? },
        "CaptureFailed" => {
            let CaptureFailed { code, authorization_ended } = from_json(payload)?;
            PaymentEvent::CaptureFailed { code, authorization_ended }
        }
        "VoidRequested" => {
            PaymentEvent::VoidRequested { reason: from_json::<CalledOff>(payload)?.reason }
        }
        "PaymentVoided" => from_json(payload).map(|Empty {}| PaymentEvent::PaymentVoided)?,
        "AuthorizationExpired" => {
            from_json(payload).map(|Empty {}| PaymentEvent::AuthorizationExpired)?
        }
        "RefundRequested" => {
            let RefundRequested { refund_id, amount, currency, cause, reason } =
                from_json(payload)?;
            let amount = join(&amount, currency)?;
            PaymentEvent::RefundRequested { refund_id, amount, reason, cause }
        }
        "PaymentRefunded" => {
            let Refunded { refund_id, amount, currency } = from_json(payload)?;
            PaymentEvent::PaymentRefunded { refund_id, amount: join(&amount, currency)? }
        }
        "RefundFailed" => {
            let RefundFailed { refund_id, code, is_final, listed } = from_json(payload)?;
            PaymentEvent::RefundFailed { refund_id, code, is_final, listed }
        }
        "UnexpectedMoney" => read_unexpected(from_json(payload)?)?,
        "CallFailed" => {
            let CallFailed { call, refund_id, attempt, class, retry_at } = from_json(payload)?;
            let (call, retry_at) = (join_call(call, refund_id)?, time(retry_at));
            PaymentEvent::CallFailed { call, attempt, class, retry_at }
        }
        "PaymentStuck" => {
            let Stuck { call, refund_id, reason, code } = from_json(payload)?;
            let reason = match reason {
                Why::TriesUsedUp => StuckReason::TriesUsedUp,
                Why::Refused => StuckReason::Refused { code },
                Why::Doubt => StuckReason::Doubt,
            };
            PaymentEvent::PaymentStuck { call: join_call(call, refund_id)?, reason }
        }
        "CallRetried" => {
            let Retried { call, refund_id, by } = from_json(payload)?;
            PaymentEvent::CallRetried { call: join_call(call, refund_id)?, by }
        }
        _ => return Err("the name has no payload".to_owned()),
    })
}

fn unexpected(what: Unexpected, amount: Money) -> UnexpectedMoney {
    let (amount, currency) = split(amount);
    let (what, expires_at, refund_id) = match what {
        Unexpected::Authorized { expires_at } => (What::Authorized, expires_at.map(Wire), None),
        Unexpected::Captured => (What::Captured, None, None),
        Unexpected::Refunded { refund_id } => (What::Refunded, None, Some(refund_id)),
    };
    UnexpectedMoney { what, amount, currency, expires_at, refund_id }
}

fn read_unexpected(read: UnexpectedMoney) -> Read<PaymentEvent> {
    let what = match read.what {
        What::Authorized => Unexpected::Authorized { expires_at: time(read.expires_at) },
        What::Captured => Unexpected::Captured,
        What::Refunded => Unexpected::Refunded { refund_id: named(read.refund_id)? },
    };
    Ok(PaymentEvent::UnexpectedMoney { what, amount: join(&read.amount, read.currency)? })
}

fn amount(payload: &[u8]) -> Read<Money> {
    let Amount { amount, currency } = from_json(payload)?;
    join(&amount, currency)
}

fn split(amount: Money) -> (String, Currency) {
    (amount.to_string(), amount.currency())
}

fn join(amount: &str, currency: Currency) -> Read<Money> {
    Money::stored(amount, currency).map_err(|error| format!("an amount {error}"))
}

fn split_call(call: Call) -> (CallKind, Option<Reference>) {
    match call {
        Call::Open => (CallKind::Open, None),
        Call::Confirm => (CallKind::Confirm, None),
        Call::Capture => (CallKind::Capture, None),
        Call::Cancel => (CallKind::Cancel, None),
        Call::Refund { refund_id } => (CallKind::Refund, Some(refund_id)),
    }
}

fn join_call(kind: CallKind, refund_id: Option<Reference>) -> Read<Call> {
    Ok(match kind {
        CallKind::Open => Call::Open,
        CallKind::Confirm => Call::Confirm,
        CallKind::Capture => Call::Capture,
        CallKind::Cancel => Call::Cancel,
        CallKind::Refund => Call::Refund { refund_id: named(refund_id)? },
    })
}

fn named(refund_id: Option<Reference>) -> Read<Reference> {
    refund_id.ok_or_else(|| "a refund is not named".to_owned())
}

fn time(time: Option<Wire>) -> Option<Timestamp> {
    time.map(|Wire(time)| time)
}
