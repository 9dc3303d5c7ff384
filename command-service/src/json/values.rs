//! Readers of single values: JSON type first, then the domain's own rules.

use super::errors::{Errors, Pointer};
use super::tree::Json;
use domain::time::TimeError;
use domain::{Currency, FieldError, Money, MoneyError, Timestamp};
use std::borrow::Cow;
use std::ops::RangeInclusive;
use uuid::Uuid;

/// Length of a hyphenated UUID: the only accepted form.
const UUID_LENGTH: usize = 36;
/// The longest text that is parsed as an amount.
const MAX_AMOUNT_LENGTH: usize = 32;
/// A currency with the most digits: it judges the syntax of an amount while the currency is not known.
const FINEST_CURRENCY: &str = "CLF";

fn wrong_type<T>(at: &Pointer<'_>, errors: &mut Errors, expected: &str) -> Option<T> {
    errors.add(at, "wrong-type", format!("must be {expected}"));
    None
}

fn string<'a>(json: Json<'a>, at: &Pointer<'_>, errors: &mut Errors) -> Option<Cow<'a, str>> {
    match json {
        Json::String(text) => Some(text),
        _ => wrong_type(at, errors, "a string"),
    }
}

/// A validated text type, read by its own `parse`.
pub fn text<'a, T>(
    parse: impl FnOnce(Cow<'a, str>) -> Result<T, FieldError>,
) -> impl FnOnce(Json<'a>, &Pointer<'_>, &mut Errors) -> Option<T> {
    move |json, at, errors| {
        let text = string(json, at, errors)?;
        parse(text).map_err(|error| errors.add_field(at, error)).ok()
    }
}

/// A whole number within bounds.
pub fn integer_in(
    range: RangeInclusive<u32>,
) -> impl FnOnce(Json<'_>, &Pointer<'_>, &mut Errors) -> Option<u32> {
    move |json, at, errors| {
        let Json::Integer(value) = json else { return wrong_type(at, errors, "a whole number") };
        let value = u32::try_from(value).ok().filter(|value| range.contains(value));
        if value.is_none() {
            let (low, high) = (range.start(), range.end());
            errors.add(at, "out-of-range", format!("must be from {low} to {high}"));
        }
        value
    }
}

/// A whole number other than 0, this far from it at most.
pub fn signed_within(most: u32) -> impl FnOnce(Json<'_>, &Pointer<'_>, &mut Errors) -> Option<i32> {
    move |json, at, errors| {
        let Json::Integer(value) = json else { return wrong_type(at, errors, "a whole number") };
        let value = i32::try_from(value).ok();
        let value = value.filter(|value| *value != 0 && value.unsigned_abs() <= most);
        if value.is_none() {
            let detail = format!("must be from -{most} to {most}, and not 0");
            errors.add(at, "out-of-range", detail);
        }
        value
    }
}

/// `true` or `false`.
pub fn boolean(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<bool> {
    match json {
        Json::Bool(value) => Some(value),
        _ => wrong_type(at, errors, "true or false"),
    }
}

/// A hyphenated UUID that is not nil.
pub fn uuid(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<Uuid> {
    let text = string(json, at, errors)?;
    let uuid = (text.len() == UUID_LENGTH).then(|| Uuid::try_parse(&text).ok()).flatten();
    let uuid = uuid.filter(|uuid| !uuid.is_nil());
    if uuid.is_none() {
        errors.add(at, "invalid-format", "must be a UUID (8-4-4-4-12 hexadecimal digits), not nil");
    }
    uuid
}

/// A time, as [`domain::time`] reads it.
pub fn timestamp(json: Json<'_>, at: &Pointer<'_>, errors: &mut Errors) -> Option<Timestamp> {
    let text = string(json, at, errors)?;
    let time = domain::time::parse(&text).map_err(|error| {
        let code = match error {
            TimeError::Malformed => "invalid-format",
            TimeError::TooEarly | TimeError::TooLate => "out-of-range",
        };
        errors.add(at, code, error.to_string());
    });
    time.ok()
}

/// When a named currency must have been in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InUse {
    /// Today: for new orders.
    Today,
    /// At a time: for orders imported with it.
    At(Timestamp),
    /// At any time: the order already has its currency, and the name is only compared.
    Ever,
}

/// An ISO 4217 code of a currency with minor units that is, or was, in use.
pub fn currency(
    in_use: InUse,
) -> impl FnOnce(Json<'_>, &Pointer<'_>, &mut Errors) -> Option<Currency> {
    move |json, at, errors| {
        let text = string(json, at, errors)?;
        let (currency, when) = match in_use {
            InUse::Today => (Currency::in_use(&text), "in use"),
            InUse::At(time) => (Currency::in_use_at(&text, time), "in use at that time"),
            InUse::Ever => (Currency::from_code(&text), "in use now or once"),
        };
        if currency.is_none() {
            let detail = format!(
                "must be the upper-case ISO 4217 code of a currency {when} that has minor units"
            );
            errors.add(at, "unknown-currency", detail);
        }
        currency
    }
}

/// An amount ≥ 0 of a known currency; with `None`, only its syntax is judged and there is no value.
pub fn money(
    currency: Option<Currency>,
) -> impl FnOnce(Json<'_>, &Pointer<'_>, &mut Errors) -> Option<Money> {
    move |json, at, errors| match currency {
        Some(currency) => {
            let text = amount_string(json, at, errors)?;
            parse_amount(&text, currency, 0, at, errors)
        }
        None => non_negative_money_text(json, at, errors).and(None),
    }
}

/// An amount ≥ 0 whose currency only the order knows: checks syntax and range, keeps the text.
pub fn non_negative_money_text(
    json: Json<'_>,
    at: &Pointer<'_>,
    errors: &mut Errors,
) -> Option<String> {
    money_text(json, 0, at, errors)
}

/// The same for an amount > 0.
pub fn positive_money_text(
    json: Json<'_>,
    at: &Pointer<'_>,
    errors: &mut Errors,
) -> Option<String> {
    money_text(json, 1, at, errors)
}

fn money_text(json: Json<'_>, least: i64, at: &Pointer<'_>, errors: &mut Errors) -> Option<String> {
    let text = amount_string(json, at, errors)?;
    let finest = Currency::from_code(FINEST_CURRENCY).expect("CLF has four digits");
    match Money::parse(&text, finest) {
        // An amount that is out of range in the finest digits may still fit in the order's currency.
        Err(MoneyError::OutOfRange) => {}
        Err(MoneyError::TooPrecise { .. }) => {
            errors.add(at, "too-precise", "has more digits after the point than any currency has");
            return None;
        }
        _ => _ = parse_amount(&text, finest, least, at, errors)?,
    }
    Some(text.into_owned())
}

fn amount_string<'a>(
    json: Json<'a>,
    at: &Pointer<'_>,
    errors: &mut Errors,
) -> Option<Cow<'a, str>> {
    let Json::String(text) = json else {
        return wrong_type(at, errors, "a decimal string such as \"10.00\"");
    };
    if text.len() > MAX_AMOUNT_LENGTH {
        errors.add(at, "out-of-range", format!("must have at most {MAX_AMOUNT_LENGTH} characters"));
        return None;
    }
    Some(text)
}

fn parse_amount(
    text: &str,
    currency: Currency,
    least: i64,
    at: &Pointer<'_>,
    errors: &mut Errors,
) -> Option<Money> {
    let amount = match Money::parse(text, currency) {
        Ok(amount) => amount,
        Err(error) => {
            let code = match error {
                MoneyError::TooPrecise { .. } => "too-precise",
                MoneyError::OutOfRange => "out-of-range",
                _ => "invalid-format",
            };
            errors.add(at, code, error.to_string());
            return None;
        }
    };
    if amount.minor() < least {
        let detail = if least > 0 { "must be more than zero" } else { "must not be negative" };
        errors.add(at, "out-of-range", detail);
        return None;
    }
    Some(amount)
}
