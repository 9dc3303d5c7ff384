//! The relay and its consumer against a real Kafka broker (see `rig::kafka`). librdkafka's mock cluster (`mock`) gives the
//! answers that a real broker does not give on demand.
//!
//! | variable | what it does | default |
//! |---|---|---|
//! | `ORDERLOG_FAULT_CYCLES` | kills of a relay under load; pauses of one until it is fenced; kills of the broker | 8, 6, 3 |
//! | `ORDERLOG_FAULT_BROKER_SECONDS` | how long the broker is away | 5 |
//! | `ORDERLOG_REQUIRE_KAFKA` | fail where no broker can run, instead of saying so | unset |

#![allow(clippy::unwrap_used)]

mod audit;
mod broker;
mod consumer;
mod crash;
mod lost;
mod mock;
mod publish;
mod security;
mod standby;
mod support;
