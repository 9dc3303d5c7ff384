//! The one place that reads the wall clock, cut to microseconds. In a simulation the clock is the stage's.

/// Now, in UTC, with microseconds.
pub fn now() -> chrono::DateTime<chrono::Utc> {
    #[cfg(feature = "simulation")]
    if let Some(now) = stage::now() {
        return now;
    }
    let now = chrono::Utc::now();
    chrono::DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
}

/// An id that is unique for ever and sorts by the time it was made.
pub fn id() -> uuid::Uuid {
    #[cfg(feature = "simulation")]
    if let Some(id) = stage::id() {
        return id;
    }
    uuid::Uuid::now_v7()
}

/// The wire form of a time: `2026-03-03T00:00:00.000000Z`.
pub fn wire(time: chrono::DateTime<chrono::Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}
