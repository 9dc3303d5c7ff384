//! Signs webhooks as Stripe does: HMAC-SHA256 over the time, a point and the body.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The header `Stripe-Signature` of a body that is sent at this time, in seconds since 1970.
pub fn signature(secret: &[u8], at_s: u64, body: &[u8]) -> String {
    // A key of any length fits: HMAC hashes what is longer than a block.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(format!("{at_s}.").as_bytes());
    mac.update(body);
    format!("t={at_s},v1={}", hex::encode(mac.finalize().into_bytes()))
}
