//! Currencies: ISO 4217 codes that have minor units.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An ISO 4217 currency that has minor units (so not `XXX`, `XAU`, …).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub struct Currency(iso_currency::Currency);

impl Currency {
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
