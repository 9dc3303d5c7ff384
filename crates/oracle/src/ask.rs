//! What a client requests: the commands of the contract, with amounts as the texts that were sent.

use super::fact::Customer;
use serde_json::{Map, Value, json};
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedLine {
    pub product_id: String,
    pub name: String,
    pub quantity: u64,
    pub unit_price: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Creation {
    pub customer: Customer,
    pub currency: String,
    pub lines: Vec<AskedLine>,
    pub draft: bool,
    pub note: Option<String>,
}

/// A payment or a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    pub id: String,
    pub amount: String,
    pub currency: Option<String>,
    /// A payment's method, a refund's reason.
    pub text: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    pub id: String,
    pub carrier: Option<String>,
    pub tracking: Option<String>,
    pub lines: Option<Vec<(u64, u64)>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    Create(Creation),
    AddLine(AskedLine),
    ChangeQuantity { line_id: u64, quantity: u64 },
    RemoveLine { line_id: u64 },
    Place { expected_total: Option<String> },
    Discard,
    Confirm,
    Pay(Transfer),
    Refund(Transfer),
    Ship(Parcel),
    Deliver { id: String },
    Cancel { reason: String },
    Note { text: String },
}

impl AskedLine {
    fn body(&self) -> Value {
        json!({"product_id": self.product_id, "name": self.name, "quantity": self.quantity,
            "unit_price": self.unit_price})
    }
}

impl Ask {
    /// The command's name in paths and imports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::AddLine(_) => "add-line",
            Self::ChangeQuantity { .. } => "change-line-quantity",
            Self::RemoveLine { .. } => "remove-line",
            Self::Place { .. } => "place",
            Self::Discard => "discard",
            Self::Confirm => "confirm",
            Self::Pay(_) => "record-payment",
            Self::Refund(_) => "record-refund",
            Self::Ship(_) => "ship",
            Self::Deliver { .. } => "deliver",
            Self::Cancel { .. } => "cancel",
            Self::Note { .. } => "add-note",
        }
    }

    /// The body; that of a creation lacks the order's id.
    pub fn body(&self) -> Value {
        match self {
            Self::Create(creation) => created(creation),
            Self::AddLine(line) => line.body(),
            Self::ChangeQuantity { line_id, quantity } => {
                json!({"line_id": line_id, "quantity": quantity})
            }
            Self::RemoveLine { line_id } => json!({"line_id": line_id}),
            Self::Place { expected_total } => present([("expected_total", json!(expected_total))]),
            Self::Discard | Self::Confirm => json!({}),
            Self::Pay(pay) => transfer(pay, "payment_id", "method"),
            Self::Refund(refund) => transfer(refund, "refund_id", "reason"),
            Self::Ship(parcel) => parcelled(parcel),
            Self::Deliver { id } => json!({"shipment_id": id}),
            Self::Cancel { reason } => json!({"reason": reason}),
            Self::Note { text } => json!({"text": text}),
        }
    }
}

fn created(creation: &Creation) -> Value {
    let Customer { id, name, email } = &creation.customer;
    let customer = present([("id", json!(id)), ("name", json!(name)), ("email", json!(email))]);
    present([
        ("customer", customer),
        ("currency", json!(creation.currency)),
        ("lines", creation.lines.iter().map(AskedLine::body).collect()),
        ("draft", if creation.draft { json!(true) } else { Value::Null }),
        ("note", json!(creation.note)),
    ])
}

fn transfer(transfer: &Transfer, id: &'static str, text: &'static str) -> Value {
    present([
        (id, json!(transfer.id)),
        ("amount", json!(transfer.amount)),
        ("currency", json!(transfer.currency)),
        (text, json!(transfer.text)),
    ])
}

fn parcelled(parcel: &Parcel) -> Value {
    let line = |(line_id, quantity): &(u64, u64)| json!({"line_id": line_id, "quantity": quantity});
    let lines = parcel.lines.as_ref().map(|lines| lines.iter().map(line).collect::<Vec<_>>());
    present([
        ("shipment_id", json!(parcel.id)),
        ("carrier", json!(parcel.carrier)),
        ("tracking_number", json!(parcel.tracking)),
        ("lines", json!(lines)),
    ])
}

/// An object without absent optional members.
fn present<const N: usize>(members: [(&str, Value); N]) -> Value {
    let given = members.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(given.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

/// The content of `If-Match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    Star,
    /// Tags, each with whether it is weak.
    Tags(Vec<(u64, bool)>),
}

impl Condition {
    pub fn header(&self) -> String {
        let tag = |(version, weak): &(u64, bool)| {
            format!("{}\"{version}\"", if *weak { "W/" } else { "" })
        };
        match self {
            Self::Star => "*".to_owned(),
            Self::Tags(tags) => tags.iter().map(tag).collect::<Vec<_>>().join(", "),
        }
    }

    /// Whether an order at this version meets it; weak tags match nothing.
    pub fn holds(&self, version: u64) -> bool {
        match self {
            Self::Star => version > 0,
            Self::Tags(tags) => tags.contains(&(version, false)),
        }
    }
}

/// A request for a command, as it is sent.
#[derive(Debug, Clone)]
pub struct Command {
    pub order: Uuid,
    pub ask: Ask,
    /// The exact text: a key belongs to it.
    pub body: String,
    /// Pointers to fields of the body that break a rule by themselves.
    pub broken: Vec<String>,
    /// Whether the body is not a JSON document.
    pub unreadable: bool,
    pub dry_run: bool,
    pub condition: Option<Condition>,
    pub key: Option<String>,
    pub correlation: Option<String>,
}

impl Command {
    /// A request without conditions and keys.
    pub fn plain(order: Uuid, ask: Ask) -> Self {
        let mut body = ask.body();
        if matches!(ask, Ask::Create(_)) {
            body["order_id"] = json!(order);
        }
        Self {
            order,
            ask,
            body: body.to_string(),
            broken: vec![],
            unreadable: false,
            dry_run: false,
            condition: None,
            key: None,
            correlation: None,
        }
    }

    pub fn creates(&self) -> bool {
        matches!(self.ask, Ask::Create(_))
    }

    /// Path without query.
    pub fn path(&self) -> String {
        match self.ask {
            Ask::Create(_) => "/v1/orders".to_owned(),
            _ => format!("/v1/orders/{}/{}", self.order, self.ask.name()),
        }
    }

    /// What two requests with one key must share.
    pub fn fingerprint(&self) -> String {
        let condition = self.condition.as_ref().map(Condition::header).unwrap_or_default();
        format!("{} {condition} {}", self.path(), self.body)
    }
}
