//! What a simulation holds of each part of the system: the clock, the ids, and named points.
//!
//! Parts are built with this only under their feature `simulation`; no program is. A stage belongs to a thread, so that
//! simulations of several seeds run side by side in one process, each on a runtime of one thread. A part that comes to a
//! named point goes on, unless the simulation has armed that passing: then it waits there until it is let go, is
//! refused as by a storage that fails, or dies there. The driver of the parts learns from the stage whether one has
//! come to rest, so that nothing depends on how fast a library's threads are.
//!
//! Without a stage on its thread, everything here lets everything pass.

mod hand;
mod point;

pub use hand::{Actor, Arm, Hand, Rest, Stop};
pub use point::{Struck, Verdict, lose, outlive, pass, reach};

use chrono::{DateTime, Utc};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::task::Waker;
use tokio::sync::oneshot;
use uuid::Uuid;

thread_local! {
    static STAGE: RefCell<Option<Stage>> = const { RefCell::new(None) };
}

/// One simulation's hold on its thread.
#[derive(Debug, Default)]
struct Stage {
    /// Microseconds since 1970.
    now: i64,
    ids: u64,
    driven: Actor,
    /// Who is driven says itself that it has come to rest.
    by_word: bool,
    /// What is to strike whom.
    armed: BTreeMap<Actor, Arm>,
    /// Who waits at which point, and how to let them go.
    waiting: BTreeMap<Actor, Waiting>,
    /// Who is let go, and has not been driven since.
    free: BTreeMap<Actor, (oneshot::Sender<Verdict>, Verdict)>,
    /// Who has come to the point of their death.
    dead: Option<(Actor, &'static str)>,
    /// Questions to the log that are not answered, by actor. One that waits at a point does not hear its answer, and must not
    /// keep others from resting.
    asking: BTreeMap<Actor, usize>,
    resting: BTreeMap<Actor, usize>,
    /// Transactions that are open.
    holding: usize,
    /// Tasks that work apart from the one that is driven.
    background: usize,
    passed: BTreeMap<&'static str, u64>,
    struck: BTreeMap<(&'static str, Verdict), u64>,
    driver: Option<Waker>,
}

#[derive(Debug)]
struct Waiting {
    point: &'static str,
    go: oneshot::Sender<Verdict>,
}

fn with<T>(run: impl FnOnce(&mut Stage) -> T) -> Option<T> {
    STAGE.with(|stage| stage.borrow_mut().as_mut().map(run))
}

/// The simulated time; `None` without a stage.
pub fn now() -> Option<DateTime<Utc>> {
    with(|stage| DateTime::from_timestamp_micros(stage.now)).flatten()
}

/// The next id: time and a number, nothing random; `None` without a stage.
pub fn id() -> Option<Uuid> {
    with(|stage| {
        stage.ids += 1;
        let millis = u64::try_from(stage.now / 1_000).unwrap_or(0);
        let mut bytes = [0; 10];
        bytes[2..].copy_from_slice(&stage.ids.to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
    })
}

/// Something that the stage counts until it is dropped.
#[derive(Debug)]
pub struct Lasting {
    whose: Actor,
    count: fn(&mut Stage, Actor) -> &mut usize,
    /// Its end is what the driver may be waiting for.
    awaited: bool,
}

impl Lasting {
    /// It begins, for the actor who is driven.
    fn begin(count: fn(&mut Stage, Actor) -> &mut usize, awaited: bool) -> Self {
        let driven = with(|stage| {
            let driven = stage.driven;
            *count(stage, driven) += 1;
            driven
        });
        Self { whose: driven.unwrap_or_default(), count, awaited }
    }
}

impl Drop for Lasting {
    fn drop(&mut self) {
        let driver = with(|stage| {
            let count = (self.count)(stage, self.whose);
            *count = count.saturating_sub(1);
            stage.driver.clone().filter(|_| self.awaited)
        });
        if let Some(driver) = driver.flatten() {
            driver.wake();
        }
    }
}

/// A question to the log is on its way, until dropped.
pub fn asking() -> Lasting {
    Lasting::begin(|stage, actor| stage.asking.entry(actor).or_default(), true)
}

/// The actor has nothing to do but wait for time to pass or for news, until dropped.
pub fn resting() -> Lasting {
    Lasting::begin(|stage, actor| stage.resting.entry(actor).or_default(), false)
}

/// A transaction keeps others from writing, until dropped.
pub fn holding() -> Lasting {
    Lasting::begin(|stage, _| &mut stage.holding, false)
}

/// A task is at work apart from the one that is driven, until dropped; until then nobody else is driven.
pub fn background() -> Lasting {
    Lasting::begin(|stage, _| &mut stage.background, true)
}
