//! The kit of the order tests: given these facts, when this command comes, then these events follow.

#![allow(clippy::unwrap_used, dead_code, missing_docs)]

use chrono::{DateTime, TimeDelta};
use domain::order::{
    Customer, NewLine, Order, OrderAggregate, OrderCommand, OrderEvent, OrderRejection,
    ShippedLine, UnpricedLine,
};
use domain::{Aggregate, Currency, Money, Name, Note, Reason, Reference, Timestamp};

pub fn usd() -> Currency {
    Currency::from_code("USD").unwrap()
}

pub fn cents(minor: i64) -> Money {
    Money::from_minor(minor, usd())
}

pub fn id(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

/// The moment of the `version`-th event.
pub fn at(version: usize) -> Timestamp {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap() + TimeDelta::seconds(version as i64)
}

pub fn customer() -> Customer {
    Customer { id: id("c-1"), name: Some(Name::parse("Ada").unwrap()), email: None }
}

pub fn line(product: &str, quantity: u32, unit_price: i64) -> NewLine {
    NewLine {
        product_id: id(product),
        name: Name::parse(product).unwrap(),
        quantity,
        unit_price: cents(unit_price),
    }
}

pub fn create(draft: bool, lines: Vec<NewLine>) -> OrderCommand {
    OrderCommand::Create { customer: customer(), currency: usd(), lines, draft, note: None }
}

pub fn add_line(product: &str, quantity: u32, unit_price: &str) -> OrderCommand {
    OrderCommand::AddLine(UnpricedLine {
        product_id: id(product),
        name: Name::parse(product).unwrap(),
        quantity,
        unit_price: unit_price.to_owned(),
    })
}

pub fn pay(payment: &str, amount: &str) -> OrderCommand {
    OrderCommand::RecordPayment {
        payment_id: id(payment),
        amount: amount.to_owned(),
        currency: None,
        method: None,
    }
}

pub fn refund(refund: &str, amount: &str) -> OrderCommand {
    OrderCommand::RecordRefund {
        refund_id: id(refund),
        amount: amount.to_owned(),
        currency: None,
        reason: None,
    }
}

pub fn ship(shipment: &str) -> OrderCommand {
    ship_lines(shipment, None)
}

pub fn ship_lines(shipment: &str, lines: Option<&[(u32, u32)]>) -> OrderCommand {
    let lines = lines.map(|lines| {
        lines
            .iter()
            .map(|(line_id, quantity)| ShippedLine { line_id: *line_id, quantity: *quantity })
    });
    OrderCommand::Ship {
        shipment_id: id(shipment),
        carrier: None,
        tracking_number: None,
        lines: lines.map(Iterator::collect),
    }
}

pub fn deliver(shipment: &str) -> OrderCommand {
    OrderCommand::Deliver { shipment_id: id(shipment) }
}

pub fn cancel() -> OrderCommand {
    OrderCommand::Cancel { reason: Reason::parse("changed my mind").unwrap() }
}

pub fn note() -> OrderCommand {
    OrderCommand::AddNote { text: Note::parse("ring twice").unwrap() }
}

pub fn place() -> OrderCommand {
    OrderCommand::Place { expected_total: None }
}

/// One order's events, with the state after each.
#[derive(Debug, Default, Clone)]
pub struct Story {
    pub state: Option<Order>,
    pub events: Vec<OrderEvent>,
}

/// The story of these commands; each must be accepted.
pub fn given(commands: &[OrderCommand]) -> Story {
    let mut story = Story::default();
    for command in commands {
        story
            .tell(command)
            .unwrap_or_else(|rejection| panic!("{command:?} refused: {rejection:?}"));
    }
    story
}

impl Story {
    /// Decides and folds one more command.
    pub fn tell(&mut self, command: &OrderCommand) -> Result<Vec<OrderEvent>, OrderRejection> {
        let decided = OrderAggregate::decide(&self.state, command)?;
        for event in &decided {
            self.events.push(event.clone());
            let state = self.state.take();
            self.state = OrderAggregate::evolve(state, event, at(self.events.len()));
        }
        Ok(decided)
    }

    pub fn order(&self) -> &Order {
        self.state.as_ref().unwrap()
    }

    /// The names of the events that one more command would make.
    pub fn when(&self, command: &OrderCommand) -> Result<Vec<&'static str>, OrderRejection> {
        OrderAggregate::decide(&self.state, command)
            .map(|events| events.iter().map(OrderEvent::stored_name).collect())
    }
}

/// The fold of events onto a state, the next event being number `from`.
pub fn fold(state: Option<Order>, events: &[OrderEvent], from: usize) -> Option<Order> {
    events
        .iter()
        .enumerate()
        .fold(state, |state, (index, event)| OrderAggregate::evolve(state, event, at(from + index)))
}
