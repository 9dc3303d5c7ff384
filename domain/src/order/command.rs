//! What a client may ask of an order. Every field is already valid by itself; `decide` checks it against the state.

use super::{Customer, ShippedLine};
use crate::{Currency, Label, Money, Name, Note, Reason, Reference};

/// A command, decoded and valid by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderCommand {
    /// `POST /v1/orders`: `draft` decides between `OrderDrafted` and `OrderPlaced`.
    Create {
        /// Who orders.
        customer: Customer,
        /// The order's currency.
        currency: Currency,
        /// The lines, in order; empty only for drafts.
        lines: Vec<NewLine>,
        /// Whether the order stays open for changes until it is placed.
        draft: bool,
        /// A first note.
        note: Option<Note>,
    },
    /// Adds a line to a draft.
    AddLine(UnpricedLine),
    /// Changes the quantity of a draft's line.
    ChangeLineQuantity {
        /// Which line.
        line_id: u32,
        /// The new quantity.
        quantity: u32,
    },
    /// Takes a line off a draft.
    RemoveLine {
        /// Which line.
        line_id: u32,
    },
    /// Places a draft.
    Place {
        /// The total that the customer saw, as sent: read in the order's currency.
        expected_total: Option<String>,
    },
    /// Discards a draft.
    Discard,
    /// Accepts a placed order.
    Confirm,
    /// Records money that came in.
    RecordPayment {
        /// The caller's id.
        payment_id: Reference,
        /// As sent: read in the order's currency.
        amount: String,
        /// If named, must be the order's.
        currency: Option<Currency>,
        /// How it was paid.
        method: Option<Label>,
    },
    /// Records money that went back.
    RecordRefund {
        /// The caller's id.
        refund_id: Reference,
        /// As sent: read in the order's currency.
        amount: String,
        /// If named, must be the order's.
        currency: Option<Currency>,
        /// Why.
        reason: Option<Reason>,
    },
    /// Ships some or all of the remaining units.
    Ship {
        /// The caller's id.
        shipment_id: Reference,
        /// Who carries it.
        carrier: Option<Label>,
        /// The carrier's number for it.
        tracking_number: Option<Label>,
        /// `None` = all remaining units.
        lines: Option<Vec<ShippedLine>>,
    },
    /// Records that a shipment arrived.
    Deliver {
        /// Which shipment.
        shipment_id: Reference,
    },
    /// Cancels an order of which no unit has been shipped.
    Cancel {
        /// Why.
        reason: Reason,
    },
    /// Adds a note.
    AddNote {
        /// The text.
        text: Note,
    },
}

/// A line to be created, priced in the order's currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLine {
    /// The caller's id of the product.
    pub product_id: Reference,
    /// The product's name.
    pub name: Name,
    /// 1..=100 000.
    pub quantity: u32,
    /// ≥ 0.
    pub unit_price: Money,
}

/// A line to be added to an order whose currency only the state knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpricedLine {
    /// The caller's id of the product.
    pub product_id: Reference,
    /// The product's name.
    pub name: Name,
    /// 1..=100 000.
    pub quantity: u32,
    /// As sent: read in the order's currency.
    pub unit_price: String,
}

/// Lists each command once: its name here and on the wire.
macro_rules! command_names {
    ($($name:ident = $wire:literal,)+) => {
        /// The commands by name, as in paths and in `allowed_commands`, in this order.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum CommandName {
            $(#[doc = concat!("`", $wire, "`")] $name,)+
        }

        impl CommandName {
            /// All commands, in the order of the enum.
            pub const ALL: [Self; [$($wire),+].len()] = [$(Self::$name),+];

            /// The name on the wire, e.g. `record-payment`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire,)+ }
            }

            /// The inverse of [`Self::as_str`].
            pub fn from_wire(name: &str) -> Option<Self> {
                match name { $($wire => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

command_names! {
    Create = "create",
    AddLine = "add-line",
    ChangeLineQuantity = "change-line-quantity",
    RemoveLine = "remove-line",
    Place = "place",
    Discard = "discard",
    Confirm = "confirm",
    RecordPayment = "record-payment",
    RecordRefund = "record-refund",
    Ship = "ship",
    Deliver = "deliver",
    Cancel = "cancel",
    AddNote = "add-note",
}

impl OrderCommand {
    /// Which command this is.
    pub const fn name(&self) -> CommandName {
        match self {
            Self::Create { .. } => CommandName::Create,
            Self::AddLine(_) => CommandName::AddLine,
            Self::ChangeLineQuantity { .. } => CommandName::ChangeLineQuantity,
            Self::RemoveLine { .. } => CommandName::RemoveLine,
            Self::Place { .. } => CommandName::Place,
            Self::Discard => CommandName::Discard,
            Self::Confirm => CommandName::Confirm,
            Self::RecordPayment { .. } => CommandName::RecordPayment,
            Self::RecordRefund { .. } => CommandName::RecordRefund,
            Self::Ship { .. } => CommandName::Ship,
            Self::Deliver { .. } => CommandName::Deliver,
            Self::Cancel { .. } => CommandName::Cancel,
            Self::AddNote { .. } => CommandName::AddNote,
        }
    }
}
