//! Why an order refuses a command: one variant for each rule, with what the client needs to act on it.

use super::{CommandName, Status};
use crate::{FieldError, Money};

/// The rule that a command breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderRejection {
    /// 404 `order-not-found`.
    OrderNotFound,
    /// 409 `order-already-exists`.
    OrderAlreadyExists,
    /// 409 `illegal-transition`.
    IllegalTransition {
        /// The command that was refused.
        command: CommandName,
        /// The status that refuses it.
        current_status: Status,
        /// The commands that would be accepted now.
        allowed_commands: Vec<CommandName>,
    },
    /// 409 `price-changed`.
    PriceChanged {
        /// What the order costs now.
        actual_total: Money,
    },
    /// 409 `payment-conflict`: the id is recorded with another amount.
    PaymentConflict,
    /// 409 `refund-conflict`: the id is recorded with another amount.
    RefundConflict,
    /// 409 `shipment-conflict`: the id is recorded with other content.
    ShipmentConflict,
    /// 409 `refund-exceeds-captured`.
    RefundExceedsCaptured {
        /// Σ payments − Σ refunds.
        refundable: Money,
    },
    /// 409 `quantity-exceeds-remaining`.
    QuantityExceedsRemaining {
        /// The first line whose quantity is too large.
        line_id: u32,
        /// The units of it that are left to ship.
        remaining: u32,
    },
    /// 422 `validation` with the code `empty-order`: a draft without lines cannot be placed. No field is wrong: the
    /// same body is valid once the draft has a line.
    EmptyOrder,
    /// 422 `validation`: fields that only the state can judge (unknown line, other currency, too precise …).
    Invalid(Vec<(String, FieldError)>),
}
