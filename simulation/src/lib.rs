//! What a simulation controls in each part of the system: the clock, the ids, and named points.
//!
//! Parts contain this only under their feature `simulation`, which no program has. A stage belongs to a thread. So
//! simulations of several seeds run in parallel in one process, each on a runtime of one thread. A part that comes to a
//! named point goes on, unless the simulation has armed that passing. Then it waits there until it is released, fails
//! like a storage that refuses, or dies. The stage tells the driver whether an actor rests, so that nothing depends on
//! the speed of a library's threads.
//!
//! Without a stage on its thread, everything here does nothing.

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
    /// Whether the driven actor says itself that it rests.
    by_word: bool,
    /// The verdicts that have not struck, by actor.
    armed: BTreeMap<Actor, Arm>,
    /// The actors that wait at a point, and the way to release each.
    waiting: BTreeMap<Actor, Waiting>,
    /// The actors that were released but not driven since.
    free: BTreeMap<Actor, (oneshot::Sender<Verdict>, Verdict)>,
    /// The actor that has died, and the point.
    dead: Option<(Actor, &'static str)>,
    /// Open questions to the log, by actor. An actor that waits at a point does not hear its answer, and must not keep
    /// others from resting.
    asking: BTreeMap<Actor, usize>,
    resting: BTreeMap<Actor, usize>,
    /// Open transactions.
    holding: usize,
    /// Tasks that run outside the driven actor.
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

/// Something that the stage counts until this is dropped.
#[derive(Debug)]
pub struct Lasting {
    whose: Actor,
    count: fn(&mut Stage, Actor) -> &mut usize,
    /// Whether the driver may be waiting for its end.
    awaited: bool,
}

impl Lasting {
    /// Begins it, for the driven actor.
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

/// A question to the log is open until this is dropped.
pub fn asking() -> Lasting {
    Lasting::begin(|stage, actor| stage.asking.entry(actor).or_default(), true)
}

/// The actor only waits for time to pass or for news, until this is dropped.
pub fn resting() -> Lasting {
    Lasting::begin(|stage, actor| stage.resting.entry(actor).or_default(), false)
}

/// A transaction keeps others from writing until this is dropped.
pub fn holding() -> Lasting {
    Lasting::begin(|stage, _| &mut stage.holding, false)
}

/// A task runs outside the driven actor until this is dropped; until then no other actor is driven.
pub fn background() -> Lasting {
    Lasting::begin(|stage, _| &mut stage.background, true)
}
