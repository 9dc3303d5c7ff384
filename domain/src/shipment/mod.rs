//! A shipment: one parcel of a checkout, from its plan to its arrival, with the calls that it owes to carriers.
//!
//! The race between a customer who cancels and a warehouse that ships is decided here, by the version of this one stream.
//! What carriers say comes in by one command, [`ShipmentCommand::Observe`]: answers, webhooks and later readings alike. It
//! only adds what is not yet known, so repetition and order do not matter.
//!
//! A booking whose outcome is unknown is neither made nor refused. If it is given up, its cancellation is owed all the
//! same; a booking that turns up later is a *stray*, and its cancellation is owed as well.

mod calls;
mod command;
mod decide;
mod event;
mod evolve;
mod personal;
mod plan;
mod rejection;
mod status;
mod stored;

use crate::{Aggregate, DecodeError, EncodedEvent, Label, Reason, Reference, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use calls::{Call, CallKind, OpenCall, OwedCall, open_calls};
pub use command::{CarrierSnapshot, CarrierState, ShipmentCommand};
pub use event::{
    Booked, CallFailed, CallRetried, CancellationRequested, Cancelled, CancelledBy, Failed,
    Rebooked, Refused, ShipmentEvent, Stray, StrayClosed, Stuck, TrackingAssigned,
};
pub use plan::{Destination, MAX_LINES, ShipmentLine, ShipmentPlan, stream_id};
pub use rejection::ShipmentRejection;
pub use status::ShipmentStatus;
pub use stored::EVENT_TYPES;

/// A shipment is booked at most this often, by a person who picks another carrier each time.
pub const MOST_BOOKINGS: usize = 20;
/// A shipment remembers at most this many strays.
pub const MOST_STRAYS: usize = 20;

/// Shipments as an aggregate: the state is `None` until the first event.
#[derive(Debug, Clone, Copy)]
pub struct ShipmentAggregate;

impl Aggregate for ShipmentAggregate {
    const STREAM_TYPE: &'static str = "shipment";
    const SNAPSHOT_VERSION: u16 = 1;
    const PERSONAL_EVENTS: &'static [&'static str] = &personal::EVENTS;

    type State = Option<Shipment>;
    type Command = ShipmentCommand;
    type Event = ShipmentEvent;
    type Rejection = ShipmentRejection;

    fn decide(
        state: &Option<Shipment>,
        command: &ShipmentCommand,
    ) -> Result<Vec<ShipmentEvent>, ShipmentRejection> {
        decide::decide(state.as_ref(), command)
    }

    fn evolve(state: Option<Shipment>, event: &ShipmentEvent, at: Timestamp) -> Option<Shipment> {
        evolve::evolve(state, event, at)
    }

    fn partition_key(first: &ShipmentEvent) -> Option<Uuid> {
        match first {
            ShipmentEvent::ShipmentPlanned(plan) => Some(plan.order_id),
            _ => None,
        }
    }

    fn change_personal(event: &mut ShipmentEvent, change: &mut dyn FnMut(&str) -> String) {
        personal::change(event, change);
    }

    fn encode(event: &ShipmentEvent) -> EncodedEvent {
        stored::encode(event)
    }

    fn decode(
        event_type: &str,
        version: u16,
        payload: &[u8],
    ) -> Result<ShipmentEvent, DecodeError> {
        stored::decode(event_type, version, payload)
    }
}

/// A shipment as the fold of its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipment {
    /// Its place in its lifecycle.
    pub status: ShipmentStatus,
    /// What was planned; it never changes.
    pub plan: ShipmentPlan,
    /// Who was asked to carry it, one carrier for each booking. The last one counts.
    pub carriers: Vec<Reference>,
    /// The carrier's id of the booking that counts, once it is made.
    pub carrier_id: Option<Reference>,
    /// The number by which the carrier shows where the parcel is.
    pub tracking: Option<Label>,
    /// Whether the carrier has seen the parcel on its way.
    pub tracked: bool,
    /// Why the last booking was refused, or the delivery failed.
    pub refusal: Option<Reference>,
    /// Why it is to be cancelled, or was.
    pub cancel_reason: Option<Reason>,
    /// Bookings at carriers that are not the one that counts.
    pub strays: Vec<Stray>,
    /// The calls that are not settled, those that are stuck among them.
    pub owed: Vec<OwedCall>,
    /// When it was planned.
    pub planned_at: Timestamp,
    /// When the parcel left.
    pub dispatched_at: Option<Timestamp>,
    /// When it arrived, came back, or was cancelled.
    pub ended_at: Option<Timestamp>,
    /// When its last event happened.
    pub updated_at: Timestamp,
}

impl Shipment {
    /// Its own id.
    pub fn id(&self) -> Uuid {
        stream_id(self.plan.checkout_id, self.plan.number)
    }

    /// The number of the booking that counts, from 1.
    pub fn booking(&self) -> u32 {
        u32::try_from(self.carriers.len()).unwrap_or(u32::MAX)
    }

    /// Whether a call waits for a person.
    pub fn is_stuck(&self) -> bool {
        self.owed.iter().any(|owed| owed.tries.stuck)
    }

    /// The call, if it is not settled.
    pub fn owed(&self, call: &Call) -> Option<&OwedCall> {
        self.owed.iter().find(|owed| owed.call == *call)
    }
}
