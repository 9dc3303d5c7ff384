//! The order API: HTTP commands in, the pipeline's replies out.
//!
//! Handlers translate, they do not decide. [`commands`] holds one file for each command (its body, how that is read,
//! its route), [`api`] the one way every command goes, [`headers`] and [`if_match`] what requests say outside their body,
//! [`answer`] and [`refusal`] how replies read on the wire. A second aggregate would be a sibling of this module.

mod answer;
mod api;
pub mod commands;
mod headers;
mod if_match;
mod refusal;

pub use answer::{CommandAnswer, EventAnswer};
pub use api::OrderApi;
pub use commands::routes;
pub use refusal::{problem, unreadable, validation};
