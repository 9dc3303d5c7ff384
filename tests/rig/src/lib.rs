//! Real components for tests: started on free ports in folders of their own, gone when the test is.
//!
//! A component that this machine cannot run is never replaced by a pretended one: [`kafka::broker_or_say`] says in plain
//! words what is missing and what is therefore not tested. With `ORDERLOG_REQUIRE_KAFKA` set that is a failure.

pub mod kafka;
pub mod ports;
pub mod process;
