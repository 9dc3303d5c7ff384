//! Named points of the append at which a crash test kills the process, and a simulation kills only the handle. Without the
//! features `crash-points` and `simulation` they do nothing.
//!
//! `ORDERLOG_CRASH_AT=<point>[:nth]` aborts at the nth passing (default the first) of that point, without unwinding or
//! flushing, as a kill at that instruction would. Appends then take the slow path, because the fast path has no
//! instruction of ours between its statements.

/// The points at which an append may be killed, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// No statement was sent yet.
    BeforeBegin,
    /// The head row is locked and read.
    AfterLock,
    /// Events are written but not committed.
    AfterEvents,
    /// Everything is written but not committed.
    BeforeCommit,
    /// The append is committed; the caller has no answer yet.
    AfterCommit,
}

#[cfg(feature = "crash-points")]
static PLANNED: std::sync::LazyLock<Option<(String, u64)>> = std::sync::LazyLock::new(|| {
    let planned = std::env::var("ORDERLOG_CRASH_AT").ok()?;
    let (name, nth) = planned.split_once(':').unwrap_or((&planned, "1"));
    Some((name.to_owned(), nth.parse().ok()?))
});

/// Whether a crash is planned between two statements of an append, so that it must take the slow path.
pub(crate) fn stops_within() -> bool {
    #[cfg(feature = "crash-points")]
    return PLANNED.as_ref().is_some_and(|(name, _)| name != "after-commit");
    #[cfg(not(feature = "crash-points"))]
    false
}

/// Passes a point; does not return if the environment or the simulation ends the process or handle there.
#[cfg(any(feature = "crash-points", feature = "simulation"))]
pub(crate) fn pass(point: Point) {
    let name = match point {
        Point::BeforeBegin => "before-begin",
        Point::AfterLock => "after-lock",
        Point::AfterEvents => "after-events",
        Point::BeforeCommit => "before-commit",
        Point::AfterCommit => "after-commit",
    };
    #[cfg(feature = "crash-points")]
    crash(name);
    #[cfg(feature = "simulation")]
    stage::pass(name);
}

/// Aborts if this is the point and the passing that the environment names.
#[cfg(feature = "crash-points")]
fn crash(name: &str) {
    use std::sync::atomic::{AtomicU64, Ordering};

    static PASSED: AtomicU64 = AtomicU64::new(0);

    if let Some((planned, nth)) = &*PLANNED
        && planned == name
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *nth
    {
        std::process::abort();
    }
}

/// Does nothing outside tests.
#[cfg(not(any(feature = "crash-points", feature = "simulation")))]
#[inline(always)]
pub(crate) fn pass(_point: Point) {}
