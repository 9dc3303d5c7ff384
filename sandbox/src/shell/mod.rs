//! The sandbox on the network: HTTP for payments and parcels, routes to steer and judge it, webhooks out, SMTP in.

mod control;
mod delivery;
mod http;
mod response;
mod sign;
mod smtp;

pub use delivery::{Receiver, deliver};
pub use http::serve;
pub use sign::signature;
pub use smtp::receive;
