//! Declines: the provider's code, and whether the same method can never pay.

use super::snapshot::Decline;
use crate::failure::code;
use serde_json::Value;

/// Codes of cards that no later try will change. What is not here may pass another time.
const FINAL: &[&str] = &[
    "card_not_supported",
    "currency_not_supported",
    "expired_card",
    "fraudulent",
    "incorrect_number",
    "invalid_account",
    "invalid_number",
    "lost_card",
    "merchant_blacklist",
    "pickup_card",
    "restricted_card",
    "revocation_of_all_authorizations",
    "revocation_of_authorization",
    "stolen_card",
    "stop_payment_order",
];

/// Reads an error object (`last_payment_error`, or `error` of a 402).
pub fn decline(error: &Value) -> Option<Decline> {
    let text = |name: &str| error.get(name).and_then(Value::as_str);
    let code = code(text("decline_code").or_else(|| text("code"))?)?;
    let is_final = match text("advice_code") {
        Some("do_not_try_again") => true,
        Some("try_again_later") => false,
        _ => FINAL.contains(&code.as_str()),
    };
    Some(Decline { code, is_final })
}
