//! A plain ledger of stock: what is counted, and what is on hold. It states the rules of the domain a second time, without
//! its code: no streams, no events, no partners. It looks at a decision for one thing only, the warehouses that were
//! chosen, since several choices may be right; it checks that the choice can be met.

#![allow(missing_docs)]

use domain::stock::{StockCommand, StockEvent, Untracked};
use domain::{Reference, Timestamp};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What a command comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It changes something.
    Done,
    /// A reservation is refused and noted.
    Short,
    /// Nothing is to be done.
    Nothing,
    /// A rule refuses it.
    Refused(&'static str),
}
use Answer::{Done, Nothing, Refused, Short};

/// Product and warehouse.
type Shelf = (String, String);

#[derive(Debug, Clone)]
struct Hold {
    stage: &'static str,
    order: Option<Uuid>,
    asked: BTreeMap<String, u64>,
    parts: Vec<(Shelf, i64)>,
    until: Option<Timestamp>,
}

#[derive(Debug, Default)]
pub struct Ledger {
    counted: BTreeMap<Shelf, i64>,
    holds: BTreeMap<Uuid, Hold>,
    movements: BTreeMap<Uuid, StockCommand>,
}

fn shelf(product: &Reference, warehouse: &Reference) -> Shelf {
    (product.as_str().to_owned(), warehouse.as_str().to_owned())
}

impl Ledger {
    /// What is counted minus what is on hold; `None` if nothing was ever recorded.
    pub fn available(&self, product: &str, warehouse: &str) -> Option<i64> {
        self.left(&(product.to_owned(), warehouse.to_owned()))
    }

    fn left(&self, shelf: &Shelf) -> Option<i64> {
        let open = self.holds.values().filter(|hold| matches!(hold.stage, "soft" | "firm"));
        let parts = open.flat_map(|hold| &hold.parts).filter(|(of, _)| of == shelf);
        let held: i64 = parts.map(|(_, units)| units).sum();
        self.counted.get(shelf).map(|counted| counted - held)
    }

    /// Notes a command and says what it comes to. `decided` is the first fact of the decision under test.
    pub fn told(
        &mut self,
        reservation: u128,
        command: &StockCommand,
        decided: Option<&StockEvent>,
    ) -> Answer {
        let number = Uuid::from_u128(reservation);
        match command {
            StockCommand::Receive { receipt_id, product_id, warehouse, quantity } => {
                let units = *quantity as i64;
                self.moved(*receipt_id, command, shelf(product_id, warehouse), units, units == 0)
            }
            StockCommand::Return { return_id, product_id, warehouse, quantity, restocked } => {
                let units = if *restocked { *quantity as i64 } else { 0 };
                self.moved(*return_id, command, shelf(product_id, warehouse), units, *quantity == 0)
            }
            StockCommand::Adjust { adjustment_id, product_id, warehouse, delta, .. } => self.moved(
                *adjustment_id,
                command,
                shelf(product_id, warehouse),
                *delta,
                *delta == 0,
            ),
            StockCommand::Reserve { .. } => self.asked(command, decided),
            StockCommand::Firm => self.firm(number),
            StockCommand::Release { .. } => self.release(number),
            StockCommand::Commit { .. } => self.commit(number),
            StockCommand::Expire { now } => self.expire(number, *now),
        }
    }

    fn moved(
        &mut self,
        id: Uuid,
        command: &StockCommand,
        shelf: Shelf,
        units: i64,
        empty: bool,
    ) -> Answer {
        if empty {
            return Refused("validation");
        }
        if let Some(known) = self.movements.get(&id) {
            return if known == command { Nothing } else { Refused("movement-conflict") };
        }
        let counted = self.counted.get(&shelf).copied().unwrap_or(0) + units;
        if counted < 0 {
            return Refused("adjustment-exceeds-stock");
        }
        self.movements.insert(id, command.clone());
        self.counted.insert(shelf, counted);
        Done
    }

    fn asked(&mut self, command: &StockCommand, decided: Option<&StockEvent>) -> Answer {
        let StockCommand::Reserve {
            reservation_id,
            order_id,
            lines,
            warehouses,
            expires_at,
            untracked,
        } = command
        else {
            return Nothing;
        };
        let mut asked = BTreeMap::new();
        for line in lines {
            *asked.entry(line.product_id.as_str().to_owned()).or_insert(0) +=
                u64::from(line.quantity);
        }
        if let Some(known) = self.holds.get(reservation_id) {
            return match known.stage {
                "tombstone" => Refused("reservation-lost"),
                _ if known.asked != asked || known.order != *order_id => {
                    Refused("reservation-conflict")
                }
                "released" | "expired" => Refused("reservation-lost"),
                _ => Nothing,
            };
        }
        let places: std::collections::BTreeSet<&str> =
            warehouses.iter().map(Reference::as_str).collect();
        let left = |product: &str| {
            places.iter().filter_map(|place| self.available(product, place)).collect::<Vec<_>>()
        };
        let enough = asked.iter().all(|(product, units)| {
            let left = left(product);
            let unknown = left.is_empty() && *untracked == Untracked::Sell;
            unknown || left.iter().map(|units| (*units).max(0)).sum::<i64>() >= *units as i64
        });
        let mut hold = Hold {
            stage: if enough { "soft" } else { "refused" },
            order: *order_id,
            asked,
            parts: Vec::new(),
            until: *expires_at,
        };
        if let (true, Some(StockEvent::ReservationMade { lines, .. })) = (enough, decided) {
            let mut given: BTreeMap<String, u64> = BTreeMap::new();
            for line in lines {
                let place = shelf(&line.product_id, &line.warehouse);
                let known = left(&place.0);
                assert!(places.contains(place.1.as_str()), "{place:?} was not asked");
                assert_eq!(line.tracked, !known.is_empty(), "{place:?}");
                *given.entry(place.0.clone()).or_default() += line.quantity;
                if line.tracked {
                    let units = line.quantity as i64;
                    assert!(self.left(&place) >= Some(units), "{place:?} has not so many");
                    hold.parts.push((place, units));
                }
            }
            assert_eq!(given, hold.asked, "what is held is what was asked for");
        }
        self.holds.insert(*reservation_id, hold);
        if enough { Done } else { Short }
    }

    fn stage(&self, number: Uuid) -> &'static str {
        self.holds.get(&number).map_or("none", |hold| hold.stage)
    }

    fn turn(&mut self, number: Uuid, stage: &'static str) -> Answer {
        if let Some(hold) = self.holds.get_mut(&number) {
            hold.stage = stage;
        }
        Done
    }

    fn firm(&mut self, number: Uuid) -> Answer {
        match self.stage(number) {
            "none" => Refused("reservation-unknown"),
            "soft" => self.turn(number, "firm"),
            "firm" | "committed" => Nothing,
            _ => Refused("reservation-lost"),
        }
    }

    fn release(&mut self, number: Uuid) -> Answer {
        match self.stage(number) {
            "none" => {
                let (asked, parts) = (BTreeMap::new(), Vec::new());
                let hold = Hold { stage: "tombstone", order: None, asked, parts, until: None };
                self.holds.insert(number, hold);
                Done
            }
            "soft" | "firm" => self.turn(number, "released"),
            "committed" => Refused("reservation-committed"),
            _ => Nothing,
        }
    }

    fn commit(&mut self, number: Uuid) -> Answer {
        match self.stage(number) {
            "none" => Refused("reservation-unknown"),
            "soft" => Refused("reservation-not-firm"),
            "committed" => Nothing,
            "firm" => {
                let parts = self.holds.get(&number).map_or(Vec::new(), |hold| hold.parts.clone());
                for (shelf, units) in parts {
                    let counted = self.counted.entry(shelf).or_default();
                    // What left was there: if the count had less, the count was wrong.
                    *counted = (*counted - units).max(0);
                }
                self.turn(number, "committed")
            }
            _ => Refused("reservation-lost"),
        }
    }

    fn expire(&mut self, number: Uuid, now: Timestamp) -> Answer {
        let until = self.holds.get(&number).and_then(|hold| hold.until);
        if self.stage(number) == "soft" && until.is_some_and(|until| until <= now) {
            return self.turn(number, "expired");
        }
        Nothing
    }
}
