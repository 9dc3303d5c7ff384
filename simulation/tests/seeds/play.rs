//! One seed, from an empty log to its last quiet moment.

use crate::trace::Trace;
use crate::world::log::{Backend, Log};
use crate::world::{Checked, World};
use futures::FutureExt;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::mpsc;

/// The least number of steps between two quiet moments (the most is twice that), and the number of quiet moments.
const STEPS: u64 = 60;
const MOMENTS: u64 = 3;
/// One of this number of seeds is longer, by this factor, and so has a longer log.
const LONG: (u64, u64) = (50, 10);

/// The real interval at which timers advance on a stored log, and by how much. The wall clock stays.
const TICK: Duration = Duration::from_millis(100);

/// The outcome of a seed.
pub struct Played {
    pub outcome: Checked,
    pub trace: Trace,
    pub steps: u64,
    /// How often each thing happened.
    pub counts: BTreeMap<String, u64>,
}

/// Plays a seed on this thread, in a runtime of its own.
pub fn play(seed: u64, backend: Backend) -> Played {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let tick = if backend == Backend::Memory { Duration::MAX } else { TICK };
    let (ticks, mut ticked) = mpsc::channel(1);
    // While a task blocks, paused time stands still; otherwise it would run ahead whenever no task is ready.
    runtime.spawn_blocking(move || {
        while ended.recv_timeout(tick) == Err(RecvTimeoutError::Timeout) {
            // Ticks for which the runtime has no time are skipped.
            let _ = ticks.try_send(());
        }
    });
    // A database client may wait for time to pass while all actors wait for its answer.
    runtime.spawn(async move {
        while ticked.recv().await.is_some() {
            tokio::time::advance(TICK).await;
        }
    });
    let played = runtime.block_on(async {
        let mut world = World::open(seed, backend).await;
        let mut steps = 0;
        let run = AssertUnwindSafe(run(&mut world, &mut steps)).catch_unwind().await;
        let mut outcome = run.unwrap_or_else(|_| Err("something panicked, see above".to_owned()));
        for ((point, verdict), times) in world.hand.struck() {
            *world.counts.entry(format!("{verdict:?} at {point}")).or_default() += times;
        }
        let World { trace, counts, log, .. } = world;
        if let Log::Stored(_, Some(database)) = log {
            let removed = database.remove().await.map_err(|error| error.to_string());
            outcome = outcome.and(removed);
        }
        Played { outcome, trace, steps, counts }
    });
    drop(end);
    played
}

async fn run(world: &mut World, steps: &mut u64) -> Checked {
    world.begin().await;
    let (one_of, times) = LONG;
    let least = if world.chance.below(one_of) == 0 { STEPS * times } else { STEPS };
    for _ in 0..MOMENTS {
        for _ in 0..least + world.chance.below(least) {
            *steps += 1;
            world.step().await?;
        }
        world.quiet().await?;
    }
    Ok(())
}
