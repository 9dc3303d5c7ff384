//! The counts of a run: a walk that did nothing must not count as one that found nothing.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! tally {
    ($($name:ident),+ $(,)?) => {
        #[derive(Debug, Default)]
        pub struct Tally {
            $(pub $name: Count,)+
        }

        impl fmt::Display for Tally {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let counts = [$((stringify!($name), self.$name.get()),)+];
                let counts = counts.map(|(name, count)| format!("{name} {count}"));
                f.write_str(&counts.join(", "))
            }
        }
    };
}

tally!(
    walks,
    phases,
    commands,
    accepted,
    refused,
    replays,
    dry_runs,
    checks,
    imports,
    imported_lines,
    races,
    unanswered,
    settled,
    restarts,
    kills,
    services,
    rebuilds,
    events,
    streams,
    heard,
    browsed,
);

#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    pub fn one(&self) {
        self.more(1);
    }

    pub fn more(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
