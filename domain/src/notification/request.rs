//! What is asked for, and the names that follow from it.

use crate::Reference;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What the ids of notifications are derived under.
const NAMESPACE: &[u8] = b"orderlog notification\n";

/// The id of a checkout's notification of this template: a UUID of version 8 (RFC 9562), from the SHA-256 of both. So a
/// checkout has one of each.
pub fn stream_id(checkout_id: Uuid, template: &str) -> Uuid {
    let digest = Sha256::new()
        .chain_update(NAMESPACE)
        .chain_update(checkout_id.as_bytes())
        .chain_update(template)
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The Message-ID (RFC 5322) of a notification's try, without angle brackets. It depends on nothing else, so a message
/// that is found in a mailbox or in a server's log leads back to its try.
pub fn message_id(notification_id: Uuid, attempt: u32) -> String {
    format!("{notification_id}.{attempt}@orderlog")
}

/// A message to be sent. It holds no address and no text: both are looked up when it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationRequest {
    /// Which message, e.g. `order-confirmed`.
    pub template: Reference,
    /// The order that it is about.
    pub order_id: Uuid,
    /// The checkout that asks for it.
    pub checkout_id: Uuid,
    /// Who gets it: the caller's id of the customer, never an address.
    pub to_ref: Reference,
    /// The id of what it tells of, e.g. of the shipment that has left.
    pub subject_of: Reference,
}
