//! The commands that clients send, drawn at random: mostly what an order permits next, now and then what it does not.

use crate::chance::Chance;
use domain::order::command::NewLine;
use domain::order::{Customer, OrderCommand, ShippedLine, UnpricedLine};
use domain::{Currency, Email, Label, Money, Name, Note, Reason, Reference};

/// The customers and products of all orders: few, so that orders meet in sums.
pub const CUSTOMERS: [&str; 3] = ["ann", "bob", "cleo"];
pub const PRODUCTS: [&str; 3] = ["tea", "cup", "pot"];
pub const CURRENCIES: [&str; 2] = ["EUR", "JPY"];

const SHIPMENTS: [&str; 3] = ["s-1", "s-2", "s-3"];

fn id(text: &str) -> Reference {
    Reference::parse(text.to_owned()).unwrap()
}

/// The command that creates an order. Customers and products are few; their names change from order to order.
pub fn create(chance: &mut Chance) -> OrderCommand {
    let currency = currency(chance);
    let name = chance.pick(&[None, Some("Ann"), Some("Anne"), Some("Anna")]);
    let email = chance.percent(30).then(|| Email::parse("ann@example.org".to_owned()).unwrap());
    let lines = (0..1 + chance.below(3)).map(|_| line(chance, currency)).collect();
    OrderCommand::Create {
        customer: Customer {
            id: id(chance.pick(&CUSTOMERS)),
            name: name.map(|name| Name::parse(name.to_owned()).unwrap()),
            email,
        },
        currency,
        lines,
        draft: chance.percent(30),
        note: chance.percent(20).then(|| note(chance)),
    }
}

fn currency(chance: &mut Chance) -> Currency {
    Currency::from_code(chance.pick(&CURRENCIES)).unwrap()
}

fn line(chance: &mut Chance, currency: Currency) -> NewLine {
    NewLine {
        product_id: id(chance.pick(&PRODUCTS)),
        name: product_name(chance),
        quantity: 1 + u32::try_from(chance.below(5)).unwrap(),
        unit_price: Money::from_minor(i64::try_from(chance.below(900)).unwrap(), currency),
    }
}

fn product_name(chance: &mut Chance) -> Name {
    Name::parse(chance.pick(&["Tea", "Cup", "Gift", "Pot"]).to_owned()).unwrap()
}

fn note(chance: &mut Chance) -> Note {
    Note::parse(chance.pick(&["mind the step", "ring twice", "leave it"]).to_owned()).unwrap()
}

/// A command for an order that may exist.
pub fn deed(chance: &mut Chance) -> OrderCommand {
    let line_id = 1 + u32::try_from(chance.below(3)).unwrap();
    match chance.below(20) {
        0 => OrderCommand::Place { expected_total: None },
        1 => OrderCommand::Place { expected_total: Some(chance.pick(&["12", "100"]).to_owned()) },
        2 | 3 => OrderCommand::Confirm,
        4 => OrderCommand::Cancel { reason: Reason::parse("no".to_owned()).unwrap() },
        5 => OrderCommand::Discard,
        6 | 7 => OrderCommand::RecordPayment {
            payment_id: id(chance.pick(&["p-1", "p-2", "p-3"])),
            amount: chance.pick(&["7", "100", "2000"]).to_owned(),
            currency: chance.percent(20).then(|| currency(chance)),
            method: None,
        },
        8 => OrderCommand::RecordRefund {
            refund_id: id(chance.pick(&["r-1", "r-2"])),
            amount: chance.pick(&["7", "3"]).to_owned(),
            currency: None,
            reason: None,
        },
        9 | 10 => ship(chance, None),
        11 | 12 => {
            let quantity = 1 + u32::try_from(chance.below(3)).unwrap();
            ship(chance, Some(vec![ShippedLine { line_id, quantity }]))
        }
        13 | 14 => OrderCommand::Deliver { shipment_id: id(chance.pick(&SHIPMENTS)) },
        15 => OrderCommand::ChangeLineQuantity { line_id, quantity: 9 },
        16 => OrderCommand::RemoveLine { line_id },
        17 => OrderCommand::AddLine(UnpricedLine {
            product_id: id(chance.pick(&PRODUCTS)),
            name: product_name(chance),
            quantity: 2,
            unit_price: "3".to_owned(),
        }),
        18 => OrderCommand::AddNote { text: note(chance) },
        _ => create(chance),
    }
}

fn ship(chance: &mut Chance, lines: Option<Vec<ShippedLine>>) -> OrderCommand {
    let carrier = chance.percent(30).then(|| Label::parse("by foot".to_owned()).unwrap());
    let shipment_id = id(chance.pick(&SHIPMENTS));
    OrderCommand::Ship { shipment_id, carrier, tracking_number: None, lines }
}
