//! Decisions: which facts follow from a command, or which rule refuses it.
//!
//! One function for each command. External facts (payments, refunds, shipments) that are already recorded are
//! recognised before any guard. So a repeated request gets the same answer, whatever has happened since. The lifecycle
//! guards all other commands. The command that makes an order complete also records its completion.

mod draft;
mod fulfillment;
mod payment;

use super::{CommandName, Order, OrderCommand, OrderEvent, OrderRejection, Status};
use crate::{FieldError, Money, MoneyError, Reason};

type Decision = Result<Vec<OrderEvent>, OrderRejection>;

pub(super) fn decide(state: Option<&Order>, command: &OrderCommand) -> Decision {
    let order = match (state, command) {
        (None, OrderCommand::Create { customer, currency, lines, draft, note }) => {
            return draft::create(customer, *currency, lines, *draft, note.as_ref());
        }
        (Some(_), OrderCommand::Create { .. }) => return Err(OrderRejection::OrderAlreadyExists),
        (None, _) => return Err(OrderRejection::OrderNotFound),
        (Some(order), _) => order,
    };
    match command {
        OrderCommand::Create { .. } => Err(OrderRejection::OrderAlreadyExists),
        OrderCommand::AddLine(line) => draft::add_line(order, line),
        OrderCommand::ChangeLineQuantity { line_id, quantity } => {
            draft::change_line_quantity(order, *line_id, *quantity)
        }
        OrderCommand::RemoveLine { line_id } => draft::remove_line(order, *line_id),
        OrderCommand::Place { expected_total } => draft::place(order, expected_total.as_deref()),
        OrderCommand::Discard => {
            require_status(order, CommandName::Discard, &[Status::Draft])?;
            Ok(vec![OrderEvent::DraftDiscarded])
        }
        OrderCommand::Confirm => {
            require_status(order, CommandName::Confirm, &[Status::Placed])?;
            Ok(vec![OrderEvent::OrderConfirmed])
        }
        OrderCommand::RecordPayment { payment_id, amount, currency, method } => {
            payment::record_payment(order, payment_id, amount, *currency, method.as_ref())
        }
        OrderCommand::RecordRefund { refund_id, amount, currency, reason } => {
            payment::record_refund(order, refund_id, amount, *currency, reason.as_ref())
        }
        OrderCommand::Ship { shipment_id, carrier, tracking_number, lines } => fulfillment::ship(
            order,
            shipment_id,
            carrier.as_ref(),
            tracking_number.as_ref(),
            lines.as_deref(),
        ),
        OrderCommand::Deliver { shipment_id } => fulfillment::deliver(order, shipment_id),
        OrderCommand::Cancel { reason } => cancel(order, reason),
        OrderCommand::AddNote { text } => Ok(vec![OrderEvent::NoteAdded { text: text.clone() }]),
    }
}

fn cancel(order: &Order, reason: &Reason) -> Decision {
    let (true, Some(placed_at)) = (order.allows(CommandName::Cancel), order.placed_at) else {
        return Err(illegal(order, CommandName::Cancel));
    };
    let lines = order.lines.iter().map(|line| super::event::CancelledLine {
        line_id: line.line_id,
        product_id: line.product_id.clone(),
        quantity: line.quantity,
        line_total: line.total(),
    });
    Ok(vec![OrderEvent::OrderCancelled {
        reason: reason.clone(),
        customer_id: order.customer.id.clone(),
        placed_at,
        total: order.total,
        lines: lines.collect(),
    }])
}

/// Whether the order is complete, given what was paid and whether everything is delivered. It is when the payments
/// minus the refunds cover the total. A refund only lowers that sum, so no refund completes an order.
fn completes(order: &Order, everything_delivered: bool, paid: Money) -> bool {
    let kept = i128::from(paid.minor()) - i128::from(order.refunded.minor());
    order.status == Status::Confirmed
        && everything_delivered
        && kept >= i128::from(order.total.minor())
}

fn require_status(
    order: &Order,
    command: CommandName,
    statuses: &[Status],
) -> Result<(), OrderRejection> {
    if statuses.contains(&order.status) {
        return Ok(());
    }
    Err(illegal(order, command))
}

fn illegal(order: &Order, command: CommandName) -> OrderRejection {
    OrderRejection::IllegalTransition {
        command,
        current_status: order.status,
        allowed_commands: order.allowed_commands(),
    }
}

fn invalid(pointer: impl Into<String>, code: &'static str, detail: &str) -> OrderRejection {
    OrderRejection::Invalid(vec![(pointer.into(), FieldError::new(code, detail))])
}

fn invalid_money(pointer: impl Into<String>, error: MoneyError) -> OrderRejection {
    OrderRejection::Invalid(vec![(pointer.into(), error.into())])
}

/// How a field error describes an unusable amount.
impl From<MoneyError> for FieldError {
    fn from(error: MoneyError) -> Self {
        let code = match error {
            MoneyError::Malformed => "invalid-format",
            MoneyError::TooPrecise { .. } => "too-precise",
            MoneyError::OutOfRange => "out-of-range",
            MoneyError::CurrencyMismatch(..) => "currency-mismatch",
            MoneyError::NoWeights => "no-weights",
        };
        Self::new(code, error.to_string())
    }
}
