//! A seeded generator (SplitMix64): a failed run is repeated by its printed seed.

use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// A source of random numbers.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// Seeded by `ORDERLOG_SEED`, else by the clock; prints the seed, so that the run can be repeated.
    ///
    /// # Panics
    /// When the variable is not a number.
    pub fn printed(test: &str) -> Self {
        let seed = Self::seed();
        println!("{test}: ORDERLOG_SEED={seed}");
        Self(seed)
    }

    /// The seed of this run: `ORDERLOG_SEED`, else the clock's.
    ///
    /// # Panics
    /// When the variable is not a number.
    pub fn seed() -> u64 {
        match std::env::var("ORDERLOG_SEED") {
            Ok(seed) => seed.parse().expect("ORDERLOG_SEED is a number"),
            Err(_) => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(1, |since| u64::from(since.subsec_nanos()) ^ since.as_secs()),
        }
    }

    /// A generator with this seed.
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// A separate generator for one worker.
    pub fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// The next 64 bits.
    #[allow(clippy::should_implement_trait)] // never ends, so it is no iterator
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// True in `percent` of a hundred draws.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// An index below `count`.
    ///
    /// # Panics
    /// When it is above what a `u64` holds.
    pub fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count as u64)).expect("below a usize")
    }

    /// A random element.
    ///
    /// # Panics
    /// When there is no element.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.index(from.len())]
    }

    /// A random UUID.
    pub fn uuid(&mut self) -> Uuid {
        let bits = (u128::from(self.next()) << 64) | u128::from(self.next());
        uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
    }
}
