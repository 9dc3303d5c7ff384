//! The decision to reserve: everything that is wanted, or nothing.
//!
//! What is free is read and taken in one decision, over all products and warehouses at once. So units cannot be promised
//! twice, and no reservation holds a part of what it was to hold.

use super::{Decision, invalid};
use crate::stock::allocation::{self, Demand, Part};
use crate::stock::{
    Reservation, ReservationStatus, ReservedLine, STOCK_LIMIT, Shortage, StockEvent, StockItem,
    StockRejection, Untracked, Wanted, WantedLine,
};
use crate::time::settle;
use crate::{JointDecision, Reference, Timestamp};
use chrono::SubsecRound;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A reservation looks into at most this many warehouses.
pub const MAX_WAREHOUSES: usize = 4;
/// A reservation reads at most this many items: products × warehouses.
pub const MAX_STREAMS: usize = 8_000;

/// A request to reserve, put in order.
pub(super) struct Request<'a> {
    pub reservation_id: Uuid,
    pub order_id: Option<Uuid>,
    /// Each product once, sorted by id.
    pub wanted: Vec<Wanted>,
    /// Each warehouse once, in the shop's order.
    pub warehouses: Vec<&'a Reference>,
    pub expires_at: Option<Timestamp>,
    pub untracked: Untracked,
}

/// The units of each product over all lines, sorted by product.
pub(super) fn wanted(lines: &[WantedLine]) -> Result<Vec<Wanted>, StockRejection> {
    let mut sums = BTreeMap::new();
    for (index, line) in lines.iter().enumerate() {
        if line.quantity == 0 {
            let pointer = format!("/lines/{index}/quantity");
            return Err(invalid(pointer, "out-of-range", "must be at least 1"));
        }
        let sum: &mut u64 = sums.entry(&line.product_id).or_default();
        *sum = sum
            .checked_add(u64::from(line.quantity))
            .filter(|sum| *sum <= STOCK_LIMIT)
            .ok_or(StockRejection::StockLimit)?;
    }
    let wanted = sums.into_iter();
    Ok(wanted
        .map(|(product_id, quantity)| Wanted { product_id: product_id.clone(), quantity })
        .collect())
}

/// Each warehouse at its first place.
pub(super) fn candidates(warehouses: &[Reference]) -> Vec<&Reference> {
    let mut candidates = Vec::new();
    for warehouse in warehouses {
        // No longer than what `Request::check` refuses.
        if candidates.len() <= MAX_WAREHOUSES && !candidates.contains(&warehouse) {
            candidates.push(warehouse);
        }
    }
    candidates
}

/// Whether a request under a known id asks for what is known. If so, its answer is the one that is recorded.
pub(super) fn repeat(
    known: &Reservation,
    order_id: Option<Uuid>,
    lines: &[WantedLine],
) -> Result<(), StockRejection> {
    if known.is_tombstone() {
        return Err(StockRejection::ReservationLost);
    }
    let same = wanted(lines).is_ok_and(|wanted| wanted == known.wanted);
    if !same || order_id != known.order_id {
        return Err(StockRejection::ReservationConflict);
    }
    match known.status {
        ReservationStatus::Released | ReservationStatus::Expired => {
            Err(StockRejection::ReservationLost)
        }
        ReservationStatus::Soft
        | ReservationStatus::Firm
        | ReservationStatus::Refused
        | ReservationStatus::Committed => Ok(()),
    }
}

impl Request<'_> {
    /// Whether any state could accept the request.
    pub fn check(&self) -> Result<(), StockRejection> {
        if self.wanted.is_empty() {
            return Err(invalid("/lines", "too-few", "must hold at least one line"));
        }
        if self.warehouses.is_empty() {
            return Err(invalid("/warehouses", "too-few", "must name at least one warehouse"));
        }
        if self.warehouses.len() > MAX_WAREHOUSES {
            let detail = format!("must name at most {MAX_WAREHOUSES} warehouses");
            return Err(invalid("/warehouses", "too-many", &detail));
        }
        if self.wanted.len().saturating_mul(self.warehouses.len()) > MAX_STREAMS {
            let detail = format!("products × warehouses must be at most {MAX_STREAMS}");
            return Err(invalid("/lines", "too-many", &detail));
        }
        Ok(())
    }

    /// Product and warehouse of each partner: the warehouses of the first product, then those of the next.
    pub fn items(&self) -> impl Iterator<Item = (&Reference, &Reference)> {
        self.wanted.iter().flat_map(|wanted| {
            self.warehouses.iter().map(|warehouse| (&wanted.product_id, *warehouse))
        })
    }

    /// Decides on the items, in the order of [`Self::items`].
    pub fn decide(&self, items: &[Option<&StockItem>]) -> Decision {
        let by_product: Vec<_> = items.chunks(self.warehouses.len().max(1)).collect();
        let counted: Vec<bool> = by_product.iter().map(|items| self.is_counted(items)).collect();
        let places: Vec<usize> = (0..self.wanted.len()).filter(|place| counted[*place]).collect();
        let demands: Vec<Demand> = places
            .iter()
            .map(|place| Demand {
                wanted: self.wanted[*place].quantity,
                free: by_product[*place]
                    .iter()
                    .map(|item| item.map_or(0, StockItem::free))
                    .collect(),
            })
            .collect();
        match allocation::allocate(&demands) {
            Ok(parts) => {
                let mut by_place: Vec<Option<Vec<Part>>> = vec![None; self.wanted.len()];
                for (place, parts) in places.into_iter().zip(parts) {
                    by_place[place] = Some(parts);
                }
                Ok(self.made(by_place))
            }
            Err(unmet) => {
                let short = unmet.into_iter().map(|index| {
                    let Wanted { product_id, quantity } = &self.wanted[places[index]];
                    let available = demands[index].available();
                    Shortage { product_id: product_id.clone(), wanted: *quantity, available }
                });
                Ok(self.refused(short.collect()))
            }
        }
    }

    /// Whether a product's units are counted: one that no warehouse ever received may be sold without.
    fn is_counted(&self, items: &[Option<&StockItem>]) -> bool {
        self.untracked == Untracked::Refuse || items.iter().any(Option::is_some)
    }

    /// The reservation, with the parts of each wanted product; those of a product that is not counted are `None`.
    fn made(&self, parts: Vec<Option<Vec<Part>>>) -> JointDecision<StockEvent> {
        let mut lines = Vec::new();
        let mut partners = vec![Vec::new(); self.wanted.len() * self.warehouses.len()];
        for (place, (wanted, parts)) in self.wanted.iter().zip(parts).enumerate() {
            let tracked = parts.is_some();
            let in_first = || vec![Part { warehouse: 0, quantity: wanted.quantity }];
            for Part { warehouse, quantity } in parts.unwrap_or_else(in_first) {
                let product_id = wanted.product_id.clone();
                let name = self.warehouses[warehouse].clone();
                if tracked {
                    partners[place * self.warehouses.len() + warehouse].push(
                        StockEvent::StockReserved {
                            product_id: product_id.clone(),
                            warehouse: name.clone(),
                            reservation_id: self.reservation_id,
                            quantity,
                        },
                    );
                }
                lines.push(ReservedLine { product_id, warehouse: name, quantity, tracked });
            }
        }
        let made = StockEvent::ReservationMade {
            reservation_id: self.reservation_id,
            order_id: self.order_id,
            lines,
            wanted: self.wanted.clone(),
            // The log's resolution, so that the state is the same before and after it is stored.
            expires_at: self.expires_at.map(|time| settle(time).trunc_subsecs(6)),
        };
        JointDecision { own: vec![made], partners }
    }

    fn refused(&self, short: Vec<Shortage>) -> JointDecision<StockEvent> {
        let refused = StockEvent::ReservationRefused {
            reservation_id: self.reservation_id,
            order_id: self.order_id,
            wanted: self.wanted.clone(),
            short,
        };
        JointDecision { own: vec![refused], partners: Vec::new() }
    }
}
