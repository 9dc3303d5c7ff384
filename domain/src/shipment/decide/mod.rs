//! Decisions about a shipment: which facts follow from a command, or which rule refuses it.
//!
//! One function for each command. What is recorded already yields no event, whatever has happened since.

mod observe;

use super::{
    Call, CallFailed, CallRetried, CancellationRequested, Cancelled, CancelledBy, MAX_LINES,
    MOST_BOOKINGS, Rebooked, Shipment, ShipmentCommand, ShipmentEvent, ShipmentPlan,
    ShipmentRejection, ShipmentStatus, Stuck,
};
use crate::call::{CallFailure, storable};
use crate::{FieldError, Label, Reason, Reference, Timestamp};
use std::cmp::Ordering;

type Decision = Result<Vec<ShipmentEvent>, ShipmentRejection>;

pub(super) fn decide(state: Option<&Shipment>, command: &ShipmentCommand) -> Decision {
    let shipment = match (state, command) {
        (None, ShipmentCommand::Plan(plan)) => return begin(plan),
        (None, _) => return Err(ShipmentRejection::NotFound),
        (Some(shipment), _) => shipment,
    };
    match command {
        ShipmentCommand::Plan(plan) if **plan == shipment.plan => Ok(vec![]),
        ShipmentCommand::Plan(_) => Err(ShipmentRejection::Conflict),
        ShipmentCommand::Observe(snapshot) => observe::observe(shipment, snapshot),
        ShipmentCommand::Dispatch => dispatch(shipment),
        ShipmentCommand::Cancel { reason } => cancel(shipment, reason),
        ShipmentCommand::Rebook { by, carrier } => rebook(shipment, by, carrier),
        ShipmentCommand::FailCall { call, attempt, class, retry_at } => {
            fail_call(shipment, call, *attempt, *class, *retry_at)
        }
        ShipmentCommand::Retry { by } if shipment.is_stuck() => {
            Ok(vec![ShipmentEvent::CallRetried(CallRetried { by: by.clone() })])
        }
        ShipmentCommand::Retry { .. } => Ok(vec![]),
    }
}

fn begin(plan: &ShipmentPlan) -> Decision {
    let mut errors = Vec::new();
    let mut refuse = |pointer: String, code, detail: &str| {
        errors.push((pointer, FieldError::new(code, detail)));
    };
    if plan.lines.is_empty() {
        refuse("/lines".to_owned(), "too-few", "a shipment holds at least one line");
    }
    if plan.lines.len() > MAX_LINES {
        refuse("/lines".to_owned(), "too-many", "a shipment has at most 2000 lines");
    }
    for (index, _) in plan.lines.iter().enumerate().filter(|(_, line)| line.quantity == 0) {
        refuse(format!("/lines/{index}/quantity"), "out-of-range", "must be at least 1");
    }
    if errors.is_empty() {
        return Ok(vec![ShipmentEvent::ShipmentPlanned(Box::new(plan.clone()))]);
    }
    Err(ShipmentRejection::Invalid(errors))
}

fn dispatch(shipment: &Shipment) -> Decision {
    match shipment.status {
        ShipmentStatus::Planned | ShipmentStatus::BookingFailed => {
            Err(ShipmentRejection::NotBooked)
        }
        ShipmentStatus::Booked | ShipmentStatus::CancelRequested => Ok(leaves(shipment)),
        ShipmentStatus::Dispatched
        | ShipmentStatus::DeliveryFailed
        | ShipmentStatus::Delivered
        | ShipmentStatus::Returned => Ok(vec![]),
        ShipmentStatus::Cancelled => Err(ShipmentRejection::Cancelled),
    }
}

/// The parcel leaves. If it was to be cancelled, it has won.
fn leaves(shipment: &Shipment) -> Vec<ShipmentEvent> {
    let mut events = vec![ShipmentEvent::ShipmentDispatched];
    if shipment.status == ShipmentStatus::CancelRequested {
        events.push(ShipmentEvent::CancellationRefused);
    }
    events
}

fn cancel(shipment: &Shipment, reason: &Reason) -> Decision {
    match shipment.status {
        ShipmentStatus::Planned | ShipmentStatus::BookingFailed => {
            let reason = Some(reason.clone());
            let cancelled = Cancelled { by: CancelledBy::Request, reason };
            Ok(vec![ShipmentEvent::ShipmentCancelled(cancelled)])
        }
        ShipmentStatus::Booked => {
            let requested = CancellationRequested { reason: reason.clone() };
            Ok(vec![ShipmentEvent::CancellationRequested(requested)])
        }
        ShipmentStatus::CancelRequested | ShipmentStatus::Cancelled => Ok(vec![]),
        ShipmentStatus::Dispatched
        | ShipmentStatus::DeliveryFailed
        | ShipmentStatus::Delivered
        | ShipmentStatus::Returned => Err(ShipmentRejection::AlreadyDispatched),
    }
}

fn rebook(shipment: &Shipment, by: &Label, carrier: &Reference) -> Decision {
    let booking = shipment.owed(&Call::book(shipment.booking()));
    let stuck = booking.is_some_and(|owed| owed.tries.stuck);
    match shipment.status {
        ShipmentStatus::BookingFailed => {}
        ShipmentStatus::Planned if stuck => {}
        // The same wish again.
        ShipmentStatus::Planned
            if shipment.booking() > 1 && shipment.carriers.last() == Some(carrier) =>
        {
            return Ok(vec![]);
        }
        _ => return Err(ShipmentRejection::RebookNotPossible),
    }
    if shipment.carriers.len() >= MOST_BOOKINGS {
        return Err(ShipmentRejection::TooManyBookings);
    }
    let (by, carrier) = (by.clone(), carrier.clone());
    let rebooked = Rebooked { by, carrier, booking: shipment.booking().saturating_add(1) };
    Ok(vec![ShipmentEvent::ShipmentRebooked(rebooked)])
}

fn fail_call(
    shipment: &Shipment,
    call: &Call,
    attempt: u32,
    class: CallFailure,
    retry_at: Timestamp,
) -> Decision {
    // A call that was settled, or stopped, in the meantime owes nothing to the report.
    let Some(owed) = shipment.owed(call).filter(|owed| !owed.tries.stuck) else {
        return Ok(vec![]);
    };
    let current = owed.tries.attempt();
    match attempt.cmp(&current) {
        Ordering::Less => return Ok(vec![]),
        Ordering::Greater => return Err(ShipmentRejection::UnknownAttempt { current }),
        Ordering::Equal => {}
    }
    let retry_at = storable(retry_at);
    let failed = CallFailed { call: call.clone(), attempt, class, retry_at };
    let mut events = vec![ShipmentEvent::CallFailed(failed)];
    if owed.tries.is_last() {
        events.push(ShipmentEvent::ShipmentStuck(Stuck { call: call.clone(), code: None }));
    }
    Ok(events)
}

/// A call that the carrier refuses waits for a person, until one sets it going again.
fn refused(shipment: &Shipment, call: Call, code: &Reference) -> Vec<ShipmentEvent> {
    match shipment.owed(&call) {
        Some(owed) if !owed.tries.stuck => {
            vec![ShipmentEvent::ShipmentStuck(Stuck { call, code: Some(code.clone()) })]
        }
        _ => vec![],
    }
}
