//! Stock: how many units of a product a warehouse has, and who holds them.
//!
//! Three types of stream are decided together. An *item* is one product in one warehouse, and holds only counters. A
//! *reservation* holds units of several items for one checkout. A *movement* keeps the caller's id of a receipt, an
//! adjustment or a return for ever. What is written to several streams is written whole or not at all, so at every
//! position of the log an item's reserved units are those of its open reservations.

pub mod allocation;
pub mod audit;
pub mod command;
mod decide;
pub mod event;
mod evolve;
pub mod item;
pub mod movement;
pub mod rejection;
pub mod reservation;
pub mod stored;

use crate::{Aggregate, DecodeError, EncodedEvent, JointDecision, Partner, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use audit::Auditor;
pub use command::{StockCommand, Untracked, WantedLine};
pub use decide::{MAX_STREAMS, MAX_WAREHOUSES};
pub use event::{ReleaseCause, StockEvent};
pub use item::{STOCK_LIMIT, StockItem, item_id};
pub use movement::{Movement, MovementChange};
pub use rejection::StockRejection;
pub use reservation::{Reservation, ReservationStatus, ReservedLine, Shortage, Wanted};

/// The type of items' streams.
pub const ITEM: &str = "stock";
/// The type of reservations' streams.
pub const RESERVATION: &str = "reservation";
/// The type of movements' streams.
pub const MOVEMENT: &str = "movement";

/// Items, reservations and movements as one aggregate.
#[derive(Debug, Clone, Copy)]
pub struct StockAggregate;

/// The state of a stream of any of the three types, as the fold of its events.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StockState {
    /// Before the first event.
    #[default]
    Absent,
    /// One product in one warehouse.
    Item(StockItem),
    /// Units that are held for one checkout.
    Reservation(Reservation),
    /// A receipt, an adjustment or a return.
    Movement(Movement),
}

impl StockState {
    /// `absent`; of an item `in_stock`, `out_of_stock` or `short`; of a reservation `soft`, `firm`, `refused`, `released`,
    /// `expired` or `committed`; of a movement `recorded`.
    pub fn status(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Item(item) => item.status(),
            Self::Reservation(reservation) => reservation.status.as_str(),
            Self::Movement(_) => "recorded",
        }
    }
}

impl Aggregate for StockAggregate {
    const STREAM_TYPE: &'static str = ITEM;
    const SNAPSHOT_VERSION: u16 = 1;
    const JOINT_TYPES: &'static [&'static str] = &[RESERVATION, MOVEMENT];

    type State = StockState;
    type Command = StockCommand;
    type Event = StockEvent;
    type Rejection = StockRejection;

    /// Decides a command that has no partners in this state. Any other is refused with [`StockRejection::WrongStreams`],
    /// since it cannot be decided on one stream.
    fn decide(
        state: &StockState,
        command: &StockCommand,
    ) -> Result<Vec<StockEvent>, StockRejection> {
        Ok(decide::decide_jointly(state, &[], command)?.own)
    }

    fn stream_type(command: &StockCommand) -> &'static str {
        match command {
            StockCommand::Receive { .. }
            | StockCommand::Adjust { .. }
            | StockCommand::Return { .. } => ITEM,
            StockCommand::Reserve { .. }
            | StockCommand::Firm
            | StockCommand::Release { .. }
            | StockCommand::Commit { .. }
            | StockCommand::Expire { .. } => RESERVATION,
        }
    }

    fn partners(state: &StockState, command: &StockCommand) -> Vec<Partner> {
        decide::partners(state, command)
    }

    fn decide_jointly(
        state: &StockState,
        partners: &[&StockState],
        command: &StockCommand,
    ) -> Result<JointDecision<StockEvent>, StockRejection> {
        decide::decide_jointly(state, partners, command)
    }

    fn evolve(state: StockState, event: &StockEvent, _: Timestamp) -> StockState {
        evolve::evolve(state, event)
    }

    /// A movement belongs to its item, a reservation to its order.
    fn partition_key(first: &StockEvent) -> Option<Uuid> {
        match first {
            StockEvent::MovementRecorded(movement) => {
                Some(item_id(&movement.warehouse, &movement.product_id))
            }
            StockEvent::ReservationMade { order_id, .. }
            | StockEvent::ReservationRefused { order_id, .. } => *order_id,
            _ => None,
        }
    }

    fn encode(event: &StockEvent) -> EncodedEvent {
        stored::encode(event)
    }

    fn decode(event_type: &str, version: u16, payload: &[u8]) -> Result<StockEvent, DecodeError> {
        stored::decode(event_type, version, payload)
    }
}
