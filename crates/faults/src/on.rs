//! Which fault this process has, and whether it has struck.

use super::Fault;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

/// The environment variable that names the fault.
pub const VARIABLE: &str = "ORDERLOG_PLANTED_FAULT";

static NAMED: LazyLock<Option<Fault>> = LazyLock::new(|| {
    let name = std::env::var(VARIABLE).ok()?;
    let fault = Fault::ALL.into_iter().find(|fault| fault.name() == name);
    Some(fault.unwrap_or_else(|| panic!("{VARIABLE} names no fault: {name}")))
});

/// The number of the fault that a test has turned on, or [`NONE`].
static TURNED_ON: AtomicUsize = AtomicUsize::new(NONE);
const NONE: usize = usize::MAX;

static STRUCK: AtomicBool = AtomicBool::new(false);

/// Whether this process has the fault.
pub fn planted(fault: Fault) -> bool {
    *NAMED == Some(fault) || turned_on(fault)
}

/// The fault that the environment names, if any.
pub fn planted_one() -> Option<Fault> {
    *NAMED
}

/// Whether a test of this process has turned the fault on.
pub fn turned_on(fault: Fault) -> bool {
    TURNED_ON.load(Ordering::SeqCst) == fault as usize
}

/// Turns a fault on for the whole process; nothing else may run in it.
#[must_use]
pub fn turn_on(fault: Fault) -> TurnedOn {
    STRUCK.store(false, Ordering::SeqCst);
    TURNED_ON.store(fault as usize, Ordering::SeqCst);
    TurnedOn(())
}

/// Records that the fault has made a difference.
pub fn strike() {
    STRUCK.store(true, Ordering::SeqCst);
}

/// Turns the fault off when it is dropped.
#[derive(Debug)]
pub struct TurnedOn(());

impl TurnedOn {
    /// Whether it has made a difference.
    #[must_use]
    pub fn has_struck(&self) -> bool {
        STRUCK.load(Ordering::SeqCst)
    }
}

impl Drop for TurnedOn {
    fn drop(&mut self) {
        TURNED_ON.store(NONE, Ordering::SeqCst);
    }
}

/// A number that goes up by one each time.
pub fn arrival() -> i64 {
    static ARRIVALS: AtomicI64 = AtomicI64::new(0);
    ARRIVALS.fetch_add(1, Ordering::SeqCst)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_there_from_when_it_is_turned_on_until_it_is_dropped() {
        let on = turn_on(Fault::MarkAhead);
        assert!(planted(Fault::MarkAhead) && turned_on(Fault::MarkAhead));
        assert!(!planted(Fault::SwapWithoutDrain) && !on.has_struck());
        strike();
        assert!(on.has_struck());
        drop(on);
        assert!(!planted(Fault::MarkAhead));
    }
}
