//! Money: whole minor units of one currency, checked in every operation, no floats.
//!
//! Intermediate results are `i128`. The public interface accepts amounts up to [`MAX_PUBLIC_MINOR`], positive or
//! negative: the largest integers that every JSON reader keeps exactly.

use crate::Currency;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The largest absolute amount that the public interface accepts, in minor units: 2^53 − 1.
pub const MAX_PUBLIC_MINOR: i64 = 9_007_199_254_740_991;

/// An amount in minor units of a currency.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

/// Why an amount could not be read or computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a plain decimal number.
    #[error("is not a decimal number such as \"10.00\"")]
    Malformed,
    /// More digits after the point than the currency has.
    #[error("has more digits after the point than {currency} has ({digits})")]
    TooPrecise {
        /// The currency that limits the digits.
        currency: Currency,
        /// The most digits after its point.
        digits: u32,
    },
    /// Outside the range of the type or of the public limit.
    #[error("is out of range")]
    OutOfRange,
    /// One operation got two currencies.
    #[error("{0} and {1} do not mix")]
    CurrencyMismatch(Currency, Currency),
    /// All weights of an allocation are zero, or there are none.
    #[error("cannot be allocated: all weights are zero")]
    NoWeights,
}

impl Money {
    /// An amount from minor units (cents, yen, fils …).
    pub const fn from_minor(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Zero, in a currency.
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// The amount in minor units.
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The currency of the amount.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Reads an optional minus, digits, and at most one point with at most the currency's digits after it.
    ///
    /// # Errors
    /// [`MoneyError::Malformed`], [`MoneyError::TooPrecise`], or [`MoneyError::OutOfRange`] beyond the public limit.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        Self::stored(text, currency)?.within_public_limit()
    }

    /// Reads a stored amount: like [`Money::parse`], but without the public limit, which is a rule for input only.
    ///
    /// # Errors
    /// As [`Money::parse`]; [`MoneyError::OutOfRange`] only if the type cannot hold the amount.
    pub(crate) fn stored(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let (sign, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let (whole, fraction) = match unsigned.split_once('.') {
            Some((_, "")) => return Err(MoneyError::Malformed),
            Some((whole, fraction)) => (whole, fraction),
            None => (unsigned, ""),
        };
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return Err(MoneyError::Malformed);
        }
        let digits = currency.digits();
        let missing = (digits as usize)
            .checked_sub(fraction.len())
            .ok_or(MoneyError::TooPrecise { currency, digits })?;
        let zeros = std::iter::repeat_n(b'0', missing);
        let mut minor: i64 = 0;
        for byte in whole.bytes().chain(fraction.bytes()).chain(zeros) {
            minor = minor
                .checked_mul(10)
                .and_then(|minor| minor.checked_add(sign * i64::from(byte - b'0')))
                .ok_or(MoneyError::OutOfRange)?;
        }
        Ok(Self { minor, currency })
    }

    /// The same amount if it lies within the public limit.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`].
    pub const fn within_public_limit(self) -> Result<Self, MoneyError> {
        if self.minor > MAX_PUBLIC_MINOR || self.minor < -MAX_PUBLIC_MINOR {
            return Err(MoneyError::OutOfRange);
        }
        Ok(self)
    }

    /// `self + other`.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`] or [`MoneyError::OutOfRange`].
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        self.with_minor(i128::from(self.minor) + i128::from(other.minor))
    }

    /// `self − other`.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`] or [`MoneyError::OutOfRange`].
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        self.with_minor(i128::from(self.minor) - i128::from(other.minor))
    }

    /// `−self`.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] for the one number without an opposite.
    pub fn checked_neg(self) -> Result<Self, MoneyError> {
        self.with_minor(-i128::from(self.minor))
    }

    /// `self × factor`.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`].
    pub fn checked_mul(self, factor: i64) -> Result<Self, MoneyError> {
        self.with_minor(i128::from(self.minor) * i128::from(factor))
    }

    /// The sum of amounts in `currency`; zero for none.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`] or [`MoneyError::OutOfRange`].
    pub fn sum(
        currency: Currency,
        amounts: impl IntoIterator<Item = Self>,
    ) -> Result<Self, MoneyError> {
        amounts.into_iter().try_fold(Self::zero(currency), Self::checked_add)
    }

    /// Splits the amount by weights with the largest-remainder method (Hamilton). Each part gets its share rounded
    /// down; the units that are left go one each to the largest remainders, ties to the lowest index. The parts always
    /// add up to the whole. A negative amount splits as the opposite of its positive twin.
    ///
    /// # Errors
    /// [`MoneyError::NoWeights`] when no weight is above zero; [`MoneyError::OutOfRange`] when the weights' sum
    /// overflows.
    pub fn allocate(self, weights: &[u64]) -> Result<Vec<Self>, MoneyError> {
        let total: u64 = weights
            .iter()
            .try_fold(0_u64, |sum, weight| sum.checked_add(*weight))
            .ok_or(MoneyError::OutOfRange)?;
        if total == 0 {
            return Err(MoneyError::NoWeights);
        }
        let whole = u128::from(self.minor.unsigned_abs());
        let shares: Vec<(u128, u128)> = weights
            .iter()
            .map(|weight| whole * u128::from(*weight))
            .map(|product| (product / u128::from(total), product % u128::from(total)))
            .collect();
        let left = whole - shares.iter().map(|(share, _)| share).sum::<u128>();
        let mut by_remainder: Vec<usize> = (0..shares.len()).collect();
        by_remainder.sort_by_key(|index| std::cmp::Reverse(shares[*index].1)); // stable: ties keep index order
        let mut parts: Vec<i128> = Vec::with_capacity(shares.len());
        parts.extend(shares.iter().map(|(share, _)| i128::try_from(*share).unwrap_or(i128::MAX)));
        for index in by_remainder.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
            parts[index] += 1;
        }
        let sign = i128::from(self.minor.signum());
        parts.into_iter().map(|part| self.with_minor(part * sign)).collect()
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            return Ok(());
        }
        Err(MoneyError::CurrencyMismatch(self.currency, other.currency))
    }

    fn with_minor(self, minor: i128) -> Result<Self, MoneyError> {
        let minor = i64::try_from(minor).map_err(|_| MoneyError::OutOfRange)?;
        Ok(Self { minor, currency: self.currency })
    }
}

/// Shows exactly the currency's digits: `10.00`, `10`, `1.234`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minor < 0 { "-" } else { "" };
        let magnitude = self.minor.unsigned_abs();
        let digits = self.currency.digits();
        if digits == 0 {
            return write!(f, "{sign}{magnitude}");
        }
        let unit = 10_u64.pow(digits);
        let (whole, fraction) = (magnitude / unit, magnitude % unit);
        write!(f, "{sign}{whole}.{fraction:0width$}", width = digits as usize)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} {}", self.currency)
    }
}
