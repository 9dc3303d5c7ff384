//! The order commands, one file each: the documented body, its reader, and its route.

pub mod add_line;
pub mod add_note;
pub mod cancel;
pub mod change_line_quantity;
pub mod create;
pub mod deliver;
pub mod empty;
pub mod place;
pub mod record_payment;
pub mod record_refund;
pub mod remove_line;
pub mod ship;

use super::OrderCommands;
use crate::json::{Errors, InUse, Json, Pointer};
use domain::order::{CommandName, OrderCommand};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The most lines of an order, and of a shipment.
const MAX_LINES: usize = 2_000;
/// The most units of a line.
const MAX_QUANTITY: u32 = 100_000;
/// The highest `line_id` that the reader accepts.
const MAX_LINE_ID: u32 = i32::MAX as u32;

/// All order commands.
pub fn routes() -> OpenApiRouter<OrderCommands> {
    OpenApiRouter::default()
        .routes(routes!(create::create_order))
        .routes(routes!(add_line::add_line))
        .routes(routes!(change_line_quantity::change_line_quantity))
        .routes(routes!(remove_line::remove_line))
        .routes(routes!(place::place_order))
        .routes(routes!(empty::discard_draft))
        .routes(routes!(empty::confirm_order))
        .routes(routes!(record_payment::record_payment))
        .routes(routes!(record_refund::record_refund))
        .routes(routes!(ship::ship))
        .routes(routes!(deliver::deliver))
        .routes(routes!(cancel::cancel_order))
        .routes(routes!(add_note::add_note))
}

/// Reads the body of any command by its name, as in an import line. `in_use` says when a new order's currency was in
/// use.
pub fn read(
    name: CommandName,
    body: Json<'_>,
    in_use: InUse,
    at: &Pointer<'_>,
    errors: &mut Errors,
) -> Option<OrderCommand> {
    let read = match name {
        CommandName::Create => return create::read_unnamed(body, in_use, at, errors),
        CommandName::AddLine => add_line::read,
        CommandName::ChangeLineQuantity => change_line_quantity::read,
        CommandName::RemoveLine => remove_line::read,
        CommandName::Place => place::read,
        CommandName::Discard => empty::read_discard,
        CommandName::Confirm => empty::read_confirm,
        CommandName::RecordPayment => record_payment::read,
        CommandName::RecordRefund => record_refund::read,
        CommandName::Ship => ship::read,
        CommandName::Deliver => deliver::read,
        CommandName::Cancel => cancel::read,
        CommandName::AddNote => add_note::read,
    };
    read(body, at, errors)
}
