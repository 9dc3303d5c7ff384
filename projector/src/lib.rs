//! The projector: events in, read tables out.
//!
//! A projection is a pure fold from events to rows. A page of events is decoded once and folded by every projection
//! that stands at its beginning; what changed is written in one transaction, together with the checkpoint's
//! compare-and-set. So effects are exactly-once, whatever else runs: a zombie or a redelivery changes nothing. Rebuilds
//! share this code. Events come from the log ([`run`]) or from a topic (`run_topic`, feature `kafka`). What the projector
//! never does: decide, answer HTTP commands, or hold SQL (that stands in `read-model`).

mod cache;
mod decoded;
mod error;
mod figures;
mod flush;
mod group;
mod live;
mod log_identity;
mod outdated;
mod parking;
#[cfg(feature = "kafka")]
mod planted;
mod points;
mod projection;
pub mod projections;
mod rebuild;
mod refused;
mod registry;
mod retry;
mod rollback;
mod signing;
mod source;
#[cfg(feature = "kafka")]
mod topic;
mod unwritten;
mod verify;

pub use decoded::{Decoded, Poison};
pub use error::ProjectorError;
pub use live::{Condition, run, watch_condition};
pub use log_identity::check_log_identity;
pub use projection::{Changes, Fold, Pace, Projection, Streams};
pub use rebuild::{RebuildReport, Show, rebuild};
pub use registry::Registry;
pub use retry::{RetryReport, retry_parked};
pub use rollback::roll_back;
pub use signing::{LogSigner, SigningError, SigningFlags};
pub use source::Source;
#[cfg(feature = "kafka")]
pub use topic::{TopicFeed, run_topic};
pub use unwritten::fold_unwritten;
pub use verify::{ViewsReport, verify_views};
