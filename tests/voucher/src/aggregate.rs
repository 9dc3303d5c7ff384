//! The voucher: its events, its rules, its stored form.

use domain::{Aggregate, DecodeError, EncodedEvent, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Vouchers as an aggregate: the state is `None` until one is issued.
#[derive(Debug, Clone, Copy)]
pub struct VoucherAggregate;

/// A voucher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voucher {
    /// Its status.
    pub status: Status,
    /// Its value, in minor units.
    pub amount: u32,
}

/// The status of a voucher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It can be redeemed.
    Open,
    /// It has been redeemed.
    Redeemed,
    /// It has expired.
    Expired,
}

impl Status {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Redeemed => "redeemed",
            Self::Expired => "expired",
        }
    }
}

/// A command on a voucher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoucherCommand {
    /// Issue a voucher of this value.
    Issue {
        /// Minor units.
        amount: u32,
        /// The order that it is for.
        order_id: Option<Uuid>,
    },
    /// Redeem it.
    Redeem,
    /// Let it expire.
    Expire,
}

/// The events of a voucher. They carry the amount, so that no projection needs a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoucherEvent {
    /// It was issued, perhaps for an order.
    Issued(u32, Option<Uuid>),
    /// It was redeemed.
    Redeemed(u32),
    /// It expired.
    Expired(u32),
}

/// Why a command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoucherRejection {
    /// There is no such voucher.
    NotFound,
    /// The id is already used.
    AlreadyExists,
    /// It has been redeemed, or has expired.
    NotOpen(Status),
}

/// The stored form of the events.
#[derive(Serialize, Deserialize)]
struct Payload {
    amount: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order_id: Option<Uuid>,
}

impl VoucherEvent {
    /// The status after the event, and the voucher's amount.
    pub const fn leads_to(self) -> (Status, u32) {
        match self {
            Self::Issued(amount, _) => (Status::Open, amount),
            Self::Redeemed(amount) => (Status::Redeemed, amount),
            Self::Expired(amount) => (Status::Expired, amount),
        }
    }
}

impl Aggregate for VoucherAggregate {
    const STREAM_TYPE: &'static str = "voucher";
    const SNAPSHOT_VERSION: u16 = 1;

    type State = Option<Voucher>;
    type Command = VoucherCommand;
    type Event = VoucherEvent;
    type Rejection = VoucherRejection;

    fn decide(
        state: &Option<Voucher>,
        command: &VoucherCommand,
    ) -> Result<Vec<VoucherEvent>, VoucherRejection> {
        let event = match (state, command) {
            (None, VoucherCommand::Issue { amount, order_id }) => {
                VoucherEvent::Issued(*amount, *order_id)
            }
            (Some(_), VoucherCommand::Issue { .. }) => return Err(VoucherRejection::AlreadyExists),
            (None, _) => return Err(VoucherRejection::NotFound),
            (Some(Voucher { status: Status::Open, amount }), VoucherCommand::Redeem) => {
                VoucherEvent::Redeemed(*amount)
            }
            (Some(Voucher { status: Status::Open, amount }), VoucherCommand::Expire) => {
                VoucherEvent::Expired(*amount)
            }
            (Some(voucher), _) => return Err(VoucherRejection::NotOpen(voucher.status)),
        };
        Ok(vec![event])
    }

    fn evolve(_: Option<Voucher>, event: &VoucherEvent, _: Timestamp) -> Option<Voucher> {
        let (status, amount) = event.leads_to();
        Some(Voucher { status, amount })
    }

    fn partition_key(first: &VoucherEvent) -> Option<Uuid> {
        if let VoucherEvent::Issued(_, order_id) = first { *order_id } else { None }
    }

    fn encode(event: &VoucherEvent) -> EncodedEvent {
        let (event_type, order_id) = match event {
            VoucherEvent::Issued(_, order_id) => ("VoucherIssued", *order_id),
            VoucherEvent::Redeemed(_) => ("VoucherRedeemed", None),
            VoucherEvent::Expired(_) => ("VoucherExpired", None),
        };
        let (_, amount) = event.leads_to();
        let payload = serde_json::to_vec(&Payload { amount, order_id }).expect("it serialises");
        EncodedEvent { event_type, schema_version: 1, payload }
    }

    fn decode(event_type: &str, version: u16, bytes: &[u8]) -> Result<VoucherEvent, DecodeError> {
        let event = match (event_type, version) {
            ("VoucherIssued", 1) => VoucherEvent::Issued,
            ("VoucherRedeemed", 1) => |amount, _| VoucherEvent::Redeemed(amount),
            ("VoucherExpired", 1) => |amount, _| VoucherEvent::Expired(amount),
            _ => return Err(DecodeError::UnknownType(event_type.to_owned())),
        };
        let payload: Payload = serde_json::from_slice(bytes).map_err(|error| {
            let detail = format!("at column {}", error.column());
            DecodeError::Malformed { event_type: event_type.to_owned(), detail }
        })?;
        Ok(event(payload.amount, payload.order_id))
    }
}
