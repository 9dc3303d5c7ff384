//! The breaker: a pure state machine, with time passed in.
//!
//! *Closed*, it counts outcomes over a sliding window, and opens when too many of them blame the provider. *Open*, it
//! lets nothing through for a while. *Half open*, it lets one probe through: a good one closes it, any other end opens it
//! for another while. So an ailing provider gets one probe per while at most.
//!
//! The crate `failsafe` was considered. Half open, it lets every call through until the first one ends, and it reads the
//! machine's clock, which tests cannot move.

use std::time::Duration;

/// The parts of the window: outcomes leave it a part at a time.
const PARTS: u32 = 10;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// How long an outcome counts.
    pub window: Duration,
    /// How many outcomes there must be before it may open; 1 at least.
    pub least: u32,
    /// It opens when this many of a hundred outcomes, or more, blame the provider.
    pub percent: u32,
    /// How long nothing is let through.
    pub open_for: Duration,
}

/// What a breaker does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Every try is let through.
    Closed,
    /// No try is let through.
    Open,
    /// One try is under way, or may begin.
    HalfOpen,
}

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The provider answered, be it with a refusal.
    Good,
    /// The provider was silent or failed.
    Bad,
    /// Nobody waited for the end.
    Abandoned,
}

/// The permission for one try. It is given back with the try's outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// Passes from before the last change of phase count for nothing.
    epoch: u64,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed,
    Open { until: Duration },
    Probing,
}

#[derive(Debug, Clone, Copy, Default)]
struct Part {
    number: u64,
    all: u32,
    bad: u32,
}

/// The breaker of one provider. Times are counted from any one moment.
#[derive(Debug, Clone)]
pub struct Breaker {
    settings: BreakerSettings,
    state: State,
    since: Duration,
    epoch: u64,
    parts: [Part; PARTS as usize],
}

impl Breaker {
    /// A closed breaker.
    pub fn new(settings: BreakerSettings) -> Self {
        let parts = [Part::default(); PARTS as usize];
        Self { settings, state: State::Closed, since: Duration::ZERO, epoch: 0, parts }
    }

    /// Lets a try through, or says when the next one may begin.
    ///
    /// # Errors
    /// The time to wait.
    pub fn permit(&mut self, now: Duration) -> Result<Pass, Duration> {
        match self.state {
            State::Closed => Ok(Pass { epoch: self.epoch }),
            State::Open { until } if now < until => Err(until - now),
            State::Open { .. } => {
                self.change(State::Probing, now);
                Ok(Pass { epoch: self.epoch })
            }
            State::Probing => Err(self.settings.open_for),
        }
    }

    /// Takes the outcome of a try that was let through.
    pub fn settle(&mut self, now: Duration, pass: Pass, outcome: Outcome) {
        if pass.epoch != self.epoch {
            return;
        }
        match (self.state, outcome) {
            (State::Probing, Outcome::Good) => {
                self.parts = [Part::default(); PARTS as usize];
                self.change(State::Closed, now);
            }
            (State::Probing, _) => self.open(now),
            (State::Closed, Outcome::Abandoned) | (State::Open { .. }, _) => {}
            (State::Closed, outcome) => {
                self.count(now, outcome);
                let (all, bad) = self.sums(now);
                let percent = u64::from(bad) * 100;
                let enough = all >= self.settings.least.max(1);
                if enough && percent >= u64::from(all) * u64::from(self.settings.percent) && bad > 0
                {
                    self.open(now);
                }
            }
        }
    }

    /// What it does, and since when.
    pub fn phase(&self) -> (Phase, Duration) {
        let phase = match self.state {
            State::Closed => Phase::Closed,
            State::Open { .. } => Phase::Open,
            State::Probing => Phase::HalfOpen,
        };
        (phase, self.since)
    }

    fn open(&mut self, now: Duration) {
        let until = now.saturating_add(self.settings.open_for);
        self.change(State::Open { until }, now);
    }

    fn change(&mut self, state: State, now: Duration) {
        self.state = state;
        self.since = now;
        self.epoch += 1;
    }

    /// The number of the window's part that a time lies in.
    fn part_at(&self, now: Duration) -> u64 {
        let part = (self.settings.window / PARTS).as_nanos().max(1);
        u64::try_from(now.as_nanos() / part).unwrap_or(u64::MAX)
    }

    fn count(&mut self, now: Duration, outcome: Outcome) {
        let number = self.part_at(now);
        let place = usize::try_from(number % u64::from(PARTS)).unwrap_or(0);
        let part = &mut self.parts[place];
        if part.number != number {
            *part = Part { number, all: 0, bad: 0 };
        }
        part.all = part.all.saturating_add(1);
        if outcome == Outcome::Bad {
            part.bad = part.bad.saturating_add(1);
        }
    }

    fn sums(&self, now: Duration) -> (u32, u32) {
        let number = self.part_at(now);
        let counts = |it: &&Part| it.number.saturating_add(u64::from(PARTS)) > number;
        let parts = self.parts.iter().filter(counts);
        parts.fold((0, 0), |(all, bad): (u32, u32), part| {
            (all.saturating_add(part.all), bad.saturating_add(part.bad))
        })
    }
}
