//! An independent writer of command bodies, and the contract's rules for their values.

use domain::order::command::UnpricedLine;
use domain::order::{Customer, NewLine, OrderCommand, ShippedLine};
use serde_json::{Value, json};

/// The body that asks for this command.
pub(crate) fn written(command: &OrderCommand) -> Value {
    match command {
        OrderCommand::Create { customer, currency, lines, draft, note } => json!({
            "customer": written_customer(customer), "currency": currency.code(), "draft": draft,
            "lines": lines.iter().map(written_line).collect::<Vec<_>>(),
            "note": note.as_ref().map(|note| note.as_str()),
        }),
        OrderCommand::AddLine(UnpricedLine { product_id, name, quantity, unit_price }) => json!({
            "product_id": product_id.as_str(), "name": name.as_str(), "quantity": quantity,
            "unit_price": unit_price,
        }),
        OrderCommand::ChangeLineQuantity { line_id, quantity } => {
            json!({"line_id": line_id, "quantity": quantity})
        }
        OrderCommand::RemoveLine { line_id } => json!({"line_id": line_id}),
        OrderCommand::Place { expected_total } => json!({"expected_total": expected_total}),
        OrderCommand::Discard | OrderCommand::Confirm => json!({}),
        OrderCommand::RecordPayment { payment_id, amount, currency, method } => json!({
            "payment_id": payment_id.as_str(), "amount": amount,
            "currency": currency.map(|currency| currency.code()),
            "method": method.as_ref().map(|method| method.as_str()),
        }),
        OrderCommand::RecordRefund { refund_id, amount, currency, reason } => json!({
            "refund_id": refund_id.as_str(), "amount": amount,
            "currency": currency.map(|currency| currency.code()),
            "reason": reason.as_ref().map(|reason| reason.as_str()),
        }),
        OrderCommand::Ship { shipment_id, carrier, tracking_number, lines } => json!({
            "shipment_id": shipment_id.as_str(),
            "carrier": carrier.as_ref().map(|carrier| carrier.as_str()),
            "tracking_number": tracking_number.as_ref().map(|number| number.as_str()),
            "lines": lines.as_deref().map(written_parts),
        }),
        OrderCommand::Deliver { shipment_id } => json!({"shipment_id": shipment_id.as_str()}),
        OrderCommand::Cancel { reason } => json!({"reason": reason.as_str()}),
        OrderCommand::AddNote { text } => json!({"text": text.as_str()}),
    }
}

fn written_customer(customer: &Customer) -> Value {
    json!({
        "id": customer.id.as_str(), "name": customer.name.as_ref().map(|name| name.as_str()),
        "email": customer.email.as_ref().map(|email| email.as_str()),
    })
}

fn written_line(line: &NewLine) -> Value {
    json!({
        "product_id": line.product_id.as_str(), "name": line.name.as_str(),
        "quantity": line.quantity, "unit_price": line.unit_price.to_string(),
    })
}

fn written_parts(lines: &[ShippedLine]) -> Value {
    lines.iter().map(|l| json!({"line_id": l.line_id, "quantity": l.quantity})).collect()
}

/// Asserts the contract's rules for every text, number and amount of an accepted command.
pub(crate) fn keeps_the_rules(command: &OrderCommand) {
    let body = written(command);
    let Value::Object(members) = &body else { panic!("a body is an object") };
    for (name, value) in members {
        member(name, value);
    }
    if let OrderCommand::Create { lines, .. } = command {
        assert!(lines.len() <= 2_000);
        assert!(lines.iter().all(|line| line.unit_price.minor() >= 0));
    }
}

fn member(name: &str, value: &Value) {
    match (name, value) {
        (_, Value::Null | Value::Bool(_)) => {}
        ("quantity", value) => {
            assert!(value.as_u64().is_some_and(|units| (1..=100_000).contains(&units)), "{value}");
        }
        ("line_id", value) => {
            assert!(value.as_u64().is_some_and(|id| (1..=0x7fff_ffff).contains(&id)), "{value}");
        }
        (_, Value::Array(elements)) => {
            assert!(elements.len() <= 2_000);
            elements.iter().for_each(|element| member("", element));
        }
        (_, Value::Object(members)) => {
            members.iter().for_each(|(name, value)| member(name, value));
        }
        ("currency", Value::String(code)) => {
            assert!(code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()));
        }
        ("amount" | "unit_price" | "expected_total", Value::String(amount)) => decimal(amount),
        ("id" | "product_id" | "payment_id" | "refund_id" | "shipment_id", Value::String(id)) => {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
            assert!((1..=64).contains(&id.len()) && id.bytes().all(allowed), "{id}");
            assert!(!matches!(id.as_str(), "." | ".."));
        }
        (name, Value::String(text)) => free_text(name, text),
        (name, other) => panic!("{name}: {other}"),
    }
}

/// Digits, and at most one point with digits on both sides.
fn decimal(text: &str) {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let sound = match unsigned.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction) && fraction.len() <= 4,
        None => digits(unsigned),
    };
    assert!(sound && text.len() <= 32, "{text}");
    let is_zero = unsigned.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    assert!(unsigned.len() == text.len() || is_zero, "{text} is below zero");
}

fn free_text(name: &str, text: &str) {
    let (longest, lines) = match name {
        "note" | "text" => (2_000, true),
        "reason" => (500, true),
        "email" => (254, false),
        "name" | "method" | "carrier" | "tracking_number" => (200, false),
        other => panic!("a text named {other}"),
    };
    assert!((1..=longest).contains(&text.chars().count()), "{name}");
    for character in text.chars() {
        let of_lines = lines && matches!(character, '\n' | '\r' | '\t');
        assert!(of_lines || !character.is_control(), "{name} holds {character:?}");
        let hidden = matches!(character,
            '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' | '\u{feff}');
        assert!(!hidden, "{name} holds {character:?}");
    }
    assert!(text.chars().any(|character| !character.is_whitespace()), "{name} shows nothing");
}
