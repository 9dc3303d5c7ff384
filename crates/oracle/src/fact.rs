//! What can happen to an order, in the contract's words, and where the log has it.

use chrono::{DateTime, SecondsFormat, Utc};

pub type Time = DateTime<Utc>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    pub id: String,
    pub name: Option<String>,
    pub email: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub line_id: u64,
    pub product_id: String,
    pub name: String,
    pub quantity: u64,
    pub unit_price: i128,
}

impl Line {
    pub fn total(&self) -> i128 {
        i128::from(self.quantity) * self.unit_price
    }
}

/// How an order begins: drafted, or placed at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning {
    pub customer: Customer,
    pub currency: String,
    pub lines: Vec<Line>,
    pub note: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    Drafted(Beginning),
    /// Placed at once, without having been a draft.
    Begun(Beginning),
    /// A draft was placed.
    Placed,
    LineAdded(Line),
    QuantityChanged {
        line_id: u64,
        quantity: u64,
    },
    LineRemoved {
        line_id: u64,
    },
    Discarded,
    Confirmed,
    Paid {
        id: String,
        amount: i128,
        method: Option<String>,
    },
    Refunded {
        id: String,
        amount: i128,
        reason: Option<String>,
    },
    Shipped {
        id: String,
        carrier: Option<String>,
        tracking: Option<String>,
        lines: Vec<(u64, u64)>,
    },
    Delivered {
        id: String,
    },
    Completed,
    Cancelled {
        reason: String,
    },
    Noted {
        text: String,
    },
}

impl Fact {
    /// The event's type on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Drafted(_) => "OrderDrafted",
            Self::Begun(_) | Self::Placed => "OrderPlaced",
            Self::LineAdded(_) => "LineAdded",
            Self::QuantityChanged { .. } => "LineQuantityChanged",
            Self::LineRemoved { .. } => "LineRemoved",
            Self::Discarded => "DraftDiscarded",
            Self::Confirmed => "OrderConfirmed",
            Self::Paid { .. } => "PaymentRecorded",
            Self::Refunded { .. } => "RefundRecorded",
            Self::Shipped { .. } => "OrderShipped",
            Self::Delivered { .. } => "ShipmentDelivered",
            Self::Completed => "OrderCompleted",
            Self::Cancelled { .. } => "OrderCancelled",
            Self::Noted { .. } => "NoteAdded",
        }
    }
}

/// A fact in the log. The server's choices (id, position, times) are learned from it once and then compared with every
/// view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub fact: Fact,
    pub version: u64,
    pub position: u64,
    pub event_id: String,
    pub occurred_at: Time,
    pub recorded_at: Time,
    pub correlation: Option<String>,
}

/// `2026-03-03T00:00:00.000000Z`
pub fn wire(time: Time) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// The inverse of [`wire`]; an error for any other form.
pub fn read_time(text: &str) -> Result<Time, String> {
    let time = DateTime::parse_from_rfc3339(text).map_err(|error| format!("{text:?}: {error}"))?;
    let time = time.to_utc();
    if wire(time) == text {
        Ok(time)
    } else {
        Err(format!("{text:?} is not UTC with microseconds"))
    }
}
