//! The domain: what an order is, and which facts may follow which.
//!
//! Everything here is a pure function of its arguments. Time, ids and prices arrive as values; there is no I/O, no
//! clock, no randomness, no async. The write side runs [`Aggregate::decide`] and [`Aggregate::evolve`]. The read side
//! replays the same `evolve`, so the two cannot disagree about what an event means.

pub mod aggregate;
pub mod attempts;
pub mod call;
pub mod catalogue;
pub mod currency;
pub mod customer;
pub mod money;
pub mod notification;
pub mod order;
mod payloads;
pub mod payment;
pub mod shipment;
pub mod stock;
pub mod text;
pub mod time;

pub use aggregate::{Aggregate, DecodeError, EncodedEvent, JointDecision, Partner};
pub use call::{CallFailure, MOST_TRIES, Tries};
pub use catalogue::{Catalogue, Event};
pub use currency::Currency;
pub use money::{Money, MoneyError};
pub use notification::NotificationAggregate;
pub use shipment::ShipmentAggregate;
pub use text::{Email, FieldError, Label, Name, Note, Reason, Reference};
pub use time::Timestamp;
