//! The HTTP edge that every service shares.
//!
//! A service hands over a router; this crate listens, bounds, names problems, carries the request's context,
//! reports health, waits before it tries again, and drains. It decides nothing and knows nothing of orders.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod backoff;
mod body;
mod budget;
pub mod clock;
pub mod context;
pub mod edge;
pub mod extract;
pub mod health;
pub mod heavy;
pub mod limits;
pub mod listen;
mod memory;
pub mod openapi;
pub mod output;
pub mod problem;
pub mod shutdown;
mod stats;
pub mod telemetry;

pub use backoff::Backoff;
pub use context::RequestContext;
pub use edge::layer;
pub use extract::{NoQuery, PathCallerId, PathUuid, StrictQuery, require_json, require_media_type};
pub use health::Readiness;
pub use limits::Limits;
pub use listen::{BindError, bind, serve};
pub use output::{Output, complain};
pub use problem::{OperationProblems, Problem, ProblemCode, ProblemDocument};
