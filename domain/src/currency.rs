//! Currencies: ISO 4217 codes that have minor units, current and withdrawn.
//!
//! New orders use currencies in use, imported orders those that were in use at the order's time. Stored currencies are
//! read for ever. Codes and digits come from the table of `iso_currency`. [`withdrawn`] has the codes that the table
//! has dropped, and the date at which each code was withdrawn.

mod withdrawn;

use crate::Timestamp;
use chrono::Datelike;
use serde::{Deserialize, Serialize};
use std::fmt;
use withdrawn::{WITHDRAWN, Withdrawn};

/// An ISO 4217 currency that has, or had, minor units (so not `XXX`, `XAU`, …).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub struct Currency(Code);

/// The source of a code; each code has one source only.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Code {
    /// The table of `iso_currency`.
    Listed(iso_currency::Currency),
    /// The place in [`WITHDRAWN`] of a code that is not in that table.
    Historic(u8),
}

impl Currency {
    /// Like [`Currency::from_code`], but `None` for withdrawn codes (`HRK`, `ZWL` …): what a new order may name.
    pub fn in_use(code: &str) -> Option<Self> {
        Self::from_code(code).filter(|currency| currency.withdrawn().is_none())
    }

    /// Like [`Currency::from_code`], but `None` for codes that were withdrawn by `at`: what an order of that time may
    /// name. The date at which a currency came into use is not checked.
    pub fn in_use_at(code: &str, at: Timestamp) -> Option<Self> {
        Self::from_code(code).filter(|currency| {
            currency.withdrawn().is_none_or(|row| (at.year(), at.month()) <= row.last_month)
        })
    }

    /// Parses an upper-case alphabetic code, in use or withdrawn. `None` for anything else, and for codes without minor
    /// units.
    pub fn from_code(code: &str) -> Option<Self> {
        if let Some(currency) = iso_currency::Currency::from_code(code) {
            let known = currency.code() == code && currency.exponent().is_some();
            return known.then_some(Self(Code::Listed(currency)));
        }
        let place = u8::try_from(withdrawn::find(code)?).ok()?;
        Some(Self(Code::Historic(place)))
    }

    /// The three-letter code.
    pub fn code(self) -> &'static str {
        match self.0 {
            Code::Listed(currency) => currency.code(),
            Code::Historic(place) => WITHDRAWN[usize::from(place)].code,
        }
    }

    /// Digits after the decimal point: 0 for JPY, 2 for USD, 3 for BHD, 4 for CLF.
    pub fn digits(self) -> u32 {
        u32::from(match self.0 {
            Code::Listed(currency) => currency.exponent().unwrap_or(0),
            Code::Historic(place) => WITHDRAWN[usize::from(place)].digits,
        })
    }

    fn withdrawn(self) -> Option<&'static Withdrawn> {
        withdrawn::find(self.code()).map(|place| &WITHDRAWN[place])
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The table says that another currency followed it, but the standard still lists it as in use.
    const STILL_IN_USE: &str = "VES";

    /// Every code that the table of `iso_currency` has.
    fn listed() -> impl Iterator<Item = iso_currency::Currency> {
        let letters = || b'A'..=b'Z';
        let codes = letters().flat_map(move |a| {
            letters().flat_map(move |b| letters().map(move |c| [a, b, c].map(char::from)))
        });
        codes.filter_map(|code| iso_currency::Currency::from_code(&code.iter().collect::<String>()))
    }

    #[test]
    fn each_superseded_currency_of_the_table_has_its_last_month() {
        assert!(listed().count() > 150);
        for currency in listed().filter(|currency| currency.code() != STILL_IN_USE) {
            let gone = withdrawn::find(currency.code());
            assert_eq!(currency.is_superseded().is_some(), gone.is_some(), "{}", currency.code());
            if let Some(place) = gone {
                assert_eq!(currency.exponent(), Some(WITHDRAWN[place].digits));
            }
        }
    }

    #[test]
    fn the_withdrawn_stand_in_order_and_each_once() {
        assert!(WITHDRAWN.is_sorted_by(|a, b| a.code < b.code));
        for Withdrawn { code, last_month: (year, month), .. } in &WITHDRAWN {
            assert_eq!(Currency::from_code(code).map(Currency::code), Some(*code));
            assert!((1990..2100).contains(year) && (1..=12).contains(month), "{code}");
        }
    }
}
