//! Intents, charges and refunds in the provider's JSON.

use crate::core::intent::{AUTHORIZED_MS, Intent, Refund, Status};
use serde_json::{Value, json};

impl Intent {
    /// The intent; the latest charge whole or as its id.
    pub fn json(&self, whole_charge: bool) -> Value {
        let charge = self.latest_charge().map(|id| match whole_charge {
            true => self.charge_json(&id),
            false => json!(id),
        });
        let action = (self.status == Status::RequiresAction).then(|| {
            let url = format!("https://hooks.sandbox.invalid/redirect/{}", self.id);
            json!({ "type": "redirect_to_url", "redirect_to_url": { "url": url, "return_url": null } })
        });
        let canceled = self.canceled.as_ref();
        json!({
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_capturable": self.capturable,
            "amount_received": self.received,
            "canceled_at": canceled.map(|(at_ms, _)| at_ms / 1000),
            "cancellation_reason": canceled.map(|(_, why)| why),
            "capture_method": if self.captures_itself { "automatic" } else { "manual" },
            "client_secret": format!("{}_secret_sandbox", self.id),
            "confirmation_method": "automatic",
            "created": self.created_ms / 1000,
            "currency": self.currency,
            "last_payment_error": self.last_error.as_ref().map(|code| card_error(code)),
            "latest_charge": charge,
            "livemode": false,
            "metadata": self.metadata,
            "next_action": action,
            "payment_method": if self.status == Status::RequiresPaymentMethod { None } else { self.method.clone() },
            "payment_method_types": ["card"],
            "status": self.status.text(),
        })
    }

    /// The id of the latest charge, if an authorization was tried.
    pub fn latest_charge(&self) -> Option<String> {
        let id = self.id.trim_start_matches("pi_");
        (self.charges > 0).then(|| format!("ch_{id}{:02x}", self.charges))
    }

    fn charge_json(&self, id: &str) -> Value {
        let until = self.authorized_ms.map(|since| (since + AUTHORIZED_MS) / 1000);
        let failed = self.status == Status::RequiresPaymentMethod;
        json!({
            "id": id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": self.received,
            "amount_refunded": self.refunded,
            "captured": self.received > 0,
            "currency": self.currency,
            "payment_intent": self.id,
            "payment_method_details": { "type": "card", "card": { "capture_before": until } },
            "status": if failed { "failed" } else { "succeeded" },
        })
    }
}

impl Refund {
    /// The refund.
    pub fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "charge": self.charge,
            "created": self.created_ms / 1000,
            "currency": self.currency,
            "metadata": self.metadata,
            "payment_intent": self.intent,
            "reason": null,
            "status": "succeeded",
        })
    }
}

/// The error of a card, as it stands in an answer and in `last_payment_error`.
pub fn card_error(code: &str) -> Value {
    match code {
        "payment_intent_authentication_failure" => json!({
            "type": "invalid_request_error",
            "code": code,
            "message": "The provided PaymentMethod has failed authentication.",
        }),
        _ => json!({
            "type": "card_error",
            "code": "card_declined",
            "decline_code": code,
            "message": "Your card was declined.",
        }),
    }
}
