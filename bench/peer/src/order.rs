//! The order as a `cqrs-es` aggregate: the same five steps, with the same facts and refusals.

use async_trait::async_trait;
use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent, EventEnvelope, View};
use serde::{Deserialize, Serialize};

/// The status of an order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    #[default]
    Unknown,
    Placed,
    Confirmed,
    Shipped,
    Completed,
}

/// A line of an order, as sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub product_id: String,
    pub name: String,
    pub quantity: u32,
    pub unit_price: String,
}

/// The customer of an order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    pub id: String,
    pub name: Option<String>,
}

/// The state: the fold of the events.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Order {
    status: Status,
    customer: Customer,
    currency: String,
    lines: Vec<Line>,
    payments: Vec<Payment>,
    shipments: Vec<Parcel>,
}

/// A command of a client.
#[derive(Debug)]
pub enum Command {
    Place(Place),
    Confirm,
    Pay(Payment),
    Ship(Parcel),
    Deliver(Parcel),
}

/// The body that places an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub order_id: String,
    pub customer: Customer,
    pub currency: String,
    pub lines: Vec<Line>,
}

/// The body that records the payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    payment_id: String,
    amount: String,
    method: Option<String>,
}

/// The body that ships a parcel or reports its delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    shipment_id: String,
    carrier: Option<String>,
}

impl Command {
    /// Reads a step by its name in the path; `None` for another name.
    pub fn read(name: &str, body: &[u8]) -> Option<Self> {
        match name {
            "confirm" => Some(Self::Confirm),
            "record-payment" => serde_json::from_slice(body).ok().map(Self::Pay),
            "ship" => serde_json::from_slice(body).ok().map(Self::Ship),
            "deliver" => serde_json::from_slice(body).ok().map(Self::Deliver),
            _ => None,
        }
    }
}

/// A fact of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    OrderPlaced(Place),
    OrderConfirmed,
    PaymentRecorded(Payment),
    OrderShipped(Parcel),
    ShipmentDelivered(Parcel),
    OrderCompleted,
}

/// The rule that a command breaks.
#[derive(Debug)]
pub struct Refused(&'static str);

impl std::fmt::Display for Refused {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for Refused {}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::OrderPlaced(_) => "OrderPlaced",
            Self::OrderConfirmed => "OrderConfirmed",
            Self::PaymentRecorded(_) => "PaymentRecorded",
            Self::OrderShipped(_) => "OrderShipped",
            Self::ShipmentDelivered(_) => "ShipmentDelivered",
            Self::OrderCompleted => "OrderCompleted",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

impl Order {
    fn decide(&self, command: Command) -> Result<Vec<Event>, Refused> {
        match (command, self.status) {
            (Command::Place(place), Status::Unknown) => Ok(vec![Event::OrderPlaced(place)]),
            (Command::Confirm, Status::Placed) => Ok(vec![Event::OrderConfirmed]),
            (Command::Pay(payment), Status::Confirmed) => Ok(vec![Event::PaymentRecorded(payment)]),
            (Command::Ship(parcel), Status::Confirmed) => Ok(vec![Event::OrderShipped(parcel)]),
            (Command::Deliver(parcel), Status::Shipped) if self.knows(&parcel) => {
                let mut events = vec![Event::ShipmentDelivered(parcel)];
                if !self.payments.is_empty() {
                    events.push(Event::OrderCompleted);
                }
                Ok(events)
            }
            _ => Err(Refused("illegal transition")),
        }
    }

    fn knows(&self, parcel: &Parcel) -> bool {
        self.shipments.iter().any(|known| known.shipment_id == parcel.shipment_id)
    }
}

impl Aggregate for Order {
    const TYPE: &'static str = "order";
    type Command = Command;
    type Event = Event;
    type Error = Refused;
    type Services = ();

    async fn handle(
        &mut self,
        command: Command,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refused> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::OrderPlaced(place) => {
                self.status = Status::Placed;
                self.customer = place.customer;
                self.currency = place.currency;
                self.lines = place.lines;
            }
            Event::OrderConfirmed => self.status = Status::Confirmed,
            Event::PaymentRecorded(payment) => self.payments.push(payment),
            Event::OrderShipped(parcel) => {
                self.status = Status::Shipped;
                self.shipments.push(parcel);
            }
            Event::ShipmentDelivered(_) => {}
            Event::OrderCompleted => self.status = Status::Completed,
        }
    }
}

/// The only view: the present order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct OrderView {
    order: Order,
    version: usize,
}

#[async_trait]
impl View<Order> for OrderView {
    fn update(&mut self, event: &EventEnvelope<Order>) {
        self.version = event.sequence;
        self.order.apply(event.payload.clone());
    }
}
