//! Times on the wire: RFC 3339 in UTC with microseconds, `2026-03-03T00:00:00.000000Z`.

use crate::time::{Timestamp, settle};
use chrono::{Datelike, SubsecRound, Timelike};
use serde::{Deserialize, Deserializer, Serializer};
use std::fmt;

/// A time, displayed in its wire form.
#[derive(Debug, Clone, Copy)]
pub struct Wire(pub Timestamp);

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settled = settle(self.0);
        let (date, time) = (settled.date_naive(), settled.time());
        let micros = time.nanosecond() / 1_000;
        match date.year() {
            year @ 0..=9_999 => write!(f, "{year:04}")?,
            // The form that can be read back; only an earlier rule let in such years.
            year => write!(f, "{year:+05}")?,
        }
        write!(f, "-{:02}-{:02}", date.month(), date.day())?;
        write!(f, "T{:02}:{:02}:{:02}.{micros:06}Z", time.hour(), time.minute(), time.second())
    }
}

impl serde::Serialize for Wire {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Wire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer).map(Self)
    }
}

/// For `#[serde(with)]`.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Wire(*time))
}

/// For `#[serde(with)]`: any RFC 3339 time, truncated to microseconds.
///
/// # Errors
/// When the text is not a time.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    Timestamp::deserialize(deserializer).map(|time| settle(time).trunc_subsecs(6))
}
