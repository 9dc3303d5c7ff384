//! Amounts as Stripe writes them: whole numbers whose meaning depends on the currency.
//!
//! Usually they are minor units by ISO 4217, as ours are. The exceptions, by Stripe's page on currencies:
//! - 16 currencies have no decimals there. MGA is one of them, though ISO 4217 gives it two digits; UGX is another that
//!   is written with two all the same.
//! - ISK and UGX have no decimals, but are written with two for old times' sake, and the two must be zeros.
//! - Currencies with three digits must end in a zero.
//!
//! An amount that cannot be written so is an error. Rounding would be a decision about money, and not ours.

use domain::{Currency, Money};

/// An amount that the provider cannot take in this currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the payment provider cannot take this amount")]
pub struct Unrepresentable;

/// How many digits after the point Stripe's number has.
fn digits(currency: Currency) -> Result<u32, Unrepresentable> {
    match currency.code() {
        "ISK" | "UGX" => Ok(2),
        "BIF" | "CLP" | "DJF" | "GNF" | "JPY" | "KMF" | "KRW" | "MGA" | "PYG" | "RWF" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => Ok(0),
        _ => match currency.digits() {
            // What has no digits and is not in the list above, Stripe does not know; neither what has four.
            digits @ (2 | 3) => Ok(digits),
            _ => Err(Unrepresentable),
        },
    }
}

/// By what Stripe's number must be divisible.
fn step(currency: Currency) -> i64 {
    match (currency.code(), currency.digits()) {
        ("ISK" | "UGX", _) => 100,
        (_, 3) => 10,
        _ => 1,
    }
}

/// Stripe's number of an amount above zero.
///
/// # Errors
/// [`Unrepresentable`]
pub fn to_provider(amount: Money) -> Result<i64, Unrepresentable> {
    let currency = amount.currency();
    let number = rescaled(amount.minor(), currency.digits(), digits(currency)?)?;
    if number <= 0 || number % step(currency) != 0 {
        return Err(Unrepresentable);
    }
    Ok(number)
}

/// The amount of Stripe's number, zero included.
///
/// # Errors
/// [`Unrepresentable`] for a number below zero, or one that is no whole minor unit of ours.
pub fn from_provider(number: i64, currency: Currency) -> Result<Money, Unrepresentable> {
    if number < 0 {
        return Err(Unrepresentable);
    }
    let minor = rescaled(number, digits(currency)?, currency.digits())?;
    Ok(Money::from_minor(minor, currency))
}

fn rescaled(number: i64, from: u32, to: u32) -> Result<i64, Unrepresentable> {
    if to >= from {
        return number.checked_mul(10_i64.pow(to - from)).ok_or(Unrepresentable);
    }
    let divisor = 10_i64.pow(from - to);
    if number % divisor != 0 {
        return Err(Unrepresentable);
    }
    Ok(number / divisor)
}
