//! The HTTP edge, shared by every service.
//!
//! A service passes a router; this crate listens, sets bounds, answers problems, carries the request's context, reports
//! health, pauses before retries, and drains. It makes no business decision and does not know orders.

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
pub mod secret_file;
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
pub use problem::{OperationProblems, Problem, ProblemCode, ProblemDocument, problem_responses};
