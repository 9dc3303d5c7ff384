//! The views from outside: a real log, the real projector, answers over the service's own routes.

#![allow(clippy::unwrap_used)]

mod documentation;
mod feed;
mod lists;
mod one_order;
mod oracle;
mod parameters;
mod random;
mod shop;
mod waiting;
