//! The random choices of a seed.

use rig::rng::Rng;
use uuid::Uuid;

/// The random numbers of one seed.
#[derive(Debug)]
pub struct Chance(Rng);

impl Chance {
    /// The generator of a seed; consecutive seeds give unrelated numbers.
    pub fn of(seed: u64) -> Self {
        Self(Rng::of(seed.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1)))
    }

    /// A number below `bound`, which is above 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    /// An index below `count`, which is above 0.
    pub fn index(&mut self, count: usize) -> usize {
        self.0.index(count)
    }

    /// True in `percent` of a hundred draws.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.0.chance(percent)
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        *self.0.pick(of)
    }

    pub fn uuid(&mut self) -> Uuid {
        self.0.uuid()
    }
}
