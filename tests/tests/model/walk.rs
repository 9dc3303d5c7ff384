//! One walk: a fresh system, and walkers that work at the same time, each on its own orders, in calm weather and in
//! storms. In the quiet between, everything that the views show is checked.
//!
//! A walk follows from its seed, except for the moments at which a storm strikes.

use crate::answer::Checked;
use crate::browser::Browser;
use crate::door::{Door, Keeper};
use crate::journal::Journal;
use crate::lies::{Liar, Lie};
use crate::listener::Listener;
use crate::quiet::Quiet;
use crate::system::{Shape, System};
use crate::tally::Tally;
use crate::walker::Walker;
use oracle::world::World;
use rig::rng::Rng;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// The size of a walk.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub walkers: u64,
    /// Steps of each walker in a phase.
    pub steps: u64,
    pub phases: u64,
    /// The most strikes of a storm in a phase.
    pub strikes: u64,
}

/// The number of phases for each storm, on average.
const CALM_PHASES: u64 = 2;
/// In a storm that lasts longer, a walker takes at most its steps times this number.
const LONGEST_STORM: u64 = 20;
/// The longest time between strikes; the moment is the random input.
const LULL: Duration = Duration::from_millis(600);

struct Walk {
    system: System,
    keeper: Keeper,
    door: Door,
    rng: Rng,
    walkers: Vec<Walker>,
    listener: Listener,
    browser: Browser,
    journal: Journal,
    tally: Arc<Tally>,
    fed: u64,
}

/// Walks; returns what is wrong, with the last steps, if anything is.
pub async fn walk(
    (seed, shape): (u64, Shape),
    size: Size,
    (lie, until): (Option<Lie>, Instant),
    tally: &Arc<Tally>,
) -> Checked {
    let mut rng = Rng::of(seed);
    let system = System::start(shape).await;
    let liar = lie.map(|lie| Arc::new(Liar::new(lie)));
    let (keeper, door) =
        Door::open((system.shop().await, system.is_scaled_out()), liar, Arc::clone(tally));
    let walkers = (0..size.walkers).map(|number| Walker::new(number, rng.fork(), door.clone()));
    let walkers = walkers.collect();
    let (journal, tally) = (Journal::default(), Arc::clone(tally));
    let listener = Listener::new(door.clone());
    let browser = Browser { door: door.clone(), rng: rng.fork(), journal: Journal::default() };
    let mut walk =
        Walk { system, keeper, door, rng, walkers, listener, browser, journal, tally, fed: 0 };
    for phase in 0..size.phases {
        if phase > 0 && Instant::now() >= until {
            break;
        }
        let stormy = lie.is_none() && size.strikes > 0 && walk.rng.below(CALM_PHASES + 1) == 0;
        walk.phase(size, (stormy, lie.is_none())).await?;
        walk.quiet().await.map_err(|why| report(&why, "quiet", &walk.journal))?;
        walk.tally.phases.one();
    }
    walk.tally.events.more(walk.fed);
    walk.tally.walks.one();
    walk.system.end().await
}

fn report(why: &str, who: &str, journal: &Journal) -> String {
    format!("{who}:\n{why}\n\nthe last steps:\n{}", journal.text())
}

impl Walk {
    /// Every walker takes its steps, in a storm or not, and goes on until the storm is over. Meanwhile projections may
    /// be rebuilt.
    async fn phase(&mut self, size: Size, (stormy, rebuilds): (bool, bool)) -> Checked {
        self.keeper.storm(stormy);
        let before = self.world().at(None);
        let striking = Arc::new(AtomicBool::new(stormy));
        let mut walking = JoinSet::new();
        let mut journals = Vec::new();
        for mut walker in std::mem::take(&mut self.walkers) {
            journals.push((format!("walker {}", walker.number), walker.journal.clone()));
            let striking = Arc::clone(&striking);
            walking.spawn(async move {
                for step in 0..size.steps * LONGEST_STORM {
                    if step >= size.steps && !striking.load(Ordering::SeqCst) {
                        break;
                    }
                    let stepped = walker.step().await;
                    stepped.map_err(|why| {
                        report(&why, &format!("walker {}", walker.number), &walker.journal)
                    })?;
                }
                Ok::<_, String>(walker)
            });
        }
        let rebuild = (rebuilds && self.rng.chance(35)).then(|| self.system.rebuild(&mut self.rng));
        let rebuilding = async {
            let Some(rebuild) = rebuild else { return Ok(()) };
            self.tally.rebuilds.one();
            let output = rebuild.run().await;
            match output.status.success() {
                true => Ok(()),
                false => Err(format!("a rebuild: {output:?}")),
            }
        };
        let storm = async {
            if stormy {
                let strikes = 1 + self.rng.below(size.strikes);
                storm((&mut self.system, &self.keeper), &mut self.rng, &self.tally, strikes).await;
                striking.store(false, Ordering::SeqCst);
            }
        };
        let browsing = self.browser.browse(&before, self.fed);
        let ((), rebuilt, browsed, walked) =
            tokio::join!(storm, rebuilding, browsing, joined(&mut walking, &journals));
        self.keeper.storm(false);
        self.walkers = walked?;
        self.walkers.sort_by_key(|walker| walker.number);
        browsed.map_err(|why| report(&why, "browser", &self.browser.journal))?;
        rebuilt
    }

    fn world(&self) -> World {
        let streams = self.walkers.iter().flat_map(|walker| &walker.streams);
        World(streams.map(|(id, stream)| (*id, stream.clone())).collect())
    }

    async fn quiet(&mut self) -> Checked {
        let world = self.world();
        let head = self.door.head(&mut self.rng).await?;
        let (door, rng, journal, fed) =
            (&mut self.door, &mut self.rng, &self.journal, &mut self.fed);
        Quiet { world: &world, door, rng, journal, head, listener: &self.listener, fed }
            .holds()
            .await
    }
}

/// Strikes repeatedly, each time at a random moment.
async fn storm(
    (system, keeper): (&mut System, &Keeper),
    rng: &mut Rng,
    tally: &Tally,
    strikes: u64,
) {
    for _ in 0..strikes {
        let lull =
            Duration::from_micros(rng.below(u64::try_from(LULL.as_micros()).expect("short")));
        sleep_until(Instant::now() + lull).await;
        system.strike(rng, tally).await;
        keeper.moved(system.shop().await);
    }
}

/// Waits for every walker; if one panicked, the report is its journal.
async fn joined(
    walking: &mut JoinSet<Result<Walker, String>>,
    journals: &[(String, Journal)],
) -> Checked<Vec<Walker>> {
    let mut walkers = Vec::new();
    while let Some(ended) = walking.join_next().await {
        let ended = ended.map_err(|panic| {
            let reports = journals.iter().map(|(who, journal)| report("", who, journal));
            format!("{panic}\n{}", reports.collect::<Vec<_>>().join("\n"))
        });
        walkers.push(ended??);
    }
    Ok(walkers)
}
