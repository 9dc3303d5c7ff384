//! A second aggregate, as a shop would add one: a voucher is issued, and then redeemed or expired.
//!
//! One file for each part that an aggregate adds. [`aggregate`] decides, [`http`] takes commands over HTTP and in
//! imports, [`projection`] keeps a table, [`view`] shows it. No other crate knows vouchers.

pub mod aggregate;
pub mod http;
pub mod projection;
pub mod view;
