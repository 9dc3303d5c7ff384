//! Named points: where a part may be made to wait, fail or die.

use super::{Stage, Waiting, with};
use std::future::pending;
use std::panic::resume_unwind;
use tokio::sync::oneshot;

/// What happens to an actor at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing.
    GoOn,
    /// It waits until it is released with another verdict.
    Wait,
    /// It fails, like a storage that refuses here.
    Fail,
    /// It dies: nothing after this point runs.
    Die,
}

/// A failure that the simulation has ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Struck;

enum Fate {
    GoOn,
    Fail,
    Die,
    Wait(oneshot::Receiver<Verdict>),
}

/// Comes to a point where the actor may be made to wait.
///
/// # Errors
/// [`Struck`], if it fails here.
pub async fn reach(point: &'static str) -> Result<(), Struck> {
    match with(|stage| stage.fate(point, |_| true)).unwrap_or(Fate::GoOn) {
        Fate::GoOn => Ok(()),
        Fate::Fail => Err(Struck),
        Fate::Die => pending().await,
        Fate::Wait(go) => match go.await {
            Ok(Verdict::Fail) => Err(Struck),
            Ok(Verdict::Die) | Err(_) => pending().await,
            Ok(Verdict::GoOn | Verdict::Wait) => Ok(()),
        },
    }
}

/// Comes to a point where others would wait for the actor, so it never waits here. Its death unwinds, so that
/// everything it holds is released, as at the end of a process.
pub fn pass(point: &'static str) {
    let fate = with(|stage| stage.fate(point, |verdict| verdict == Verdict::Die));
    if let Some(Fate::Die) = fate {
        resume_unwind(Box::new("it died where the simulation said"));
    }
}

/// As [`pass`], for an actor that is dropped when it is dead.
pub async fn outlive(point: &'static str) {
    let fate = with(|stage| stage.fate(point, |verdict| verdict == Verdict::Die));
    if let Some(Fate::Die) = fate {
        pending::<()>().await;
    }
}

/// Comes to a point after the work is done, where only the answer may be lost.
///
/// # Errors
/// [`Struck`], if the answer is lost.
pub fn lose(point: &'static str) -> Result<(), Struck> {
    match with(|stage| stage.fate(point, |verdict| verdict == Verdict::Fail)) {
        Some(Fate::Fail) => Err(Struck),
        _ => Ok(()),
    }
}

impl Stage {
    /// The fate of an actor at a point where only some verdicts are possible; the others wait for the next point.
    fn fate(&mut self, point: &'static str, possible: impl Fn(Verdict) -> bool) -> Fate {
        *self.passed.entry(point).or_default() += 1;
        let Some(armed) = self.armed.get_mut(&self.driven) else { return Fate::GoOn };
        if armed.point.is_some_and(|armed| armed != point) {
            return Fate::GoOn;
        }
        if armed.after > 0 {
            armed.after -= 1;
            return Fate::GoOn;
        }
        let verdict = armed.verdict;
        // An actor never waits while it holds what others need, nor at two points at once. It does not wait in a
        // read-ahead page either: its reader would go on meanwhile, and its progress would depend on threads, not on
        // the seed.
        let ahead = self.by_word && point == "log: feed" && tokio::task::try_id().is_some();
        let busy = self.holding > 0 || self.waiting.contains_key(&self.driven) || ahead;
        let waits = verdict == Verdict::Wait && busy;
        if waits || !possible(verdict) {
            return Fate::GoOn;
        }
        self.armed.remove(&self.driven);
        *self.struck.entry((point, verdict)).or_default() += 1;
        let fate = match verdict {
            Verdict::GoOn => return Fate::GoOn,
            Verdict::Fail => return Fate::Fail,
            Verdict::Die => {
                self.dead = Some((self.driven, point));
                Fate::Die
            }
            Verdict::Wait => {
                let (go, gone) = oneshot::channel();
                self.waiting.insert(self.driven, Waiting { point, go });
                Fate::Wait(gone)
            }
        };
        if let Some(driver) = &self.driver {
            driver.wake_by_ref();
        }
        fate
    }
}
