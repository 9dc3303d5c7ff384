//! Real components for tests: started on free ports in folders of their own, gone when the test ends.
//!
//! A component that this machine cannot run is never replaced by a fake. [`kafka::broker_or_say`] and
//! [`postgres::database_or_say`] print what is missing and what is therefore not tested. If `ORDERLOG_REQUIRE_KAFKA` or
//! `ORDERLOG_REQUIRE_POSTGRES` is set, that is a failure.

pub mod follower;
pub mod kafka;
pub mod log;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod rng;
pub mod views;
pub mod watchdog;
