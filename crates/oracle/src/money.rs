//! The oracle's own money: whole minor units, and the digits of the few currencies that tests use. It shares no code
//! with the product, so it cannot repeat the product's mistakes.

/// 2^53 − 1 minor units: the largest total.
pub const LIMIT: i128 = 9_007_199_254_740_991;

/// Currencies of live orders: few, so that orders meet in sums.
pub const LIVE: [&str; 5] = ["USD", "EUR", "JPY", "BHD", "CLF"];
/// Currencies that only imports may name, with the last year of each.
pub const BYGONE: [(&str, i32); 2] = [("LTL", 2014), ("HRK", 2022)];

/// Why a text is not an amount of a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAmount {
    Malformed,
    TooPrecise,
    OutOfRange,
}

/// The digits of currencies by ISO 4217: those of the tests and some more; `None` for another text.
pub fn digits_of(currency: &str) -> Option<usize> {
    match currency {
        "JPY" | "KRW" | "VND" | "CLP" | "ISK" | "UGX" => Some(0),
        "USD" | "EUR" | "HUF" | "MGA" | "MRU" | "HRK" | "LTL" => Some(2),
        "BHD" | "KWD" | "TND" => Some(3),
        "CLF" | "UYW" => Some(4),
        _ => None,
    }
}

pub fn digits(currency: &str) -> usize {
    digits_of(currency).unwrap_or_else(|| panic!("{currency} is no currency that the oracle knows"))
}

/// Reads an optional minus, digits, at most one point, and at most the currency's digits after it.
pub fn parse(text: &str, currency: &str) -> Result<i128, NoAmount> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let plain = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    if !plain(whole) || !plain(fraction) {
        return Err(NoAmount::Malformed);
    }
    let given = unsigned.split_once('.').map_or("", |(_, fraction)| fraction);
    if given.len() > digits(currency) {
        return Err(NoAmount::TooPrecise);
    }
    let padded = format!("{whole}{given:0<width$}", width = digits(currency));
    let minor: i128 = padded.parse().map_err(|_| NoAmount::OutOfRange)?;
    if minor > LIMIT {
        return Err(NoAmount::OutOfRange);
    }
    Ok(if text.starts_with('-') { -minor } else { minor })
}

/// Shows exactly the currency's digits.
pub fn show(minor: i128, currency: &str) -> String {
    let digits = digits(currency);
    let sign = if minor < 0 { "-" } else { "" };
    let padded = format!("{:0>width$}", minor.unsigned_abs(), width = digits + 1);
    let (whole, fraction) = padded.split_at(padded.len() - digits);
    if digits == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}
