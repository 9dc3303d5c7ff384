//! Decisions about goods that come in or go back, and about counts that are put right.

use super::{Decision, Plan, invalid, known_item};
use crate::JointDecision;
use crate::stock::{
    Movement, MovementChange, STOCK_LIMIT, StockCommand, StockEvent, StockItem, StockRejection,
    StockState,
};
use uuid::Uuid;

pub(super) fn plan(command: &StockCommand) -> Result<Plan<'_>, StockRejection> {
    let (id, movement) = command.movement().ok_or(StockRejection::WrongStreams)?;
    match movement.change {
        MovementChange::Receipt { quantity: 0 } | MovementChange::Return { quantity: 0, .. } => {
            Err(invalid("/quantity", "out-of-range", "must be at least 1"))
        }
        MovementChange::Adjustment { delta: 0, .. } => {
            Err(invalid("/delta", "out-of-range", "must not be 0"))
        }
        _ => Ok(Plan::Move(id, movement)),
    }
}

/// Decides a movement, given the states of the item and of the stream with the movement's id.
pub(super) fn decide(
    item: &StockState,
    known: &StockState,
    id: Uuid,
    movement: Movement,
) -> Decision {
    let item = known_item(item, &movement.product_id, &movement.warehouse)?;
    match known {
        StockState::Absent => {}
        StockState::Movement(known) if *known == movement => {
            return Ok(JointDecision { own: Vec::new(), partners: Vec::new() });
        }
        StockState::Movement(_) => return Err(StockRejection::MovementConflict),
        StockState::Item(_) | StockState::Reservation(_) => {
            return Err(StockRejection::WrongStreams);
        }
    }
    let own = on_item(item, id, &movement)?;
    Ok(JointDecision { own, partners: vec![vec![StockEvent::MovementRecorded(movement)]] })
}

/// The movement's facts about the item.
fn on_item(
    item: Option<&StockItem>,
    movement_id: Uuid,
    movement: &Movement,
) -> Result<Vec<StockEvent>, StockRejection> {
    let Movement { product_id, warehouse, change } = movement;
    let (product_id, warehouse) = (product_id.clone(), warehouse.clone());
    let mut after = item.cloned().unwrap_or_else(|| StockItem::empty(&product_id, &warehouse));
    match change {
        MovementChange::Receipt { quantity } => {
            after.on_hand = more(after.on_hand, *quantity)?;
            let (movement_id, quantity) = (movement_id, *quantity);
            Ok(vec![StockEvent::StockReceived { product_id, warehouse, movement_id, quantity }])
        }
        MovementChange::Return { quantity, restocked } => {
            let counted = if *restocked { after.on_hand } else { 0 };
            more(counted, *quantity)?;
            let (quantity, restocked) = (*quantity, *restocked);
            Ok(vec![StockEvent::StockReturned {
                product_id,
                warehouse,
                movement_id,
                quantity,
                restocked,
            }])
        }
        MovementChange::Adjustment { delta, reason } => {
            after.on_hand = adjusted(after.on_hand, *delta)?;
            let mut events = vec![StockEvent::StockAdjusted {
                product_id: product_id.clone(),
                warehouse: warehouse.clone(),
                movement_id,
                delta: *delta,
                reason: reason.clone(),
            }];
            let available = after.available();
            if *delta < 0 && available < 0 {
                events.push(StockEvent::StockShortfallFound { product_id, warehouse, available });
            }
            Ok(events)
        }
    }
}

fn adjusted(on_hand: u64, delta: i64) -> Result<u64, StockRejection> {
    let units = delta.unsigned_abs();
    if delta > 0 {
        return more(on_hand, units);
    }
    on_hand.checked_sub(units).ok_or(StockRejection::AdjustmentExceedsStock { on_hand })
}

fn more(on_hand: u64, units: u64) -> Result<u64, StockRejection> {
    let sum = on_hand.checked_add(units).filter(|sum| *sum <= STOCK_LIMIT);
    sum.ok_or(StockRejection::StockLimit)
}
