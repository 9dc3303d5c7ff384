//! What the views must show, found without their folds: names, and what is parked.

use crate::foreign::{OLD_NOTE, UNREADABLE};
use crate::same::same;
use crate::world::{Checked, World};
use domain::Aggregate;
use domain::order::{OrderAggregate, OrderEvent};
use event_store::{MAX_PAGE, RecordedEvent};
use projector::projections::{HISTORY, PROOFS};
use std::collections::{BTreeMap, BTreeSet};

/// More than a seed ever parks.
pub const ALL: u32 = 10_000;

pub async fn check(world: &World) -> Checked {
    let log = world.eye.read_feed(0, MAX_PAGE).await.map_err(|error| error.to_string())?;
    let (mut sound, mut parked, mut ill) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for event in &log {
        let decoded =
            OrderAggregate::decode(&event.event_type, event.schema_version, &event.payload);
        if event.event_type == UNREADABLE {
            ill.insert(event.stream.id);
        }
        if ill.contains(&event.stream.id) {
            parked.insert(event.position);
            continue;
        }
        let unreadable = |error| format!("position {}: {error}", event.position);
        let fact = decoded.map_err(unreadable)?;
        if let (OrderEvent::NoteAdded { text }, 1) = (&fact, event.schema_version) {
            same("an old note", text.as_str(), OLD_NOTE)?;
        }
        sound.push((event, fact));
    }
    check_parked(world, &parked).await.map_err(|error| format!("what is parked: {error}"))?;
    check_names(world, sound).await.map_err(|error| format!("names: {error}"))
}

async fn check_parked(world: &World, expected: &BTreeSet<u64>) -> Checked {
    let text = |error: read_model::ReadModelError| error.to_string();
    for entry in world.model.catalog().await.map_err(text)? {
        // These two take every event, readable or not.
        if [HISTORY.name, PROOFS.name].contains(&entry.name.as_str()) {
            continue;
        }
        let rows = world.model.parked_reasons(&entry.name, entry.generation, ALL).await;
        let found: BTreeSet<u64> =
            rows.map_err(text)?.into_iter().map(|row| row.position).collect();
        same(&entry.name, &found, expected)?;
    }
    Ok(())
}

/// A customer's or product's name is that of the order placed last.
async fn check_names(world: &World, sound: Vec<(&RecordedEvent, OrderEvent)>) -> Checked {
    let mut placings: Vec<_> = sound
        .into_iter()
        .filter_map(|(event, fact)| match fact {
            OrderEvent::OrderPlaced { customer, lines, .. } => {
                Some((event.occurred_at, event.position, customer, lines))
            }
            _ => None,
        })
        .collect();
    placings.sort_by_key(|(at, position, ..)| (*at, *position));
    let (mut customers, mut products) = (BTreeMap::new(), BTreeMap::new());
    for (_, _, customer, lines) in placings {
        let name = customers.entry(customer.id.as_str().to_owned()).or_insert(None);
        *name = customer.name.map(|name| name.as_str().to_owned()).or(name.take());
        for line in lines {
            products.insert(line.product_id.as_str().to_owned(), line.name.as_str().to_owned());
        }
    }
    for (id, name) in customers {
        let found = world.model.customer(&id).await.map_err(|error| error.to_string())?.found;
        same(&id, found.and_then(|found| found.name), name)?;
    }
    for (id, name) in products {
        let found = world.model.product(&id).await.map_err(|error| error.to_string())?.found;
        same(&id, found.map(|found| found.name), Some(name))?;
    }
    Ok(())
}
