//! Decisions about orders that are created or may still change.

use super::{Decision, illegal, invalid, invalid_money, require_status};
use crate::order::command::{NewLine, UnpricedLine};
use crate::order::evolve::MAX_LINES;
use crate::order::{CommandName, Customer, Line, Order, OrderEvent, OrderRejection, Status};
use crate::{Currency, FieldError, Money, Note};

pub(super) fn create(
    customer: &Customer,
    currency: Currency,
    lines: &[NewLine],
    draft: bool,
    note: Option<&Note>,
) -> Decision {
    if lines.is_empty() && !draft {
        return Err(invalid(
            "/lines",
            "empty-order",
            "an order that is placed has at least one line",
        ));
    }
    if lines.len() > MAX_LINES {
        return Err(invalid("/lines", "too-many", "an order has at most 2000 lines"));
    }
    let total = bounded_total(currency, lines)?;
    let lines = lines.iter().zip(1..).map(|(line, line_id)| Line {
        line_id,
        product_id: line.product_id.clone(),
        name: line.name.clone(),
        quantity: line.quantity,
        unit_price: line.unit_price,
        shipped: 0,
        delivered: 0,
    });
    let (customer, lines, note) = (customer.clone(), lines.collect(), note.cloned());
    Ok(vec![if draft {
        OrderEvent::OrderDrafted { customer, currency, lines, note }
    } else {
        OrderEvent::OrderPlaced { customer, currency, lines, total, note }
    }])
}

/// The total, if it and every line total lie within the public limit; otherwise an error for every line that does not.
fn bounded_total(currency: Currency, lines: &[NewLine]) -> Result<Money, OrderRejection> {
    let mut errors = Vec::new();
    let mut total = Ok(Money::zero(currency));
    for (index, line) in lines.iter().enumerate() {
        let line_total = line
            .unit_price
            .checked_mul(i64::from(line.quantity))
            .and_then(Money::within_public_limit);
        match line_total {
            Ok(line_total) => total = total.and_then(|total| total.checked_add(line_total)),
            Err(error) => errors.push((format!("/lines/{index}/unit_price"), error.into())),
        }
    }
    match total.and_then(Money::within_public_limit) {
        Ok(total) if errors.is_empty() => return Ok(total),
        Err(error) if errors.is_empty() => errors.push(("/lines".to_owned(), error.into())),
        _ => {}
    }
    Err(OrderRejection::Invalid(errors))
}

pub(super) fn add_line(order: &Order, line: &UnpricedLine) -> Decision {
    if !order.allows(CommandName::AddLine) {
        return Err(illegal(order, CommandName::AddLine));
    }
    let unit_price = Money::parse(&line.unit_price, order.currency)
        .map_err(|error| invalid_money("/unit_price", error))?;
    if unit_price.minor() < 0 {
        return Err(invalid("/unit_price", "out-of-range", "must not be negative"));
    }
    let line = Line {
        line_id: order.next_line_id,
        product_id: line.product_id.clone(),
        name: line.name.clone(),
        quantity: line.quantity,
        unit_price,
        shipped: 0,
        delivered: 0,
    };
    require_bounded(order.total, &line, "/unit_price")?;
    Ok(vec![OrderEvent::LineAdded { line }])
}

pub(super) fn change_line_quantity(order: &Order, line_id: u32, quantity: u32) -> Decision {
    require_status(order, CommandName::ChangeLineQuantity, &[Status::Draft])?;
    let line = find_line(order, line_id)?;
    if line.quantity == quantity {
        return Ok(vec![]);
    }
    let others =
        order.total.checked_sub(line.total()).map_err(|error| invalid_money("/quantity", error))?;
    require_bounded(others, &Line { quantity, ..line.clone() }, "/quantity")?;
    Ok(vec![OrderEvent::LineQuantityChanged { line_id, quantity }])
}

pub(super) fn remove_line(order: &Order, line_id: u32) -> Decision {
    require_status(order, CommandName::RemoveLine, &[Status::Draft])?;
    find_line(order, line_id)?;
    Ok(vec![OrderEvent::LineRemoved { line_id }])
}

pub(super) fn place(order: &Order, expected_total: Option<&str>) -> Decision {
    require_status(order, CommandName::Place, &[Status::Draft])?;
    if order.lines.is_empty() {
        return Err(OrderRejection::EmptyOrder);
    }
    if let Some(expected) = expected_total {
        let expected = Money::parse(expected, order.currency)
            .map_err(|error| invalid_money("/expected_total", error))?;
        if expected != order.total {
            return Err(OrderRejection::PriceChanged { actual_total: order.total });
        }
    }
    Ok(vec![OrderEvent::OrderPlaced {
        customer: order.customer.clone(),
        currency: order.currency,
        lines: order.lines.clone(),
        total: order.total,
        note: None,
    }])
}

fn find_line(order: &Order, line_id: u32) -> Result<&Line, OrderRejection> {
    order
        .lines
        .iter()
        .find(|line| line.line_id == line_id)
        .ok_or_else(|| invalid("/line_id", "unknown-line", "the order has no such line"))
}

/// Refuses a line that would lift its own total, or the order's, above the public limit.
fn require_bounded(others: Money, line: &Line, pointer: &str) -> Result<(), OrderRejection> {
    let line_total = line.total().within_public_limit();
    line_total
        .and_then(|line_total| others.checked_add(line_total))
        .and_then(Money::within_public_limit)
        .map(|_| ())
        .map_err(|error| {
            OrderRejection::Invalid(vec![(pointer.to_owned(), FieldError::from(error))])
        })
}
