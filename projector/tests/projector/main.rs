//! The projector from outside: a real log, a real read model, commands through the domain.

#![allow(clippy::unwrap_used)]

mod catching_up;
mod folding;
mod parking;
mod random;
mod rebuilding;
mod shop;
