//! The stream of a customer: where its erasures are recorded.

use crate::pipeline::{Commanded, Settles};
use domain::customer::{CustomerAggregate, CustomerRecord};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What the ids of customers' streams are derived under.
const NAMESPACE: &[u8] = b"orderlog customer\n";

/// The id of a customer's stream: a UUID of version 8 (RFC 9562), from the SHA-256 of the customer's id.
pub(super) fn stream_id(customer: &str) -> Uuid {
    let digest = Sha256::new().chain_update(NAMESPACE).chain_update(customer).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

impl Commanded for CustomerAggregate {
    fn status(record: &CustomerRecord) -> &'static str {
        if record.erased_at.is_some() { "erased" } else { "known" }
    }

    fn customer(record: &CustomerRecord) -> Option<&str> {
        record.id.as_ref().map(domain::Reference::as_str)
    }

    fn keep(never: &std::convert::Infallible) -> Value {
        match *never {}
    }

    fn settles(never: &std::convert::Infallible) -> Settles {
        match *never {}
    }
}
