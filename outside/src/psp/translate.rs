//! Stripe's answers in our words. What cannot be understood is silence: the call may have been performed.

use super::decline::decline;
use super::minor_units::from_provider;
use super::snapshot::{PspSnapshot, PspState, RefundSeen, RefundState};
use super::stripe::REFUND_ID;
use super::{CustomerAction, PspId};
use crate::failure::{Cause, Failure, code};
use crate::secret::Secret;
use crate::wire::Answer;
use domain::{Currency, Money, Timestamp};
use serde_json::Value;
use uuid::Uuid;

const BROKEN: Failure = Failure::Silence { cause: Cause::BrokenBody };

fn body(answer: Answer) -> Result<Value, Failure> {
    answer.success(|body| {
        let text = |name: &str| body.pointer(name).and_then(Value::as_str);
        code(text("/error/code").or_else(|| text("/error/type"))?)
    })
}

fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}

/// The intent of an answer.
pub fn intent(answer: Answer) -> Result<PspSnapshot, Failure> {
    snapshot(&body(answer)?).ok_or(BROKEN)
}

/// The intent within a 402, if it is there. The 402 itself says why, should the intent not.
pub fn declined(body: &Value) -> Option<PspSnapshot> {
    let error = body.get("error")?;
    let mut snapshot = snapshot(error.get("payment_intent")?)?;
    if snapshot.state == PspState::Opened {
        snapshot.error = Some(decline(error)?);
        snapshot.state = PspState::Declined;
    }
    Some(snapshot)
}

/// Whether an answer is a refund.
pub fn refund(answer: Answer) -> Result<(), Failure> {
    let body = body(answer)?;
    if text(&body, "object") == Some("refund") { Ok(()) } else { Err(BROKEN) }
}

/// A page of refunds in a currency, and whether there are more.
pub fn refunds(answer: Answer, currency: Currency) -> Result<(Vec<RefundSeen>, bool), Failure> {
    let body = body(answer)?;
    let page = body.get("data").and_then(Value::as_array).ok_or(BROKEN)?;
    let seen: Option<Vec<_>> = page.iter().map(|it| refund_seen(it, currency)).collect();
    let more = body.get("has_more").and_then(Value::as_bool).unwrap_or(false);
    Ok((seen.ok_or(BROKEN)?, more))
}

fn refund_seen(refund: &Value, currency: Currency) -> Option<RefundSeen> {
    let ours = refund.get("metadata").and_then(|it| text(it, REFUND_ID));
    let state = match text(refund, "status")? {
        "succeeded" => RefundState::Succeeded,
        "failed" | "canceled" => RefundState::Failed,
        _ => RefundState::Pending,
    };
    Some(RefundSeen {
        psp_id: text(refund, "id")?.to_owned(),
        refund_id: ours.and_then(|it| Uuid::parse_str(it).ok()),
        amount: money(refund, "amount", currency)?,
        state,
    })
}

/// What the customer has to do by an answer.
pub fn action(answer: Answer) -> Result<Option<CustomerAction>, Failure> {
    let intent = body(answer)?;
    if text(&intent, "status") != Some("requires_action") {
        return Ok(None);
    }
    let url = intent.pointer("/next_action/redirect_to_url/url").and_then(Value::as_str);
    let client_secret = text(&intent, "client_secret");
    let secret = |it: Option<&str>| it.map(Secret::new);
    Ok(Some(CustomerAction { url: secret(url), client_secret: secret(client_secret) }))
}

fn snapshot(intent: &Value) -> Option<PspSnapshot> {
    let psp_id = PspId::parse(text(intent, "id")?).ok()?.as_str().to_owned();
    let currency = Currency::from_code(&text(intent, "currency")?.to_ascii_uppercase())?;
    let error = intent.get("last_payment_error").filter(|it| !it.is_null()).and_then(decline);
    let state = match text(intent, "status")? {
        "requires_payment_method" if error.is_some() => PspState::Declined,
        "requires_payment_method" | "requires_confirmation" => PspState::Opened,
        "requires_action" => PspState::ActionRequired,
        "processing" => PspState::Processing,
        "requires_capture" => PspState::Authorized,
        "succeeded" => PspState::Captured,
        "canceled" => PspState::Canceled,
        _ => return None,
    };
    let (zero, whole) = (Money::zero(currency), money(intent, "amount", currency)?);
    // A provider that does not say how much was set aside or taken means the whole.
    let stated = |name: &str| match intent.get(name) {
        Some(_) => money(intent, name, currency),
        None => Some(whole),
    };
    let (authorized, captured) = match state {
        PspState::Authorized => (stated("amount_capturable")?, zero),
        PspState::Captured => (whole, stated("amount_received")?),
        _ => (zero, zero),
    };
    Some(PspSnapshot {
        psp_id,
        state,
        authorized,
        captured,
        authorized_until: (state == PspState::Authorized).then(|| until(intent)).flatten(),
        refunds: Vec::new(),
        error,
    })
}

fn until(intent: &Value) -> Option<Timestamp> {
    let path = "/latest_charge/payment_method_details/card/capture_before";
    Timestamp::from_timestamp(intent.pointer(path)?.as_i64()?, 0)
}

fn money(object: &Value, name: &str, currency: Currency) -> Option<Money> {
    from_provider(object.get(name)?.as_i64()?, currency).ok()
}
