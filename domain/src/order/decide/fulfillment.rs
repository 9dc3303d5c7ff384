//! Decisions about parcels.

use super::{Decision, completes, illegal, invalid};
use crate::order::{CommandName, Order, OrderEvent, OrderRejection, Shipment, ShippedLine, Status};
use crate::{FieldError, Label, Reference};
use std::collections::HashSet;

pub(super) fn ship(
    order: &Order,
    shipment_id: &Reference,
    carrier: Option<&Label>,
    tracking_number: Option<&Label>,
    lines: Option<&[ShippedLine]>,
) -> Decision {
    if let Some(known) = order.shipments.get(shipment_id) {
        let same = known.carrier.as_ref() == carrier
            && known.tracking_number.as_ref() == tracking_number
            && match lines {
                Some(lines) => same_lines(&known.lines, lines),
                None => took_all_that_remained(order, known),
            };
        return if same { Ok(vec![]) } else { Err(OrderRejection::ShipmentConflict) };
    }
    if order.status != Status::Confirmed {
        return Err(illegal(order, CommandName::Ship));
    }
    let lines = match lines {
        Some([]) => return Err(invalid("/lines", "too-few", "a shipment holds at least one line")),
        Some(lines) => {
            require_shippable(order, lines)?;
            let mut lines = lines.to_vec();
            lines.sort_unstable_by_key(|line| line.line_id);
            lines
        }
        None => all_that_remains(order),
    };
    if lines.is_empty() {
        return Err(illegal(order, CommandName::Ship));
    }
    Ok(vec![OrderEvent::OrderShipped {
        shipment_id: shipment_id.clone(),
        carrier: carrier.cloned(),
        tracking_number: tracking_number.cloned(),
        lines,
    }])
}

pub(super) fn deliver(order: &Order, shipment_id: &Reference) -> Decision {
    if matches!(order.status, Status::Draft | Status::Discarded) {
        return Err(illegal(order, CommandName::Deliver));
    }
    let shipment = order.shipments.get(shipment_id).ok_or_else(|| {
        invalid("/shipment_id", "unknown-shipment", "the order has no such shipment")
    })?;
    if shipment.delivered_at.is_some() {
        return Ok(vec![]);
    }
    let mut events = vec![OrderEvent::ShipmentDelivered { shipment_id: shipment_id.clone() }];
    if completes(order, delivers_the_rest(order, shipment), order.paid) {
        events.push(OrderEvent::OrderCompleted);
    }
    Ok(events)
}

fn same_lines(recorded: &[ShippedLine], asked: &[ShippedLine]) -> bool {
    let mut asked = asked.to_vec();
    asked.sort_unstable_by_key(|line| line.line_id);
    recorded == asked
}

/// Whether this shipment took the last units: it is the last shipment, and nothing remains now.
fn took_all_that_remained(order: &Order, shipment: &Shipment) -> bool {
    let last = order.shipments.last().is_some_and(|last| last.shipment_id == shipment.shipment_id);
    last && all_that_remains(order).is_empty()
}

fn all_that_remains(order: &Order) -> Vec<ShippedLine> {
    let remaining = order
        .lines
        .iter()
        .map(|line| ShippedLine { line_id: line.line_id, quantity: line.to_ship() });
    remaining.filter(|line| line.quantity > 0).collect()
}

/// Unknown and repeated lines are broken fields, all reported at once. If a quantity is too large, the first such line
/// is named.
fn require_shippable(order: &Order, lines: &[ShippedLine]) -> Result<(), OrderRejection> {
    let mut errors = Vec::new();
    let mut seen = HashSet::with_capacity(lines.len());
    let mut exceeded = None;
    for (index, asked) in lines.iter().enumerate() {
        let found = order.lines.binary_search_by_key(&asked.line_id, |line| line.line_id);
        let (code, detail) = match found {
            _ if !seen.insert(asked.line_id) => ("repeated-line", "stands twice in this shipment"),
            Err(_) => ("unknown-line", "the order has no such line"),
            Ok(index) => {
                let remaining = order.lines[index].to_ship();
                if asked.quantity > remaining && exceeded.is_none() {
                    exceeded = Some((asked.line_id, remaining));
                }
                continue;
            }
        };
        errors.push((format!("/lines/{index}/line_id"), FieldError::new(code, detail)));
    }
    match exceeded {
        _ if !errors.is_empty() => Err(OrderRejection::Invalid(errors)),
        Some((line_id, remaining)) => {
            Err(OrderRejection::QuantityExceedsRemaining { line_id, remaining })
        }
        None => Ok(()),
    }
}

/// Whether this shipment's delivery delivers the whole order. A shipment's lines are sorted by id.
fn delivers_the_rest(order: &Order, shipment: &Shipment) -> bool {
    order.lines.iter().all(|line| {
        let arriving = shipment.lines.binary_search_by_key(&line.line_id, |part| part.line_id);
        let arriving = arriving.map_or(0, |index| shipment.lines[index].quantity);
        u64::from(line.delivered) + u64::from(arriving) == u64::from(line.quantity)
    })
}
