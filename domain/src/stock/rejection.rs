//! Why stock refuses a command: one variant for each rule, with what the client needs to act on it.

use crate::FieldError;

/// The rule that a command breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StockRejection {
    /// 409 `reservation-unknown`.
    ReservationUnknown,
    /// 409 `reservation-conflict`: the id is that of a reservation with other lines, or for another order.
    ReservationConflict,
    /// 409 `reservation-not-firm`: only firm units may leave.
    ReservationNotFirm,
    /// 409 `reservation-lost`: it was refused, has expired or was released. Its id never comes back.
    ReservationLost,
    /// 409 `reservation-committed`: its units have left.
    ReservationCommitted,
    /// 409 `movement-conflict`: the id is recorded with other content.
    MovementConflict,
    /// 409 `adjustment-exceeds-stock`.
    AdjustmentExceedsStock {
        /// Units that could be taken away.
        on_hand: u64,
    },
    /// 409 `stock-limit`: more units than [`super::STOCK_LIMIT`].
    StockLimit,
    /// 422 `validation`: fields that no state could accept.
    Invalid(Vec<(String, FieldError)>),
    /// The states that were given are not those of the command's streams: an error of the calling program, not of a
    /// client. Above all, a command with partners cannot be decided without them.
    WrongStreams,
}
