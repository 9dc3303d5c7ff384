//! An order as the sum of its facts, and the three statuses derived from it.

use super::fact::{Customer, Fact, Line, Time};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Draft,
    Placed,
    Confirmed,
    Completed,
    Cancelled,
    Discarded,
}

pub const STATUSES: [&str; 6] =
    ["draft", "placed", "confirmed", "completed", "cancelled", "discarded"];
pub const PAYMENT_STATUSES: [&str; 6] =
    ["unpaid", "partially_paid", "paid", "overpaid", "partially_refunded", "refunded"];
pub const FULFILLMENT_STATUSES: [&str; 5] =
    ["unfulfilled", "partially_shipped", "shipped", "partially_delivered", "delivered"];

impl Status {
    pub fn name(self) -> &'static str {
        STATUSES[self as usize]
    }
}

#[derive(Debug, Clone)]
pub struct Money {
    pub id: String,
    pub amount: i128,
    /// A payment's method, a refund's reason.
    pub text: Option<String>,
    pub at: Time,
}

#[derive(Debug, Clone)]
pub struct Shipment {
    pub id: String,
    pub carrier: Option<String>,
    pub tracking: Option<String>,
    pub lines: Vec<(u64, u64)>,
    pub shipped_at: Time,
    pub delivered_at: Option<Time>,
}

#[derive(Debug, Clone)]
pub struct Order {
    pub status: Status,
    pub customer: Customer,
    pub currency: String,
    pub lines: Vec<Line>,
    /// Line ids are never used again.
    pub last_line_id: u64,
    pub payments: Vec<Money>,
    pub refunds: Vec<Money>,
    pub shipments: Vec<Shipment>,
    pub notes: Vec<(String, Time)>,
    pub cancel_reason: Option<String>,
    pub created_at: Time,
    pub placed_at: Option<Time>,
    pub confirmed_at: Option<Time>,
    pub completed_at: Option<Time>,
    pub cancelled_at: Option<Time>,
    pub updated_at: Time,
}

impl Order {
    /// The state after all of these facts.
    pub fn after<'a>(facts: impl IntoIterator<Item = (&'a Fact, Time)>) -> Option<Self> {
        facts.into_iter().fold(None, |order, (fact, at)| Some(Self::moved(order, fact, at)))
    }

    pub fn moved(order: Option<Self>, fact: &Fact, at: Time) -> Self {
        let Some(mut order) = order else { return Self::begun(fact, at) };
        order.take(fact, at);
        order.updated_at = at;
        order
    }

    fn begun(fact: &Fact, at: Time) -> Self {
        let (beginning, placed_at) = match fact {
            Fact::Drafted(beginning) => (beginning, None),
            Fact::Begun(beginning) => (beginning, Some(at)),
            other => panic!("no order begins with {other:?}"),
        };
        let lines = beginning.lines.clone();
        Self {
            status: if placed_at.is_some() { Status::Placed } else { Status::Draft },
            customer: beginning.customer.clone(),
            currency: beginning.currency.clone(),
            last_line_id: lines.len() as u64,
            lines,
            payments: vec![],
            refunds: vec![],
            shipments: vec![],
            notes: beginning.note.iter().map(|text| (text.clone(), at)).collect(),
            cancel_reason: None,
            created_at: at,
            placed_at,
            confirmed_at: None,
            completed_at: None,
            cancelled_at: None,
            updated_at: at,
        }
    }

    fn take(&mut self, fact: &Fact, at: Time) {
        match fact.clone() {
            Fact::Drafted(_) | Fact::Begun(_) => panic!("an order begins once"),
            Fact::Placed => (self.status, self.placed_at) = (Status::Placed, Some(at)),
            Fact::LineAdded(line) => {
                self.last_line_id = line.line_id;
                self.lines.push(line);
            }
            Fact::QuantityChanged { line_id, quantity } => {
                let line = self.lines.iter_mut().find(|line| line.line_id == line_id);
                line.expect("only known lines change").quantity = quantity;
            }
            Fact::LineRemoved { line_id } => self.lines.retain(|line| line.line_id != line_id),
            Fact::Discarded => self.status = Status::Discarded,
            Fact::Confirmed => (self.status, self.confirmed_at) = (Status::Confirmed, Some(at)),
            Fact::Paid { id, amount, method: text } => {
                self.payments.push(Money { id, amount, text, at });
            }
            Fact::Refunded { id, amount, reason: text } => {
                self.refunds.push(Money { id, amount, text, at });
            }
            Fact::Shipped { id, carrier, tracking, lines } => {
                let (shipped_at, delivered_at) = (at, None);
                self.shipments.push(Shipment {
                    id,
                    carrier,
                    tracking,
                    lines,
                    shipped_at,
                    delivered_at,
                });
            }
            Fact::Delivered { id } => {
                let shipment = self.shipments.iter_mut().find(|shipment| shipment.id == id);
                shipment.expect("only known shipments arrive").delivered_at = Some(at);
            }
            Fact::Completed => (self.status, self.completed_at) = (Status::Completed, Some(at)),
            Fact::Cancelled { reason } => {
                (self.status, self.cancelled_at) = (Status::Cancelled, Some(at));
                self.cancel_reason = Some(reason);
            }
            Fact::Noted { text } => self.notes.push((text, at)),
        }
    }

    pub fn total(&self) -> i128 {
        self.lines.iter().map(Line::total).sum()
    }

    pub fn paid(&self) -> i128 {
        self.payments.iter().map(|payment| payment.amount).sum()
    }

    pub fn refunded(&self) -> i128 {
        self.refunds.iter().map(|refund| refund.amount).sum()
    }

    pub fn balance_due(&self) -> i128 {
        match self.status {
            Status::Cancelled | Status::Discarded => 0,
            _ => (self.total() - self.paid() + self.refunded()).max(0),
        }
    }

    pub fn units(&self) -> u64 {
        self.lines.iter().map(|line| line.quantity).sum()
    }

    /// Units shipped of each line.
    pub fn shipped(&self) -> BTreeMap<u64, u64> {
        units_by_line(self.shipments.iter())
    }

    /// Units delivered of each line.
    pub fn delivered(&self) -> BTreeMap<u64, u64> {
        units_by_line(self.shipments.iter().filter(|shipment| shipment.delivered_at.is_some()))
    }

    /// Units still to ship, by line.
    pub fn remaining(&self) -> Vec<(u64, u64)> {
        let shipped = self.shipped();
        let left = |line: &Line| line.quantity - shipped.get(&line.line_id).unwrap_or(&0);
        let lines = self.lines.iter().map(|line| (line.line_id, left(line)));
        lines.filter(|(_, left)| *left > 0).collect()
    }

    pub fn is_wholly_delivered(&self) -> bool {
        self.delivered().values().sum::<u64>() == self.units()
    }

    pub fn payment_status(&self) -> &'static str {
        let (total, paid, refunded) = (self.total(), self.paid(), self.refunded());
        if refunded > 0 {
            return if refunded == paid { "refunded" } else { "partially_refunded" };
        }
        match paid {
            0 if total == 0 && self.placed_at.is_some() => "paid",
            0 => "unpaid",
            paid if paid < total => "partially_paid",
            paid if paid == total => "paid",
            _ => "overpaid",
        }
    }

    pub fn fulfillment_status(&self) -> &'static str {
        let shipped: u64 = self.shipped().values().sum();
        let delivered: u64 = self.delivered().values().sum();
        let ordered = self.units();
        match (shipped, delivered) {
            (0, _) => "unfulfilled",
            (_, delivered) if delivered == ordered => "delivered",
            (_, 1..) => "partially_delivered",
            (shipped, _) if shipped == ordered => "shipped",
            _ => "partially_shipped",
        }
    }
}

fn units_by_line<'a>(shipments: impl Iterator<Item = &'a Shipment>) -> BTreeMap<u64, u64> {
    let mut units = BTreeMap::new();
    for (line_id, quantity) in shipments.flat_map(|shipment| &shipment.lines) {
        *units.entry(*line_id).or_default() += quantity;
    }
    units
}
