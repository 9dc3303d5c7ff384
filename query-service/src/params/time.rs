//! Times, read as [`domain::time`] reads them: RFC 3339 from the year 1 on, cut to microseconds, a leap second as the
//! moment after it. So a view finds the instant that an import stored. A date stands for its first moment in UTC.

use super::invalid;
use crate::wire::DAY;
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use server::Problem;

const TIME: &str = "an RFC 3339 time from the year 1 on, such as 2026-03-03T00:00:00Z";
const DATE_OR_TIME: &str = "a date or an RFC 3339 time such as 2026-03-03 or 2026-03-03T00:00:00Z";
const WHOLE_DAY: &str = "a date, or a time that is midnight in UTC: whole UTC days are counted";
/// As in [`domain::time`]: nothing happened earlier.
const FIRST_YEAR: i32 = 1;
/// `2026-03-03`
const DATE_LENGTH: usize = 10;

fn read(text: &str) -> Option<i64> {
    // A plus sign that was not percent-encoded arrives as a space.
    let plus = text.rfind(' ').filter(|at| *at > DATE_LENGTH);
    let restored = plus.map(|at| format!("{}+{}", &text[..at], &text[at + 1..]));
    let time = domain::time::parse(restored.as_deref().unwrap_or(text)).ok()?;
    Some(time.timestamp_micros())
}

/// A time, in microseconds since 1970.
fn time(parameter: &str, text: &str) -> Result<i64, Problem> {
    read(text).ok_or_else(|| invalid(parameter, TIME))
}

/// The moment of the past that a view shows.
pub(crate) fn as_of(
    parameter: &str,
    text: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Option<i64>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let at = time(parameter, text)?;
    if at > now.timestamp_micros() {
        return Err(invalid(parameter, "a time that is not in the future"));
    }
    Ok(Some(at))
}

/// A date or a time, in microseconds since 1970.
pub(crate) fn date_or_time(parameter: &str, text: Option<&str>) -> Result<Option<i64>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let plain = |byte: u8| byte.is_ascii_digit() || byte == b'-';
    let date = (text.len() == DATE_LENGTH && text.bytes().all(plain))
        .then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())
        .flatten()
        .filter(|date| date.year() >= FIRST_YEAR)
        .and_then(|date| date.and_hms_opt(0, 0, 0))
        .map(|midnight| midnight.and_utc().timestamp_micros());
    date.or_else(|| read(text)).map(Some).ok_or_else(|| invalid(parameter, DATE_OR_TIME))
}

/// A UTC day, by its date or its first moment, in days since 1970. Other times are refused rather than rounded.
pub(crate) fn day(parameter: &str, text: Option<&str>) -> Result<Option<i64>, Problem> {
    match date_or_time(parameter, text)? {
        Some(at) if at.rem_euclid(DAY) != 0 => Err(invalid(parameter, WHOLE_DAY)),
        at => Ok(at.map(|at| at.div_euclid(DAY))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_and_cut_to_microseconds() {
        let noon = 1_772_539_200_000_000;
        for (text, expected) in [
            ("2026-03-03T12:00:00Z", Some(noon)),
            ("2026-03-03T13:00:00+01:00", Some(noon)),
            ("2026-03-03T13:00:00 01:00", Some(noon)),
            ("2026-03-03T12:00:00.1234569Z", Some(noon + 123_456)),
            ("2016-12-31T23:59:60.5Z", Some(1_483_228_800_000_000)),
            ("2017-01-01T00:59:60 01:00", Some(1_483_228_800_000_000)),
            ("2016-12-31T12:00:60Z", None),
            ("2026-03-03", None),
            ("2026-03-03T12:00:00", None),
            ("2026-13-03T12:00:00Z", None),
            ("yesterday", None),
            ("é é é é é é", None),
            ("", None),
            ("0001-01-01T00:00:00Z", Some(-62_135_596_800_000_000)),
            ("0001-01-01T00:00:00+00:01", None),
            ("0000-12-31T23:59:59Z", None),
        ] {
            assert_eq!(time("t", text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_date_is_its_first_moment_in_utc() {
        let midnight = date_or_time("from", Some("2026-03-03")).unwrap();
        assert_eq!(midnight, date_or_time("from", Some("2026-03-03T00:00:00Z")).unwrap());
        for bad in ["2026-3-03", "2026-02-30", "20260303", "+026-03-03", "0000-12-31"] {
            assert!(date_or_time("from", Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_day_is_its_date_or_its_first_moment_and_nothing_between() {
        for (text, expected) in [
            ("1970-01-02", Some(1)),
            ("1970-01-02T00:00:00Z", Some(1)),
            ("1970-01-02T01:00:00+01:00", Some(1)),
            ("1969-12-31", Some(-1)),
            ("1972-06-30T23:59:60Z", Some(912)),
            ("1970-01-02T00:00:00.000001Z", None),
            ("1970-01-02T00:00:00+01:00", None),
        ] {
            assert_eq!(day("from", Some(text)).ok().flatten(), expected, "{text}");
        }
    }

    #[test]
    fn the_future_is_refused() {
        let now = DateTime::from_timestamp_micros(1_000_000).unwrap();
        assert_eq!(as_of("as_of", Some("1970-01-01T00:00:01Z"), now).unwrap(), Some(1_000_000));
        assert!(as_of("as_of", Some("1970-01-01T00:00:01.000001Z"), now).is_err());
        assert_eq!(as_of("as_of", None, now).unwrap(), None);
    }
}
