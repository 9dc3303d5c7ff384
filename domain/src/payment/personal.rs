//! Which texts of a payment's events are about a person.

use super::{MethodToken, PaymentEvent};
use crate::Reason;

/// The stored names of the events that have some.
pub(super) const EVENTS: [&str; 3] = ["PaymentRequested", "VoidRequested", "RefundRequested"];

/// Passes each of them to `change`, and puts the result in its place: the token, which stands for a person's card or
/// account, and what people write in reasons. The provider's ids and codes stay: the books are kept by them.
pub(super) fn change(event: &mut PaymentEvent, change: &mut dyn FnMut(&str) -> String) {
    match event {
        PaymentEvent::PaymentRequested {
            method,
            order_id: _,
            checkout_id: _,
            amount: _,
            capture: _,
        } => *method = MethodToken::stored(change(method.as_str())),
        PaymentEvent::VoidRequested { reason }
        | PaymentEvent::RefundRequested { reason, refund_id: _, amount: _, cause: _ } => {
            reason.iter_mut().for_each(|reason| *reason = Reason::stored(change(reason.as_str())));
        }
        // Named one by one, so that a new event or member has to be thought of here. Who had a call tried again is of
        // the shop's staff, whom no erasure of a customer's data is about.
        PaymentEvent::PaymentOpened { psp_id: _ }
        | PaymentEvent::CustomerActionRequired { until: _ }
        | PaymentEvent::PaymentAuthorized { amount: _, expires_at: _ }
        | PaymentEvent::PaymentDeclined { code: _, is_final: _ }
        | PaymentEvent::CaptureRequested { amount: _ }
        | PaymentEvent::PaymentCaptured { amount: _ }
        | PaymentEvent::CaptureFailed { code: _, authorization_ended: _ }
        | PaymentEvent::PaymentVoided
        | PaymentEvent::AuthorizationExpired
        | PaymentEvent::PaymentRefunded { refund_id: _, amount: _ }
        | PaymentEvent::RefundFailed { refund_id: _, code: _, is_final: _, listed: _ }
        | PaymentEvent::UnexpectedMoney { what: _, amount: _ }
        | PaymentEvent::CallFailed { call: _, attempt: _, class: _, retry_at: _ }
        | PaymentEvent::PaymentStuck { call: _, reason: _ }
        | PaymentEvent::CallRetried { call: _, by: _ } => {}
    }
}
