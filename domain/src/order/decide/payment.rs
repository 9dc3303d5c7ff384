//! Decisions about payments and refunds: external facts, so they are recorded whenever they are possible.

use super::{Decision, completes, invalid, invalid_money, require_status};
use crate::order::{CommandName, Order, OrderEvent, OrderRejection, Status};
use crate::{Currency, Label, Money, Reason, Reference};

/// The statuses of orders that were placed at some time: only such orders can have payments.
const PLACED_ONCE: [Status; 4] =
    [Status::Placed, Status::Confirmed, Status::Completed, Status::Cancelled];

pub(super) fn record_payment(
    order: &Order,
    payment_id: &Reference,
    amount: &str,
    currency: Option<Currency>,
    method: Option<&Label>,
) -> Decision {
    require_status(order, CommandName::RecordPayment, &PLACED_ONCE)?;
    let amount = positive_amount(order, amount, currency)?;
    if let Some(known) = order.payments.get(payment_id) {
        return if known.amount == amount {
            Ok(vec![])
        } else {
            Err(OrderRejection::PaymentConflict)
        };
    }
    let paid = order
        .paid
        .checked_add(amount)
        .and_then(Money::within_public_limit)
        .map_err(|error| invalid_money("/amount", error))?;
    let (payment_id, method) = (payment_id.clone(), method.cloned());
    let mut events = vec![OrderEvent::PaymentRecorded { payment_id, amount, method }];
    let everything_delivered = order.lines.iter().all(|line| line.delivered == line.quantity);
    if completes(order, everything_delivered, paid) {
        events.push(OrderEvent::OrderCompleted);
    }
    Ok(events)
}

pub(super) fn record_refund(
    order: &Order,
    refund_id: &Reference,
    amount: &str,
    currency: Option<Currency>,
    reason: Option<&Reason>,
) -> Decision {
    require_status(order, CommandName::RecordRefund, &PLACED_ONCE)?;
    let amount = positive_amount(order, amount, currency)?;
    if let Some(known) = order.refunds.get(refund_id) {
        return if known.amount == amount {
            Ok(vec![])
        } else {
            Err(OrderRejection::RefundConflict)
        };
    }
    let refundable =
        order.paid.checked_sub(order.refunded).map_err(|error| invalid_money("/amount", error))?;
    if amount.minor() > refundable.minor() {
        return Err(OrderRejection::RefundExceedsCaptured { refundable });
    }
    let (refund_id, reason) = (refund_id.clone(), reason.cloned());
    Ok(vec![OrderEvent::RefundRecorded { refund_id, amount, reason }])
}

/// Reads an amount in the order's currency. If the request names another currency, the amount's digits cannot be
/// judged: only the currency is reported.
fn positive_amount(
    order: &Order,
    amount: &str,
    currency: Option<Currency>,
) -> Result<Money, OrderRejection> {
    if currency.is_some_and(|currency| currency != order.currency) {
        return Err(invalid("/currency", "currency-mismatch", "is not the order's currency"));
    }
    let amount =
        Money::parse(amount, order.currency).map_err(|error| invalid_money("/amount", error))?;
    if amount.minor() <= 0 {
        return Err(invalid("/amount", "out-of-range", "must be more than zero"));
    }
    Ok(amount)
}
