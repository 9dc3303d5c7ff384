//! Decisions: which facts follow from a command on all of its streams, or which rule refuses it.
//!
//! A command is first looked at with the state of its own stream alone. That gives a [`Plan`]: either all there is to
//! decide, or what to decide once the partners' states are known. So the partners that are asked for and those that are
//! used cannot differ. A fact that is recorded already is recognised before anything else, and has no events.

mod movement;
mod reserve;
mod settle;

use super::{
    ITEM, MOVEMENT, Movement, StockCommand, StockEvent, StockItem, StockRejection, StockState,
    item_id,
};
use crate::{FieldError, JointDecision, Partner, Reference};
use reserve::Request;
use settle::Settlement;
use uuid::Uuid;

pub use reserve::{MAX_STREAMS, MAX_WAREHOUSES};

type Decision = Result<JointDecision<StockEvent>, StockRejection>;

/// What a command needs, given the state of its own stream.
enum Plan<'a> {
    /// Nothing more: these are the events.
    Alone(Vec<StockEvent>),
    /// The movement's stream: is its id known?
    Move(Uuid, Movement),
    /// The items of every wanted product in every warehouse.
    Reserve(Request<'a>),
    /// The items of the reservation's lines.
    Settle(Settlement<'a>),
}

fn plan<'a>(state: &'a StockState, command: &'a StockCommand) -> Result<Plan<'a>, StockRejection> {
    match command {
        StockCommand::Receive { .. }
        | StockCommand::Adjust { .. }
        | StockCommand::Return { .. } => movement::plan(command),
        StockCommand::Reserve {
            reservation_id,
            order_id,
            lines,
            warehouses,
            expires_at,
            untracked,
        } => match state {
            StockState::Absent => {
                let request = Request {
                    reservation_id: *reservation_id,
                    order_id: *order_id,
                    wanted: reserve::wanted(lines)?,
                    warehouses: reserve::candidates(warehouses),
                    expires_at: *expires_at,
                    untracked: *untracked,
                };
                request.check()?;
                Ok(Plan::Reserve(request))
            }
            StockState::Reservation(known) => {
                reserve::repeat(known, *order_id, lines).map(|()| Plan::Alone(Vec::new()))
            }
            StockState::Item(_) | StockState::Movement(_) => Err(StockRejection::WrongStreams),
        },
        StockCommand::Firm
        | StockCommand::Release { .. }
        | StockCommand::Commit { .. }
        | StockCommand::Expire { .. } => match state {
            StockState::Absent => settle::plan(None, command),
            StockState::Reservation(reservation) => settle::plan(Some(reservation), command),
            StockState::Item(_) | StockState::Movement(_) => Err(StockRejection::WrongStreams),
        },
    }
}

/// The streams that a command needs besides its own. A command that is refused by its own stream's state, or whose fact is
/// recorded there, needs none.
pub(super) fn partners(state: &StockState, command: &StockCommand) -> Vec<Partner> {
    match plan(state, command) {
        Err(_) | Ok(Plan::Alone(_)) => Vec::new(),
        Ok(Plan::Move(id, _)) => vec![Partner { stream_type: MOVEMENT, id }],
        Ok(Plan::Reserve(request)) => request.items().map(item).collect(),
        Ok(Plan::Settle(settlement)) => settlement.items().map(item).collect(),
    }
}

fn item((product_id, warehouse): (&Reference, &Reference)) -> Partner {
    Partner { stream_type: ITEM, id: item_id(warehouse, product_id) }
}

/// Decides a command on the states of [`partners`], in their order.
pub(super) fn decide_jointly(
    state: &StockState,
    partners: &[&StockState],
    command: &StockCommand,
) -> Decision {
    match plan(state, command)? {
        Plan::Alone(own) if partners.is_empty() => Ok(JointDecision { own, partners: Vec::new() }),
        Plan::Move(id, wanted) => match partners {
            [known] => movement::decide(state, known, id, wanted),
            _ => Err(StockRejection::WrongStreams),
        },
        Plan::Reserve(request) => request.decide(&items(request.items(), partners)?),
        Plan::Settle(settlement) => settlement.decide(&items(settlement.items(), partners)?),
        Plan::Alone(_) => Err(StockRejection::WrongStreams),
    }
}

/// The partners as items; `None` stands for one that nothing was ever received of.
fn items<'a, 'k>(
    expected: impl Iterator<Item = (&'k Reference, &'k Reference)>,
    partners: &[&'a StockState],
) -> Result<Vec<Option<&'a StockItem>>, StockRejection> {
    let mut expected = expected;
    let items = partners.iter().map(|state| {
        let (product_id, warehouse) = expected.next().ok_or(StockRejection::WrongStreams)?;
        known_item(state, product_id, warehouse)
    });
    let items = items.collect::<Result<_, _>>()?;
    if expected.next().is_some() { Err(StockRejection::WrongStreams) } else { Ok(items) }
}

/// The item in this state, if the state is that of this item.
fn known_item<'a>(
    state: &'a StockState,
    product_id: &Reference,
    warehouse: &Reference,
) -> Result<Option<&'a StockItem>, StockRejection> {
    match state {
        StockState::Absent => Ok(None),
        StockState::Item(item)
            if item.product_id == *product_id && item.warehouse == *warehouse =>
        {
            Ok(Some(item))
        }
        _ => Err(StockRejection::WrongStreams),
    }
}

fn invalid(pointer: impl Into<String>, code: &'static str, detail: &str) -> StockRejection {
    StockRejection::Invalid(vec![(pointer.into(), FieldError::new(code, detail))])
}
