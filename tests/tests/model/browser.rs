//! A client that pages through lists while others send commands: cursors stay valid while orders arrive.

use crate::answer::Checked;
use crate::door::Door;
use crate::generate;
use crate::journal::Journal;
use crate::quiet::Quiet;
use oracle::lists::{Asked, check_meanwhile};
use oracle::world::Then;
use rig::rng::Rng;

/// Lists that are read in one phase.
const LISTS: usize = 3;

#[derive(Debug)]
pub struct Browser {
    pub door: Door,
    pub rng: Rng,
    pub journal: Journal,
}

impl Browser {
    /// Reads lists to their ends in short pages; every order of `before` is at or below the position.
    pub async fn browse(&mut self, before: &[Then], position: u64) -> Checked {
        // The lists of a quiet moment are read first.
        let lists = if before.is_empty() { 0 } else { LISTS };
        for _ in 0..lists {
            let asked = self.asked();
            let path = format!("/v1/orders?{}", asked.query());
            let path = path.trim_end_matches('?');
            self.journal.step(&format!("meanwhile: GET {path} at {position}"));
            let longest = if self.rng.chance(50) { 3 } else { (before.len() as u64 + 1).min(200) };
            let Self { door, rng, .. } = self;
            let rows = door.pages(path, position, || 1 + rng.below(longest)).await?;
            check_meanwhile(before, &asked, &rows).map_err(Quiet::at(path))?;
            self.door.tally.browsed.one();
        }
        Ok(())
    }

    /// Only by what never changes once an order is placed.
    fn asked(&mut self) -> Asked {
        let rng = &mut self.rng;
        let currency = rng.chance(30).then(|| generate::live_currency(rng).to_owned());
        let customer = rng.chance(20).then(|| generate::customer_id(rng));
        let sort = rng.pick::<&str>(&["", "-placed_at", "placed_at"]);
        Asked { currency, customer, sort, ..Asked::default() }
    }
}
