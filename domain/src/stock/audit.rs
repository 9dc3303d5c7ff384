//! The auditor: reads the facts about stock in the log's order and says at which position one of them breaks a law.
//!
//! It keeps its own books from the facts alone and shares no code with the decisions and folds that it judges. The laws:
//! reserved units are those of the open reservations; no reservation leaves less than nothing available; a decision on
//! several streams is in the log as a whole; a firm reservation does not expire; a reservation ends once.

use super::{MovementChange, ReservedLine, StockEvent};
use crate::Reference;
use std::collections::{BTreeMap, HashMap, HashSet};
use uuid::Uuid;

/// A product in a warehouse.
type Place = (Reference, Reference);

/// The books of an auditor.
#[derive(Debug, Default)]
pub struct Auditor {
    items: HashMap<Place, Units>,
    open: HashMap<Uuid, Open>,
    ended: HashSet<Uuid>,
    /// The facts about items, or the movement, that wait for the fact that completes their decision.
    begun: Vec<Begun>,
}

/// What an item's own facts add up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Units {
    /// Units in the warehouse.
    pub on_hand: i128,
    /// Units that reservations hold.
    pub reserved: i128,
}

#[derive(Debug)]
struct Open {
    held: BTreeMap<Place, u64>,
    firm: bool,
}

/// A part of a decision whose last fact is still to come.
#[derive(Debug, PartialEq, Eq)]
enum Begun {
    Changed { reservation: Uuid, place: Place, change: Change, quantity: u64 },
    Movement { id: Uuid, place: Place, change: MovementChange },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Reserved,
    Released,
    Committed,
}

impl Auditor {
    /// Reads the next fact, of the stream with this id. Returns what it breaks.
    pub fn read(&mut self, stream: Uuid, fact: &StockEvent) -> Vec<String> {
        let mut broken = Vec::new();
        match fact {
            StockEvent::StockReceived { product_id, warehouse, movement_id, quantity } => {
                let (id, change) = (*movement_id, MovementChange::Receipt { quantity: *quantity });
                self.moved(id, place(product_id, warehouse), change, &mut broken);
            }
            StockEvent::StockAdjusted { product_id, warehouse, movement_id, delta, reason } => {
                let change = MovementChange::Adjustment { delta: *delta, reason: reason.clone() };
                self.moved(*movement_id, place(product_id, warehouse), change, &mut broken);
            }
            StockEvent::StockReturned {
                product_id,
                warehouse,
                movement_id,
                quantity,
                restocked,
            } => {
                let (quantity, restocked) = (*quantity, *restocked);
                let change = MovementChange::Return { quantity, restocked };
                self.moved(*movement_id, place(product_id, warehouse), change, &mut broken);
            }
            StockEvent::StockShortfallFound { product_id, warehouse, available } => {
                let units = self.units(product_id, warehouse);
                if units.on_hand - units.reserved != i128::from(*available) || *available >= 0 {
                    broken.push(format!("a shortfall of {available} where there is none"));
                }
            }
            StockEvent::StockReserved { product_id, warehouse, reservation_id, quantity } => {
                let at = place(product_id, warehouse);
                self.changed(*reservation_id, at, Change::Reserved, *quantity, &mut broken);
            }
            StockEvent::StockReleased {
                product_id, warehouse, reservation_id, quantity, ..
            } => {
                let at = place(product_id, warehouse);
                self.changed(*reservation_id, at, Change::Released, *quantity, &mut broken);
            }
            StockEvent::StockCommitted { product_id, warehouse, reservation_id, quantity } => {
                let at = place(product_id, warehouse);
                self.changed(*reservation_id, at, Change::Committed, *quantity, &mut broken);
            }
            StockEvent::MovementRecorded(movement) => {
                self.nothing_is_half_done(&mut broken);
                let (at, change) =
                    (place(&movement.product_id, &movement.warehouse), &movement.change);
                self.begun.push(Begun::Movement { id: stream, place: at, change: change.clone() });
            }
            StockEvent::ReservationMade { lines, .. } => {
                self.completes(stream, lines, Change::Reserved, &mut broken);
                let open = Open { held: held(lines), firm: false };
                if self.open.insert(stream, open).is_some() || self.ended.contains(&stream) {
                    broken.push("a reservation is made twice".to_owned());
                }
            }
            StockEvent::ReservationRefused { .. } => {
                self.nothing_is_half_done(&mut broken);
                self.ends(stream, &mut broken);
            }
            StockEvent::ReservationFirmed => {
                self.nothing_is_half_done(&mut broken);
                match self.open.get_mut(&stream) {
                    Some(open) => open.firm = true,
                    None => broken.push("a reservation that is not open becomes firm".to_owned()),
                }
            }
            StockEvent::ReservationReleased { lines, .. } => {
                self.completes(stream, lines, Change::Released, &mut broken);
                self.gives_back(stream, lines, &mut broken);
            }
            StockEvent::ReservationExpired { lines } => {
                if self.open.get(&stream).is_some_and(|open| open.firm) {
                    broken.push("a firm reservation expires".to_owned());
                }
                self.completes(stream, lines, Change::Released, &mut broken);
                self.gives_back(stream, lines, &mut broken);
            }
            StockEvent::ReservationCommitted { lines, .. } => {
                self.completes(stream, lines, Change::Committed, &mut broken);
                self.gives_back(stream, lines, &mut broken);
            }
        }
        broken
    }

    /// Compares all items with all open reservations. Returns what does not fit.
    pub fn conclude(&self) -> Vec<String> {
        let mut broken = Vec::new();
        self.nothing_is_half_done_now(&mut broken);
        let mut held = HashMap::<&Place, i128>::new();
        for (place, quantity) in self.open.values().flat_map(|open| &open.held) {
            *held.entry(place).or_default() += i128::from(*quantity);
        }
        for (place, units) in &self.items {
            let held = held.remove(place).unwrap_or_default();
            if held != units.reserved {
                let (product, warehouse) = (place.0.as_str(), place.1.as_str());
                let reserved = units.reserved;
                broken.push(format!(
                    "{product} in {warehouse}: {reserved} units are reserved, open reservations hold {held}"
                ));
            }
        }
        for (place, held) in held {
            let (product, warehouse) = (place.0.as_str(), place.1.as_str());
            broken.push(format!(
                "{product} in {warehouse}: {held} units are held of an item that never was"
            ));
        }
        broken.sort();
        broken
    }

    /// What the facts about an item add up to.
    pub fn units(&self, product_id: &Reference, warehouse: &Reference) -> Units {
        self.items.get(&place(product_id, warehouse)).copied().unwrap_or_default()
    }

    /// How many reservations are open.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    fn moved(&mut self, id: Uuid, place: Place, change: MovementChange, broken: &mut Vec<String>) {
        let units = self.items.entry(place.clone()).or_default();
        units.on_hand += match change {
            MovementChange::Receipt { quantity } => i128::from(quantity),
            MovementChange::Adjustment { delta, .. } => i128::from(delta),
            MovementChange::Return { quantity, restocked } => {
                if restocked {
                    i128::from(quantity)
                } else {
                    0
                }
            }
        };
        if units.on_hand < 0 {
            broken.push("less than nothing is on hand".to_owned());
        }
        let expected = Begun::Movement { id, place, change };
        if std::mem::take(&mut self.begun) != [expected] {
            broken.push("an item moves without the record of its movement".to_owned());
        }
    }

    fn changed(
        &mut self,
        reservation: Uuid,
        place: Place,
        change: Change,
        quantity: u64,
        broken: &mut Vec<String>,
    ) {
        let units = self.items.entry(place.clone()).or_default();
        let signed = i128::from(quantity);
        match change {
            Change::Reserved => units.reserved += signed,
            Change::Released => units.reserved -= signed,
            Change::Committed => {
                units.reserved -= signed;
                // What has left was there, whatever the count said.
                units.on_hand = (units.on_hand - signed).max(0);
            }
        }
        if units.reserved < 0 {
            broken.push("less than nothing is reserved".to_owned());
        }
        if change == Change::Reserved && units.reserved > units.on_hand {
            let over = units.reserved - units.on_hand;
            broken.push(format!("oversold by {over}"));
        }
        self.begun.push(Begun::Changed { reservation, place, change, quantity });
    }

    /// The facts before must be just those that these lines need.
    fn completes(
        &mut self,
        reservation: Uuid,
        lines: &[ReservedLine],
        change: Change,
        broken: &mut Vec<String>,
    ) {
        let mut expected = held(lines);
        let begun = std::mem::take(&mut self.begun);
        let fits = begun.iter().all(|part| match part {
            Begun::Changed { reservation: of, place, change: made, quantity } => {
                *of == reservation && *made == change && expected.remove(place) == Some(*quantity)
            }
            Begun::Movement { .. } => false,
        });
        if !fits || !expected.is_empty() {
            broken.push("a reservation and its items say different things".to_owned());
        }
    }

    fn gives_back(&mut self, stream: Uuid, lines: &[ReservedLine], broken: &mut Vec<String>) {
        match self.open.remove(&stream) {
            Some(open) if open.held != held(lines) => {
                broken.push("a reservation ends with other lines than it was made with".to_owned());
            }
            None if !lines.is_empty() => {
                broken.push("a reservation ends that is not open".to_owned());
            }
            _ => {}
        }
        self.ends(stream, broken);
    }

    fn ends(&mut self, stream: Uuid, broken: &mut Vec<String>) {
        if !self.ended.insert(stream) {
            broken.push("a reservation ends twice".to_owned());
        }
    }

    fn nothing_is_half_done(&mut self, broken: &mut Vec<String>) {
        self.nothing_is_half_done_now(broken);
        self.begun.clear();
    }

    fn nothing_is_half_done_now(&self, broken: &mut Vec<String>) {
        if !self.begun.is_empty() {
            broken.push("a decision is in the log in part".to_owned());
        }
    }
}

fn place(product_id: &Reference, warehouse: &Reference) -> Place {
    (product_id.clone(), warehouse.clone())
}

/// The counted units of the lines.
fn held(lines: &[ReservedLine]) -> BTreeMap<Place, u64> {
    let mut held = BTreeMap::new();
    for line in lines.iter().filter(|line| line.tracked) {
        *held.entry(place(&line.product_id, &line.warehouse)).or_default() += line.quantity;
    }
    held
}
