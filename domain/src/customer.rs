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
        /// When. An erasure that is recorded already, or a later one, is not recorded again.
        erased_at: Timestamp,
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
        let CustomerCommand::RecordErasure { customer_id, erased_at } = command;
        if state.erased_at.is_some_and(|recorded| recorded >= *erased_at) {
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

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).expect("a time within the calendar")
    }

    fn decided(state: &CustomerRecord, erased_at: Timestamp) -> Vec<CustomerEvent> {
        let customer_id = Reference::parse("c-1").expect("a good id");
        let command = CustomerCommand::RecordErasure { customer_id, erased_at };
        match CustomerAggregate::decide(state, &command) {
            Ok(events) => events,
            Err(never) => match never {},
        }
    }

    #[test]
    fn an_erasure_is_recorded_once() {
        let fresh = CustomerRecord::default();
        let events = decided(&fresh, at(7));
        assert_eq!(events.len(), 1);
        let erased = CustomerAggregate::evolve(fresh, &events[0], at(7));
        assert_eq!(erased.erased_at, Some(at(7)));
        assert!(decided(&erased, at(7)).is_empty(), "two requests may have destroyed its keys");
        assert!(decided(&erased, at(6)).is_empty());
        assert_eq!(decided(&erased, at(8)).len(), 1, "the customer had come back");
    }

    #[test]
    fn the_event_reads_back_and_others_are_refused() {
        let event = &decided(&CustomerRecord::default(), at(7))[0];
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
