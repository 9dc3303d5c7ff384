//! The fold: what each fact does to the state; and the questions asked of a state.

use super::{CommandName, FulfillmentStatus, Order, PaymentStatus};
use crate::Money;

impl Order {
    /// Read off the amounts; see `PaymentStatus`.
    pub fn payment_status(&self) -> PaymentStatus {
        todo!()
    }
    /// Read off the counters; see `FulfillmentStatus`.
    pub fn fulfillment_status(&self) -> FulfillmentStatus {
        todo!()
    }
    /// total − paid + refunded, not below zero after cancellation.
    pub fn balance_due(&self) -> Money {
        todo!()
    }
    /// Every command for which some body would be accepted now.
    pub fn allowed_commands(&self) -> Vec<CommandName> {
        todo!()
    }
    /// Σ quantity over the lines.
    pub fn units(&self) -> u64 {
        todo!()
    }
}
