//! Orders as an aggregate whose commands come over HTTP.

use super::{CommandAnswer, preview, problems, rejection};
use crate::http::{CommandApi, Done};
use crate::pipeline::{Accepted, Commanded, Preview, Settles};
use domain::order::{Order, OrderAggregate, OrderRejection};
use event_store::EventStore;
use serde_json::Value;
use serde_json::value::RawValue;
use server::{Problem, ProblemCode};
use uuid::Uuid;

impl Commanded for OrderAggregate {
    fn status(state: &Option<Order>) -> &'static str {
        state.as_ref().map_or("absent", |order| order.status.as_str())
    }

    fn keep(rejection: &OrderRejection) -> Value {
        rejection::rejected(rejection).to_value()
    }

    fn settles(rejection: &OrderRejection) -> Settles {
        match rejection {
            // A corrected body, or one sent when the order is there, is no other request than it was meant to be.
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
