//! The figures of an order in lists and counts: a row over time is written only when one of them changes.

use domain::order::{FulfillmentStatus, Order, PaymentStatus, Status};

/// The values of an order that lists and counts depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listed {
    pub status: Status,
    pub payment: PaymentStatus,
    pub fulfillment: FulfillmentStatus,
    pub total: i64,
    pub paid: i64,
    pub refunded: i64,
    pub line_count: u32,
    pub units: u64,
}

/// The dimension of counts by status.
const BY_STATUS: u8 = 0;
/// The dimension of counts by payment status.
const BY_PAYMENT: u8 = 1;
/// The dimension of counts by fulfilment status.
const BY_FULFILLMENT: u8 = 2;

impl Listed {
    pub(super) fn of(order: &Order) -> Self {
        Self {
            status: order.status,
            payment: order.payment_status(),
            fulfillment: order.fulfillment_status(),
            total: order.total.minor(),
            paid: order.paid.minor(),
            refunded: order.refunded.minor(),
            line_count: u32::try_from(order.lines.len()).unwrap_or(u32::MAX),
            units: order.units(),
        }
    }

    /// Dimension and code of each count that holds the order. Payment and fulfilment are counted over placed,
    /// confirmed and completed orders.
    pub(super) fn counted(&self) -> impl Iterator<Item = (u8, i16)> + use<> {
        let open = matches!(self.status, Status::Placed | Status::Confirmed | Status::Completed);
        let counts = [
            (true, BY_STATUS, self.status.code()),
            (open, BY_PAYMENT, self.payment.code()),
            (open, BY_FULFILLMENT, self.fulfillment.code()),
        ];
        counts.into_iter().filter(|(counted, ..)| *counted).map(|(_, by, code)| (by, code))
    }
}
