//! What is recorded of a customer apart from its orders: that its personal data were erased.
//!
//! The erasure itself is the destruction of keys, which no event can do. The event tells every reader of the log that it
//! happened, and when.

use crate::{Aggregate, DecodeError, EncodedEvent, Reference, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What the ids of customers' streams are derived under.
const NAMESPACE: &[u8] = b"orderlog customer\n";

/// The id of a customer's stream: a UUID of version 8 (RFC 9562), from the SHA-256 of the customer's id.
pub fn stream_id(customer: &str) -> Uuid {
    let digest = Sha256::new().chain_update(NAMESPACE).chain_update(customer).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// Customers as an aggregate.
#[derive(Debug, Clone, Copy)]
pub struct CustomerAggregate;

/// A customer as the fold of its events.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CustomerRecord {
    /// The caller's id; `None` before the first event.
    pub id: Option<Reference>,
    /// When the personal data were erased last.
    pub erased_at: Option<Timestamp>,
}

/// A command on a customer's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CustomerCommand {
    /// Records an erasure.
    RecordErasure {
        /// Whose data.
        customer_id: Reference,
        /// How many keys were destroyed. Without any, an erasure that is recorded already is not recorded again.
        keys: u64,
    },
}

/// A fact about a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CustomerEvent {
    /// Personal data that were stored until then cannot be read any more.
    PersonalDataErased {
        /// Whose data.
        customer_id: Reference,
    },
}

/// Every stored name with its newest schema version.
pub const EVENT_TYPES: [(&str, u16); 1] = [("PersonalDataErased", 1)];

/// The stored form of the event.
#[derive(Serialize, Deserialize)]
struct Erased {
    customer_id: Reference,
}

impl Aggregate for CustomerAggregate {
    const STREAM_TYPE: &'static str = "customer";
    const SNAPSHOT_VERSION: u16 = 1;

    type State = CustomerRecord;
    type Command = CustomerCommand;
    type Event = CustomerEvent;
    type Rejection = std::convert::Infallible;

    fn decide(
        state: &CustomerRecord,
        command: &CustomerCommand,
    ) -> Result<Vec<CustomerEvent>, std::convert::Infallible> {
        let CustomerCommand::RecordErasure { customer_id, keys } = command;
        if state.erased_at.is_some() && *keys == 0 {
            return Ok(Vec::new());
        }
        Ok(vec![CustomerEvent::PersonalDataErased { customer_id: customer_id.clone() }])
    }

    fn evolve(_: CustomerRecord, event: &CustomerEvent, at: Timestamp) -> CustomerRecord {
        let CustomerEvent::PersonalDataErased { customer_id } = event;
        CustomerRecord { id: Some(customer_id.clone()), erased_at: Some(at) }
    }

    fn encode(event: &CustomerEvent) -> EncodedEvent {
        let CustomerEvent::PersonalDataErased { customer_id } = event;
        let payload = serde_json::to_vec(&Erased { customer_id: customer_id.clone() });
        let payload = payload.expect("a payload has string keys");
        EncodedEvent { event_type: "PersonalDataErased", schema_version: 1, payload }
    }

    fn decode(
        event_type: &str,
        schema_version: u16,
        payload: &[u8],
    ) -> Result<CustomerEvent, DecodeError> {
        if event_type != "PersonalDataErased" {
            return Err(DecodeError::UnknownType(event_type.to_owned()));
        }
        let event_type = event_type.to_owned();
        if schema_version != 1 {
            return Err(DecodeError::UnknownVersion { event_type, version: schema_version });
        }
        match serde_json::from_slice::<Erased>(payload) {
            Ok(Erased { customer_id }) => Ok(CustomerEvent::PersonalDataErased { customer_id }),
            Err(error) => {
                let detail = format!("at line {} column {}", error.line(), error.column());
                Err(DecodeError::Malformed { event_type, detail })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(keys: u64) -> CustomerCommand {
        let customer_id = Reference::parse("c-1").expect("a good id");
        CustomerCommand::RecordErasure { customer_id, keys }
    }

    fn decided(state: &CustomerRecord, keys: u64) -> Vec<CustomerEvent> {
        match CustomerAggregate::decide(state, &record(keys)) {
            Ok(events) => events,
            Err(never) => match never {},
        }
    }

    #[test]
    fn an_erasure_is_recorded_once_for_what_it_erased() {
        let fresh = CustomerRecord::default();
        // One whose process died after it had destroyed the keys is recorded by the next.
        for keys in [0, 3] {
            assert_eq!(decided(&fresh, keys).len(), 1, "{keys}");
        }
        let at = Timestamp::UNIX_EPOCH;
        let erased =
            CustomerAggregate::evolve(fresh, &decided(&CustomerRecord::default(), 1)[0], at);
        assert_eq!(erased.erased_at, Some(at));
        assert!(decided(&erased, 0).is_empty());
        assert_eq!(decided(&erased, 1).len(), 1, "the customer had come back");
    }

    /// Stored streams have these ids.
    #[test]
    fn a_customers_stream_keeps_its_id() {
        let id = stream_id("c-1");
        assert_eq!(id.to_string(), "c8ad9937-b12a-87af-9971-d4d1e3ff9b17");
        assert_eq!(id.get_version_num(), 8);
        assert_ne!(id, stream_id("c-2"));
    }

    #[test]
    fn the_event_reads_back_and_others_are_refused() {
        let event = &decided(&CustomerRecord::default(), 1)[0];
        let stored = CustomerAggregate::encode(event);
        assert_eq!(stored.payload, br#"{"customer_id":"c-1"}"#);
        let decode = CustomerAggregate::decode;
        assert_eq!(decode("PersonalDataErased", 1, &stored.payload).as_ref(), Ok(event));
        assert!(matches!(decode("OrderPlaced", 1, b"{}"), Err(DecodeError::UnknownType(_))));
        let newer = decode("PersonalDataErased", 2, &stored.payload);
        assert!(matches!(newer, Err(DecodeError::UnknownVersion { .. })));
        let broken = decode("PersonalDataErased", 1, b"{}");
        assert!(matches!(broken, Err(DecodeError::Malformed { .. })), "{broken:?}");
    }
}
