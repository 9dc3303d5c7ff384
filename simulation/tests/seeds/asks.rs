//! The simulation's commands, translated for the contract's oracle.

use domain::order::{Customer, OrderCommand};
use domain::{Currency, Money};
use oracle::ask::{Ask, AskedLine, Creation, Parcel, Transfer};
use oracle::money::show;

pub fn ask(command: &OrderCommand) -> Ask {
    match command {
        OrderCommand::Create { customer, currency, lines, draft, note } => Ask::Create(Creation {
            customer: buyer(customer),
            currency: currency.code().to_owned(),
            lines: lines
                .iter()
                .map(|line| AskedLine {
                    product_id: line.product_id.as_str().to_owned(),
                    name: line.name.as_str().to_owned(),
                    quantity: line.quantity.into(),
                    unit_price: amount(line.unit_price),
                })
                .collect(),
            draft: *draft,
            note: note.as_ref().map(|note| note.as_str().to_owned()),
        }),
        OrderCommand::AddLine(line) => Ask::AddLine(AskedLine {
            product_id: line.product_id.as_str().to_owned(),
            name: line.name.as_str().to_owned(),
            quantity: line.quantity.into(),
            unit_price: line.unit_price.clone(),
        }),
        OrderCommand::ChangeLineQuantity { line_id, quantity } => {
            Ask::ChangeQuantity { line_id: (*line_id).into(), quantity: (*quantity).into() }
        }
        OrderCommand::RemoveLine { line_id } => Ask::RemoveLine { line_id: (*line_id).into() },
        OrderCommand::Place { expected_total } => {
            Ask::Place { expected_total: expected_total.clone() }
        }
        OrderCommand::Discard => Ask::Discard,
        OrderCommand::Confirm => Ask::Confirm,
        OrderCommand::RecordPayment { payment_id, amount, currency, method } => {
            let text = method.as_ref().map(|method| method.as_str().to_owned());
            Ask::Pay(transfer(payment_id.as_str(), amount, *currency, text))
        }
        OrderCommand::RecordRefund { refund_id, amount, currency, reason } => {
            let text = reason.as_ref().map(|reason| reason.as_str().to_owned());
            Ask::Refund(transfer(refund_id.as_str(), amount, *currency, text))
        }
        OrderCommand::Ship { shipment_id, carrier, tracking_number, lines } => Ask::Ship(Parcel {
            id: shipment_id.as_str().to_owned(),
            carrier: carrier.as_ref().map(|carrier| carrier.as_str().to_owned()),
            tracking: tracking_number.as_ref().map(|number| number.as_str().to_owned()),
            lines: lines.as_ref().map(|lines| {
                lines.iter().map(|line| (line.line_id.into(), line.quantity.into())).collect()
            }),
        }),
        OrderCommand::Deliver { shipment_id } => {
            Ask::Deliver { id: shipment_id.as_str().to_owned() }
        }
        OrderCommand::Cancel { reason } => Ask::Cancel { reason: reason.as_str().to_owned() },
        OrderCommand::AddNote { text } => Ask::Note { text: text.as_str().to_owned() },
    }
}

fn buyer(customer: &Customer) -> oracle::fact::Customer {
    oracle::fact::Customer {
        id: customer.id.as_str().to_owned(),
        name: customer.name.as_ref().map(|name| name.as_str().to_owned()),
        email: customer.email.as_ref().map(|email| email.as_str().to_owned()),
    }
}

fn transfer(id: &str, amount: &str, currency: Option<Currency>, text: Option<String>) -> Transfer {
    let currency = currency.map(|currency| currency.code().to_owned());
    Transfer { id: id.to_owned(), amount: amount.to_owned(), currency, text }
}

fn amount(money: Money) -> String {
    show(money.minor().into(), money.currency().code())
}
