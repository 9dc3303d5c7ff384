//! What leaves the house, and what arrives: the rules of `ship` and `deliver`.

use super::{Refusal, Verdict, facts, guarded, illegal, refused};
use crate::ask::Parcel;
use crate::fact::Fact;
use crate::order::{Order, Status};

pub(super) fn ship(order: &Order, asked: &Parcel) -> Vec<Verdict> {
    let may = order.status == Status::Confirmed;
    if let Some(known) = order.shipments.iter().find(|shipment| shipment.id == asked.id) {
        let labels = (known.carrier == asked.carrier) && (known.tracking == asked.tracking);
        let last = order.shipments.last().is_some_and(|last| last.id == known.id);
        // Without lines it took all that remained; then no shipment can follow it.
        let could_be_all = last && order.remaining().is_empty();
        let lines = asked.lines.clone().map(in_order);
        return match (labels, lines) {
            (true, Some(lines)) if lines == in_order(known.lines.clone()) => facts(vec![]),
            (true, None) if could_be_all => facts(vec![]),
            _ if may => refused([Refusal::new(409, "shipment-conflict")]),
            _ => refused([Refusal::new(409, "shipment-conflict"), illegal(order)]),
        };
    }
    let remaining = order.remaining();
    let Some(lines) = &asked.lines else {
        return match may && !remaining.is_empty() {
            true => facts(vec![shipped(asked, remaining)]),
            false => refused([illegal(order)]),
        };
    };
    let decided = shippable(order, lines).map(|()| vec![shipped(asked, in_order(lines.clone()))]);
    let mut verdicts = guarded(order, may, decided);
    if may && remaining.is_empty() {
        verdicts.push(Verdict::Refused(illegal(order)));
    }
    verdicts
}

fn in_order(mut lines: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    lines.sort_unstable();
    lines
}

fn shipped(asked: &Parcel, lines: Vec<(u64, u64)>) -> Fact {
    let (carrier, tracking) = (asked.carrier.clone(), asked.tracking.clone());
    Fact::Shipped { id: asked.id.clone(), carrier, tracking, lines }
}

fn shippable(order: &Order, lines: &[(u64, u64)]) -> Result<(), Refusal> {
    if lines.is_empty() {
        return Err(Refusal::field("/lines"));
    }
    let known = |line_id: u64| order.lines.iter().any(|line| line.line_id == line_id);
    let repeated = |index: usize| lines[..index].iter().any(|(id, _)| *id == lines[index].0);
    let broken = lines.iter().enumerate();
    let broken = broken.filter(|(index, (line_id, _))| !known(*line_id) || repeated(*index));
    let broken: Vec<_> = broken.map(|(index, _)| format!("/lines/{index}/line_id")).collect();
    if !broken.is_empty() {
        return Err(Refusal::fields(broken));
    }
    let remaining = order.remaining();
    let left =
        |id: u64| remaining.iter().find(|(line_id, _)| *line_id == id).map_or(0, |(_, n)| *n);
    match lines.iter().all(|(line_id, quantity)| *quantity <= left(*line_id)) {
        true => Ok(()),
        false => Err(Refusal::new(409, "quantity-exceeds-remaining")),
    }
}

pub(super) fn deliver(order: &Order, id: &str) -> Vec<Verdict> {
    let may = !matches!(order.status, Status::Draft | Status::Discarded);
    let known = order.shipments.iter().find(|shipment| shipment.id == id);
    match known {
        Some(shipment) if shipment.delivered_at.is_some() => facts(vec![]),
        Some(_) => facts(vec![Fact::Delivered { id: id.to_owned() }]),
        None if order.shipments.iter().all(|shipment| shipment.delivered_at.is_some()) => {
            // No delivery is possible at all: that answer is right as well.
            let verdicts = refused([illegal(order)]);
            let field = refused([Refusal::field("/shipment_id")]);
            if may { [verdicts, field].concat() } else { verdicts }
        }
        None => refused([Refusal::field("/shipment_id")]),
    }
}
