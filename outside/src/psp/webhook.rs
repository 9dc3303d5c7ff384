//! Webhooks: whether a body truly comes from the provider, and what it is about.
//!
//! A webhook is a hint to read, nothing more. So of a body that is genuine only ids and a type are taken.

use crate::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// How old a signature may be, and how far ahead of our clock: 300 seconds.
pub const TOLERANCE_S: i64 = 300;
/// The most signatures of one header that are compared.
const MAX_SIGNATURES: usize = 16;

/// The secret that the provider signs webhooks with.
#[derive(Debug, Clone)]
pub struct WebhookSecret(pub Secret);

/// What a genuine webhook is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The event's id: the same when it is sent again.
    pub event_id: String,
    /// The event's type: `payment_intent.succeeded`.
    pub kind: String,
    /// The intent that it is about, if it is about one.
    pub intent: Option<String>,
}

/// Why a webhook is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookRefused {
    /// No header, or one without a time or a signature.
    #[error("the signature header is missing or malformed")]
    Malformed,
    /// Signed too long ago, or too far ahead.
    #[error("the signature is not of now")]
    Stale,
    /// No signature fits the body and the secret.
    #[error("no signature fits")]
    Forged,
    /// Genuine, but no event.
    #[error("the body is no event")]
    NotAnEvent,
}

impl WebhookSecret {
    /// Checks a body as it was received against the header `Stripe-Signature`, at this time in seconds since 1970.
    ///
    /// # Errors
    /// [`WebhookRefused`]
    pub fn verify(&self, body: &[u8], header: &str, now_s: i64) -> Result<Notice, WebhookRefused> {
        let (signed_s, signatures) = parts(header).ok_or(WebhookRefused::Malformed)?;
        let expected = self.expected(signed_s, body).ok_or(WebhookRefused::Malformed)?;
        let genuine = signatures.iter().fold(false, |found, signature| {
            let same: bool = expected.as_slice().ct_eq(signature.as_slice()).into();
            found | same
        });
        if !genuine {
            return Err(WebhookRefused::Forged);
        }
        if signed_s.abs_diff(now_s) > TOLERANCE_S.unsigned_abs() {
            return Err(WebhookRefused::Stale);
        }
        notice(body).ok_or(WebhookRefused::NotAnEvent)
    }

    fn expected(&self, signed_s: i64, body: &[u8]) -> Option<Vec<u8>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose().as_bytes()).ok()?;
        mac.update(format!("{signed_s}.").as_bytes());
        mac.update(body);
        Some(mac.finalize().into_bytes().to_vec())
    }
}

/// The time and the signatures of scheme `v1`; other schemes are passed over.
fn parts(header: &str) -> Option<(i64, Vec<Vec<u8>>)> {
    let (mut signed_s, mut signatures) = (None, Vec::new());
    for part in header.split(',') {
        match part.trim().split_once('=')? {
            ("t", _) if signed_s.is_some() => return None,
            ("t", time) => signed_s = Some(time.parse().ok()?),
            ("v1", signature) if signatures.len() < MAX_SIGNATURES => {
                signatures.extend(hex::decode(signature).ok());
            }
            _ => {}
        }
    }
    if signatures.is_empty() {
        return None;
    }
    Some((signed_s?, signatures))
}

fn notice(body: &[u8]) -> Option<Notice> {
    let event: Value = serde_json::from_slice(body).ok()?;
    let text = |path: &str| event.pointer(path).and_then(Value::as_str).map(ToOwned::to_owned);
    let intent = match text("/data/object/object").as_deref() {
        Some("payment_intent") => text("/data/object/id"),
        _ => text("/data/object/payment_intent"),
    };
    Some(Notice { event_id: text("/id")?, kind: text("/type")?, intent })
}
