//! What only PostgreSQL has: a server that ends connections, stops and starts, roles, other processes' notifications.

#![allow(clippy::unwrap_used)]

mod faults;
mod fixtures;
mod hints;
mod opening;
mod roles;
