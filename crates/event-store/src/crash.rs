//! Named points of the append at which a crash test kills the process, and a simulation lets the handle die alone;
//! nothing at all without `crash-points` and `simulation`.
//!
//! `ORDERLOG_CRASH_AT=<point>[:nth]` aborts at the nth passing (default the first) of that point, with no unwinding
//! and no flushing: what a kill at that very instruction would leave behind. Appends then take the slow path, because
//! the fast path has no instruction of ours between its statements.

/// Where the append may be killed, in the order in which it passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// Nothing was asked of the database yet.
    BeforeBegin,
    /// The head row is locked and read.
    AfterLock,
    /// Events are written, not committed.
    AfterEvents,
    /// Everything is written, not committed.
    BeforeCommit,
    /// Committed; the caller does not know yet.
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

/// Does not return if the environment or the simulation says so.
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

/// Nothing.
#[cfg(not(any(feature = "crash-points", feature = "simulation")))]
#[inline(always)]
pub(crate) fn pass(_point: Point) {}
