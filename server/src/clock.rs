//! The one place that reads the wall clock, cut to microseconds.

/// Now, in UTC, with microseconds.
pub fn now() -> chrono::DateTime<chrono::Utc> {
    let now = chrono::Utc::now();
    chrono::DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
}

/// The wire form of a time: `2026-03-03T00:00:00.000000Z`.
pub fn wire(time: chrono::DateTime<chrono::Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}
