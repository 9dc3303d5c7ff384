//! Log to Kafka, Kafka to projector.
