//! `/healthz`, `/readyz`, `/metrics`.

/// The named parts that must be fit before a service calls itself ready, and whether it is draining.
#[derive(Debug, Clone, Default)]
pub struct Readiness;

impl Readiness {
    /// Reports a part's condition; `Err` names what is wrong and what to do.
    pub fn set(&self, part: &'static str, condition: Result<(), String>) { let _ = (part, condition); todo!() }
    /// From now on `/readyz` answers 503.
    pub fn drain(&self) { todo!() }
    /// True from SIGTERM on: long-lived streams end.
    pub fn is_draining(&self) -> bool { todo!() }
}
