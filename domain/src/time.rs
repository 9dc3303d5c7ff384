//! Times from outside: RFC 3339, read in one way everywhere (imports, queries).
//!
//! A time is one instant in every view, so texts with two readings are settled here. A leap second (`23:59:60Z` on June
//! 30 or December 31, or the same moment in another offset) becomes the `00:00:00Z` that follows it. So does each of
//! its fractions, which keeps its events before later ones. `:60` anywhere else is not a time. Digits beyond
//! microseconds are cut off. No time lies before the year 1, because no two calendars agree on what that would be. No
//! time lies after the year 9999 in UTC, which only an offset or a leap second could name.

use chrono::{DateTime, Datelike, NaiveTime, SubsecRound, TimeDelta, Timelike, Utc};

/// A moment in UTC, with microseconds: the log's resolution.
pub type Timestamp = DateTime<Utc>;

/// The first year that is accepted.
const FIRST_YEAR: i32 = 1;
/// The last year that RFC 3339 can write.
const LAST_YEAR: i32 = 9_999;
/// Month and day (in UTC) whose last minute may have 61 seconds.
const LEAP_DAYS: [(u32, u32); 2] = [(6, 30), (12, 31)];
/// chrono keeps a leap second as the second before it, with at least this many nanoseconds.
const LEAP_NANOSECONDS: u32 = 1_000_000_000;

/// Why a text is not accepted as a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not RFC 3339, or a moment that does not exist.
    #[error("must be an RFC 3339 time: 2026-03-03T00:00:00Z")]
    Malformed,
    /// Before the year 1, in UTC.
    #[error("must not be before 0001-01-01T00:00:00Z")]
    TooEarly,
    /// After the year 9999, in UTC: it could not be written.
    #[error("must not be after 9999-12-31T23:59:59.999999Z")]
    TooLate,
}

/// Reads an RFC 3339 time with any offset.
///
/// # Errors
/// [`TimeError`].
pub fn parse(text: &str) -> Result<Timestamp, TimeError> {
    // chrono takes U+2212 for a minus sign; the grammar is of ASCII only.
    if !text.is_ascii() {
        return Err(TimeError::Malformed);
    }
    let time = DateTime::parse_from_rfc3339(text).map_err(|_| TimeError::Malformed)?.to_utc();
    if is_leap(time) && !may_leap(time) {
        return Err(TimeError::Malformed);
    }
    if time.year() < FIRST_YEAR {
        return Err(TimeError::TooEarly);
    }
    let time = settle(time).trunc_subsecs(6);
    if time.year() > LAST_YEAR {
        return Err(TimeError::TooLate);
    }
    Ok(time)
}

/// The one instant that a time means: a leap second becomes the first moment after it, any other time stays as it is.
pub fn settle(time: Timestamp) -> Timestamp {
    if !is_leap(time) {
        return time;
    }
    let before = time.with_nanosecond(0).unwrap_or(time);
    before.checked_add_signed(TimeDelta::seconds(1)).unwrap_or(before)
}

fn is_leap(time: Timestamp) -> bool {
    time.nanosecond() >= LEAP_NANOSECONDS
}

fn may_leap(time: Timestamp) -> bool {
    let last = NaiveTime::from_hms_opt(23, 59, 59);
    time.time().with_nanosecond(0) == last && LEAP_DAYS.contains(&(time.month(), time.day()))
}
