//! How numbers of the read tables appear on the wire: times with microseconds, amounts with the currency's digits.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use domain::Currency;
use domain::order::document::micros::Wire;
use serde::{Serialize, Serializer};
use std::fmt;

/// Microseconds in a UTC day.
pub(crate) const DAY: i64 = 86_400_000_000;

/// The moment that is `micros` microseconds after the start of 1970, UTC.
pub(crate) fn moment(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

/// A moment, written out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(pub i64);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Wire(moment(self.0)).fmt(f)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Minor units of a currency; sums may be larger than any single amount.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Amount<'a> {
    pub minor: i128,
    pub currency: &'a str,
}

impl<'a> Amount<'a> {
    pub(crate) fn new(minor: impl Into<i128>, currency: &'a str) -> Self {
        Self { minor: minor.into(), currency }
    }
}

impl fmt::Display for Amount<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = Currency::from_code(self.currency).map_or(0, Currency::digits);
        let sign = if self.minor < 0 { "-" } else { "" };
        let magnitude = self.minor.unsigned_abs();
        if digits == 0 {
            return write!(f, "{sign}{magnitude}");
        }
        let unit = 10_u128.pow(digits);
        let (whole, fraction) = (magnitude / unit, magnitude % unit);
        write!(f, "{sign}{whole}.{fraction:0width$}", width = digits as usize)
    }
}

impl Serialize for Amount<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A UTC day, in days since 1970.
pub(crate) fn date(day: i64) -> NaiveDate {
    moment(day.saturating_mul(DAY)).date_naive()
}

/// `2017-11-24`
pub(crate) fn day_name(day: i64) -> String {
    date(day).format("%Y-%m-%d").to_string()
}

/// `2017-11`
pub(crate) fn month_name(day: i64) -> String {
    let date = date(day);
    format!("{:04}-{:02}", date.year(), date.month())
}

/// The value as JSON.
pub(crate) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("texts, numbers and times always serialise")
}

/// JSON of a value in which the null of its member `name` is replaced by the JSON texts that `write` appends. Quotes within
/// texts are escaped, so the last text that looks like the member is the member.
pub(crate) fn json_with(
    value: &impl Serialize,
    name: &str,
    write: impl FnOnce(&mut Vec<u8>),
) -> Vec<u8> {
    let mut text = json(value);
    let member = format!("\"{name}\":null");
    let at = text.windows(member.len()).rposition(|here| here == member.as_bytes());
    let end = at.expect("the value has the member") + member.len();
    let rest = text.split_off(end);
    text.truncate(end - "null".len());
    write(&mut text);
    text.extend(rest);
    text
}

/// Appends a JSON array; `write` appends an item.
pub(crate) fn json_array<T>(
    items: impl IntoIterator<Item = T>,
    body: &mut Vec<u8>,
    write: impl Fn(T, &mut Vec<u8>),
) {
    body.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        write(item, body);
    }
    body.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_written_in_its_place_whatever_the_texts_hold() {
        #[derive(Serialize)]
        struct Shown {
            before: &'static str,
            list: (),
            after: &'static str,
        }
        let null = "\"list\":null";
        for (items, list) in [(&[][..], "[]"), (&[1], "[1]"), (&[1, 2], "[1,2]")] {
            let value = Shown { before: null, list: (), after: null };
            let text = json_with(&value, "list", |body| {
                json_array(items, body, |item, body| body.extend(json(item)));
            });
            let quoted = r#""\"list\":null""#;
            let expected = format!(r#"{{"before":{quoted},"list":{list},"after":{quoted}}}"#);
            assert_eq!(String::from_utf8(text).unwrap(), expected);
        }
    }

    #[test]
    fn amounts_have_exactly_the_currencys_digits_and_may_exceed_64_bits() {
        for (minor, currency, text) in [
            (1_000_i128, "USD", "10.00"),
            (-5, "USD", "-0.05"),
            (0, "USD", "0.00"),
            (10, "JPY", "10"),
            (1_234, "BHD", "1.234"),
            (10_i128.pow(20), "EUR", "1000000000000000000.00"),
        ] {
            assert_eq!(Amount::new(minor, currency).to_string(), text);
        }
    }

    #[test]
    fn periods_are_utc() {
        assert_eq!(day_name(0), "1970-01-01");
        assert_eq!(day_name(-1), "1969-12-31");
        assert_eq!(month_name(17_494), "2017-11");
        assert_eq!(Moment(-1).to_string(), "1969-12-31T23:59:59.999999Z");
    }
}
