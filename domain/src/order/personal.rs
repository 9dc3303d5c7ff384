//! Which texts of an order's events are about a person.

use super::{Customer, OrderEvent};
use crate::{Email, Label, Name, Note, Reason};

/// The stored names of the events that have some.
pub(super) const EVENTS: [&str; 6] = [
    "OrderDrafted",
    "OrderPlaced",
    "RefundRecorded",
    "OrderShipped",
    "OrderCancelled",
    "NoteAdded",
];

/// Passes each of them to `change`, and puts the result in its place: the customer's name and address, what people write in
/// notes and reasons, and the number by which a carrier shows who gets a parcel where. The customer's id stays: the shop
/// made it, and it is what its books are kept by.
pub(super) fn change(event: &mut OrderEvent, change: &mut dyn FnMut(&str) -> String) {
    match event {
        OrderEvent::OrderDrafted { customer, note, currency: _, lines: _ }
        | OrderEvent::OrderPlaced { customer, note, currency: _, lines: _, total: _ } => {
            let Customer { id: _, name, email } = customer;
            name.iter_mut().for_each(|name| *name = Name::stored(change(name.as_str())));
            email.iter_mut().for_each(|email| *email = Email::stored(change(email.as_str())));
            note.iter_mut().for_each(|note| *note = Note::stored(change(note.as_str())));
        }
        OrderEvent::RefundRecorded { reason, refund_id: _, amount: _ } => {
            reason.iter_mut().for_each(|reason| *reason = Reason::stored(change(reason.as_str())));
        }
        OrderEvent::OrderShipped { tracking_number, shipment_id: _, carrier: _, lines: _ } => {
            tracking_number
                .iter_mut()
                .for_each(|number| *number = Label::stored(change(number.as_str())));
        }
        OrderEvent::OrderCancelled { reason, customer_id: _, placed_at: _, total: _, lines: _ } => {
            *reason = Reason::stored(change(reason.as_str()));
        }
        OrderEvent::NoteAdded { text } => *text = Note::stored(change(text.as_str())),
        // Named one by one, so that a new event or member has to be thought of here.
        OrderEvent::LineAdded { line: _ }
        | OrderEvent::LineQuantityChanged { line_id: _, quantity: _ }
        | OrderEvent::LineRemoved { line_id: _ }
        | OrderEvent::DraftDiscarded
        | OrderEvent::OrderConfirmed
        | OrderEvent::PaymentRecorded { payment_id: _, amount: _, method: _ }
        | OrderEvent::ShipmentDelivered { shipment_id: _ }
        | OrderEvent::OrderCompleted => {}
    }
}
