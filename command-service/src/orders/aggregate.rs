//! Orders as an aggregate with commands over HTTP.

use super::{CommandAnswer, commands, preview, problems, rejection};
use crate::http::{CommandApi, Done};
use crate::import::Imported;
use crate::json::{Errors, InUse, Json, Pointer};
use crate::pipeline::{Accepted, Commanded, Preview, Settles};
use domain::order::{CommandName, Order, OrderAggregate, OrderCommand, OrderRejection};
use domain::{FieldError, Timestamp};
use event_store::EventStore;
use serde_json::Value;
use serde_json::value::RawValue;
use server::{Problem, ProblemCode};
use uuid::Uuid;

impl Commanded for OrderAggregate {
    fn status(state: &Option<Order>) -> &'static str {
        state.as_ref().map_or("absent", |order| order.status.as_str())
    }

    fn customer(state: &Option<Order>) -> Option<&str> {
        state.as_ref().map(|order| order.customer.id.as_str())
    }

    fn acts_for(command: &OrderCommand) -> Option<&str> {
        match command {
            OrderCommand::Create { customer, .. } => Some(customer.id.as_str()),
            _ => None,
        }
    }

    fn keep(rejection: &OrderRejection) -> Value {
        rejection::rejected(rejection).to_value()
    }

    fn settles(rejection: &OrderRejection) -> Settles {
        match rejection {
            // A corrected body, or a retry once the order exists, is still the request that the client meant.
            OrderRejection::OrderNotFound | OrderRejection::Invalid(_) => Settles::Nothing,
            OrderRejection::OrderAlreadyExists
            | OrderRejection::IllegalTransition { .. }
            | OrderRejection::PriceChanged { .. }
            | OrderRejection::PaymentConflict
            | OrderRejection::RefundConflict
            | OrderRejection::ShipmentConflict
            | OrderRejection::RefundExceedsCaptured { .. }
            | OrderRejection::QuantityExceedsRemaining { .. }
            | OrderRejection::EmptyOrder => Settles::Key,
        }
    }
}

impl CommandApi for OrderAggregate {
    const NOUN: &'static str = "order";
    const REJECTIONS: &'static [ProblemCode] = &problems::REJECTIONS;

    fn location(id: Uuid) -> String {
        format!("/v1/orders/{id}")
    }

    fn rejected(rejection: &OrderRejection) -> Problem {
        rejection::rejected(rejection)
    }

    fn answer(done: Done<'_, Self>) -> Vec<u8> {
        let answer = CommandAnswer::of(done);
        serde_json::to_vec(&answer).expect("an answer holds only strings and integers")
    }

    async fn preview(
        accepted: &Accepted<Self>,
        preview: Box<Preview<Self>>,
        store: &EventStore,
    ) -> Result<Option<Box<RawValue>>, Problem> {
        preview::preview(accepted, preview, store).await
    }
}

impl Imported for OrderAggregate {
    type Name = CommandName;

    fn command_name(name: &str) -> Result<CommandName, FieldError> {
        CommandName::from_wire(name).ok_or_else(|| {
            let names = CommandName::ALL.map(CommandName::as_str).join(", ");
            FieldError { code: "unknown-command", detail: format!("must be one of {names}") }
        })
    }

    fn read_command(
        name: CommandName,
        body: Json<'_>,
        at: Option<Timestamp>,
        pointer: &Pointer<'_>,
        errors: &mut Errors,
    ) -> Option<OrderCommand> {
        // If the time cannot be read, the currency is not checked against it.
        let in_use = at.map_or(InUse::Ever, InUse::At);
        commands::read(name, body, in_use, pointer, errors)
    }

    fn begins_stream(command: &OrderCommand) -> bool {
        matches!(command, OrderCommand::Create { .. })
    }
}
