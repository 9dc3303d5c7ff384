//! The fold: what each fact does to the state, and the questions to a state.
//!
//! `evolve` is total over everything that `decide` can produce. It changes the state in place, so the cost of folding a
//! stream is that of its events, however long the stream is.

use super::{
    CommandName, Customer, FulfillmentStatus, Line, Order, OrderEvent, Payment, PaymentStatus,
    Recorded, Refund, Shipment, ShippedLine, Status,
};
use crate::{Currency, Money, Timestamp};

/// Orders have at most this many lines.
pub const MAX_LINES: usize = 2_000;

/// Folds one event, which happened at `at`, into the state.
pub(super) fn evolve(state: Option<Order>, event: &OrderEvent, at: Timestamp) -> Option<Order> {
    match (state, event) {
        (None, OrderEvent::OrderDrafted { customer, currency, lines, .. }) => {
            Some(Order::begun(Status::Draft, customer, *currency, lines, at))
        }
        (None, OrderEvent::OrderPlaced { customer, currency, lines, .. }) => {
            let mut order = Order::begun(Status::Placed, customer, *currency, lines, at);
            order.placed_at = Some(at);
            Some(order)
        }
        // No decision begins an order with another event.
        (None, _) => None,
        (Some(mut order), event) => {
            order.apply(event, at);
            Some(order)
        }
    }
}

impl Order {
    fn begun(
        status: Status,
        customer: &Customer,
        currency: Currency,
        lines: &[Line],
        at: Timestamp,
    ) -> Self {
        Self {
            status,
            customer: customer.clone(),
            currency,
            lines: lines.to_vec(),
            next_line_id: next_line_id(lines),
            total: total_of(currency, lines),
            paid: Money::zero(currency),
            refunded: Money::zero(currency),
            payments: Recorded::new(),
            refunds: Recorded::new(),
            shipments: Recorded::new(),
            cancel_reason: None,
            created_at: at,
            placed_at: None,
            confirmed_at: None,
            completed_at: None,
            cancelled_at: None,
            updated_at: at,
        }
    }

    fn apply(&mut self, event: &OrderEvent, at: Timestamp) {
        self.updated_at = at;
        match event {
            OrderEvent::OrderDrafted { .. } | OrderEvent::NoteAdded { .. } => {}
            OrderEvent::OrderPlaced { lines, total, .. } => {
                self.status = Status::Placed;
                self.placed_at = Some(at);
                self.lines.clone_from(lines);
                self.total = *total;
            }
            OrderEvent::LineAdded { line } => {
                self.total = plus(self.total, line.total());
                self.next_line_id = self.next_line_id.max(line.line_id.saturating_add(1));
                self.lines.push(line.clone());
            }
            OrderEvent::LineQuantityChanged { line_id, quantity } => {
                if let Some(line) = self.lines.iter_mut().find(|line| line.line_id == *line_id) {
                    let before = line.total();
                    line.quantity = *quantity;
                    self.total = plus(minus(self.total, before), line.total());
                }
            }
            OrderEvent::LineRemoved { line_id } => {
                if let Some(index) = self.lines.iter().position(|line| line.line_id == *line_id) {
                    let line = self.lines.remove(index);
                    self.total = minus(self.total, line.total());
                }
            }
            OrderEvent::DraftDiscarded => self.status = Status::Discarded,
            OrderEvent::OrderConfirmed => {
                self.status = Status::Confirmed;
                self.confirmed_at = Some(at);
            }
            OrderEvent::PaymentRecorded { payment_id, amount, method } => {
                self.paid = plus(self.paid, *amount);
                let (payment_id, method) = (payment_id.clone(), method.clone());
                let payment = Payment { payment_id, amount: *amount, method, occurred_at: at };
                self.payments.push(payment);
            }
            OrderEvent::RefundRecorded { refund_id, amount, reason } => {
                self.refunded = plus(self.refunded, *amount);
                let (refund_id, reason) = (refund_id.clone(), reason.clone());
                let refund = Refund { refund_id, amount: *amount, reason, occurred_at: at };
                self.refunds.push(refund);
            }
            OrderEvent::OrderShipped { shipment_id, carrier, tracking_number, lines } => {
                self.count(lines, |line, units| line.shipped = line.shipped.saturating_add(units));
                self.shipments.push(Shipment {
                    shipment_id: shipment_id.clone(),
                    carrier: carrier.clone(),
                    tracking_number: tracking_number.clone(),
                    lines: lines.clone(),
                    shipped_at: at,
                    delivered_at: None,
                });
            }
            OrderEvent::ShipmentDelivered { shipment_id } => {
                if let Some(shipment) = self.shipments.get_mut(shipment_id) {
                    shipment.delivered_at = Some(at);
                    let lines = shipment.lines.clone();
                    self.count(&lines, |line, units| {
                        line.delivered = line.delivered.saturating_add(units)
                    });
                }
            }
            OrderEvent::OrderCompleted => {
                self.status = Status::Completed;
                self.completed_at = Some(at);
            }
            OrderEvent::OrderCancelled { reason, .. } => {
                self.status = Status::Cancelled;
                self.cancelled_at = Some(at);
                self.cancel_reason = Some(reason.clone());
            }
        }
    }

    /// Adds units to a counter of some lines. Both lists are sorted by line id.
    fn count(&mut self, shipped: &[ShippedLine], add: fn(&mut Line, u32)) {
        for part in shipped {
            if let Ok(index) = self.lines.binary_search_by_key(&part.line_id, |line| line.line_id) {
                add(&mut self.lines[index], part.quantity);
            }
        }
    }

    /// Derived from the amounts. An order of total 0 counts as paid from its placement on.
    pub fn payment_status(&self) -> PaymentStatus {
        let (paid, refunded, total) =
            (self.paid.minor(), self.refunded.minor(), self.total.minor());
        if refunded > 0 {
            return if refunded == paid {
                PaymentStatus::Refunded
            } else {
                PaymentStatus::PartiallyRefunded
            };
        }
        if paid > total {
            PaymentStatus::Overpaid
        } else if paid == total && self.placed_at.is_some() {
            PaymentStatus::Paid
        } else if paid == 0 {
            PaymentStatus::Unpaid
        } else {
            PaymentStatus::PartiallyPaid
        }
    }

    /// Derived from the counters of the lines.
    pub fn fulfillment_status(&self) -> FulfillmentStatus {
        let (mut ordered, mut shipped, mut delivered) = (0_u64, 0_u64, 0_u64);
        for line in &self.lines {
            ordered += u64::from(line.quantity);
            shipped += u64::from(line.shipped);
            delivered += u64::from(line.delivered);
        }
        match (shipped, delivered) {
            (0, _) => FulfillmentStatus::Unfulfilled,
            (_, delivered) if delivered == ordered => FulfillmentStatus::Delivered,
            (_, 1..) => FulfillmentStatus::PartiallyDelivered,
            (shipped, 0) if shipped == ordered => FulfillmentStatus::Shipped,
            (_, 0) => FulfillmentStatus::PartiallyShipped,
        }
    }

    /// total − paid + refunded, never below zero; zero once the order is cancelled or discarded.
    pub fn balance_due(&self) -> Money {
        balance_due(self.status, self.total, self.paid, self.refunded)
    }

    /// Every command that is accepted now with some body, for something not yet recorded.
    ///
    /// Every other command is refused. The lifecycle refuses with `illegal-transition`, unless a rule can say more
    /// precisely what is missing. `create` on an existing order is `order-already-exists`; a refund with nothing left
    /// to refund is `refund-exceeds-captured`. A delivery without such a shipment and a draft without lines name the
    /// field. Naming lines to ship when none remain is `quantity-exceeds-remaining`. A fact recorded before (a payment,
    /// a refund, a shipment, a delivery: same id, same content) is accepted again, without an event, whether its
    /// command is listed or not.
    pub fn allowed_commands(&self) -> Vec<CommandName> {
        CommandName::ALL.into_iter().filter(|command| self.allows(*command)).collect()
    }

    /// Whether [`Self::allowed_commands`] contains the command.
    pub fn allows(&self, command: CommandName) -> bool {
        let draft = self.status == Status::Draft;
        match command {
            CommandName::Create => false,
            CommandName::AddLine => draft && self.lines.len() < MAX_LINES,
            CommandName::ChangeLineQuantity | CommandName::RemoveLine | CommandName::Place => {
                draft && !self.lines.is_empty()
            }
            CommandName::Discard => draft,
            CommandName::Confirm => self.status == Status::Placed,
            CommandName::RecordPayment => !matches!(self.status, Status::Draft | Status::Discarded),
            CommandName::RecordRefund => self.refunded.minor() < self.paid.minor(),
            CommandName::Ship => self.status == Status::Confirmed && self.has_units_to_ship(),
            CommandName::Deliver => {
                self.shipments.iter().any(|shipment| shipment.delivered_at.is_none())
            }
            CommandName::Cancel => {
                matches!(self.status, Status::Placed | Status::Confirmed)
                    && self.shipments.is_empty()
            }
            CommandName::AddNote => true,
        }
    }

    /// Σ quantity over the lines.
    pub fn units(&self) -> u64 {
        self.lines.iter().map(|line| u64::from(line.quantity)).sum()
    }

    fn has_units_to_ship(&self) -> bool {
        self.lines.iter().any(|line| line.to_ship() > 0)
    }
}

impl Line {
    /// Units that are still to be shipped. A log that `decide` did not write may have shipped more than was ordered.
    pub(super) fn to_ship(&self) -> u32 {
        self.quantity.saturating_sub(self.shipped)
    }

    /// quantity × unit price; within the public limit, which `decide` has checked.
    pub fn total(&self) -> Money {
        self.unit_price
            .checked_mul(i64::from(self.quantity))
            .unwrap_or_else(|_| Money::from_minor(i64::MAX, self.unit_price.currency()))
    }
}

/// The amount still to be paid: total − paid + refunded, never below zero; zero once the order is cancelled or
/// discarded. The amounts belong to one order, so they share a currency.
pub fn balance_due(status: Status, total: Money, paid: Money, refunded: Money) -> Money {
    let balance =
        i128::from(total.minor()) - i128::from(paid.minor()) + i128::from(refunded.minor());
    let called_off = matches!(status, Status::Cancelled | Status::Discarded);
    let due = if called_off { 0 } else { balance.max(0) };
    Money::from_minor(i64::try_from(due).unwrap_or(i64::MAX), total.currency())
}

/// The id that the next line gets.
pub(super) fn next_line_id(lines: &[Line]) -> u32 {
    lines.iter().map(|line| line.line_id).max().unwrap_or(0).saturating_add(1)
}

fn total_of(currency: Currency, lines: &[Line]) -> Money {
    lines.iter().fold(Money::zero(currency), |total, line| plus(total, line.total()))
}

/// The sum of amounts that `decide` has bounded: they fit and share a currency. On a log that `decide` did not write,
/// the amount stays as it was, so that the fold goes on.
fn plus(amount: Money, other: Money) -> Money {
    amount.checked_add(other).unwrap_or(amount)
}

fn minus(amount: Money, other: Money) -> Money {
    amount.checked_sub(other).unwrap_or(amount)
}
