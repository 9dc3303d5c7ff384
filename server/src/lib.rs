//! The HTTP edge that every service shares.
//!
//! A service hands over a router; this crate listens, bounds, names problems, carries the request's context,
//! reports health and drains. It decides nothing and knows nothing of orders.

pub mod clock;
pub mod context;
pub mod health;
pub mod listen;
pub mod openapi;
pub mod problem;
pub mod shutdown;
pub mod telemetry;

pub use context::RequestContext;
pub use health::Readiness;
pub use listen::{Limits, serve};
pub use problem::{Problem, ProblemCode};
