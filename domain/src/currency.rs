//! Currencies: ISO 4217 codes that have minor units.
//!
//! New orders are made in currencies in use; an order made while its currency was in use is read for ever.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An ISO 4217 currency that has minor units (so not `XXX`, `XAU`, …).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub struct Currency(iso_currency::Currency);

/// Followed by another currency, says the table, but still on the standard's list of those in use.
const STILL_IN_USE: &str = "VES";

impl Currency {
    /// As [`Currency::from_code`], and `None` for codes that were withdrawn (`HRK`, `ZWL` …): what a new order may name.
    pub fn in_use(code: &str) -> Option<Self> {
        let currency = Self::from_code(code)?;
        (currency.0.is_superseded().is_none() || code == STILL_IN_USE).then_some(currency)
    }

    /// Parses an upper-case alphabetic code. `None` for anything else, and for codes without minor units.
    pub fn from_code(code: &str) -> Option<Self> {
        let currency = iso_currency::Currency::from_code(code)?;
        (currency.code() == code && currency.exponent().is_some()).then_some(Self(currency))
    }

    /// The three-letter code.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Digits after the decimal point: 0 for JPY, 2 for USD, 3 for BHD, 4 for CLF.
    pub fn digits(self) -> u32 {
        u32::from(self.0.exponent().unwrap_or(0))
    }
}

impl TryFrom<String> for Currency {
    type Error = &'static str;
    fn try_from(code: String) -> Result<Self, Self::Error> {
        Self::from_code(&code).ok_or("not an ISO 4217 currency with minor units")
    }
}

impl From<Currency> for &'static str {
    fn from(currency: Currency) -> Self {
        currency.code()
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
