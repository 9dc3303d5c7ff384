//! Which warehouse gives which units: a pure choice over the numbers of units that are free.
//!
//! The first warehouse that has everything gives everything, so that one parcel is enough. If there is none, each product
//! is chosen by itself: the first warehouse that has all of its units, or else each in turn what it has. Warehouses stand
//! in the shop's order everywhere.

/// What is wanted of one product, and what each warehouse could give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// Units that are wanted.
    pub wanted: u64,
    /// Units that are free, by warehouse.
    pub free: Vec<u64>,
}

impl Demand {
    /// Units that are free in all warehouses together.
    pub fn available(&self) -> u64 {
        self.free.iter().fold(0, |sum, free| sum.saturating_add(*free))
    }

    /// The warehouse's units, if it has all that is wanted.
    fn all_from(&self, warehouse: usize) -> Option<Vec<Part>> {
        let enough = self.free.get(warehouse).is_some_and(|free| *free >= self.wanted);
        let part = Part { warehouse, quantity: self.wanted };
        enough.then(|| if self.wanted == 0 { Vec::new() } else { vec![part] })
    }

    /// From one warehouse if one has all, or else from each in turn.
    fn by_itself(&self) -> Vec<Part> {
        let from_one = (0..self.free.len()).find_map(|warehouse| self.all_from(warehouse));
        from_one.unwrap_or_else(|| {
            let mut missing = self.wanted;
            let mut parts = Vec::new();
            for (warehouse, free) in self.free.iter().enumerate() {
                let quantity = missing.min(*free);
                missing -= quantity;
                if quantity > 0 {
                    parts.push(Part { warehouse, quantity });
                }
            }
            parts
        })
    }
}

/// Units that one warehouse gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Its place in the shop's order, from 0.
    pub warehouse: usize,
    /// Units, at least one.
    pub quantity: u64,
}

/// The parts of each demand, in the order of the warehouses.
///
/// # Errors
/// The places of all demands that the warehouses together cannot meet. Then none is met.
pub fn allocate(demands: &[Demand]) -> Result<Vec<Vec<Part>>, Vec<usize>> {
    let unmet = |demand: &Demand| demand.available() < demand.wanted;
    let short: Vec<usize> = (0..demands.len()).filter(|place| unmet(&demands[*place])).collect();
    if !short.is_empty() {
        return Err(short);
    }
    let warehouses = demands.iter().map(|demand| demand.free.len()).max().unwrap_or(0);
    let everything_from = |warehouse| {
        demands.iter().map(|demand| demand.all_from(warehouse)).collect::<Option<Vec<_>>>()
    };
    let from_one = (0..warehouses).find_map(everything_from);
    Ok(from_one.unwrap_or_else(|| demands.iter().map(Demand::by_itself).collect()))
}
