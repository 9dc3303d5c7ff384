//! What a shop decides once for all requests: where its goods are, and what is sold without a count.

use domain::Reference;
use domain::stock::{MAX_WAREHOUSES, Untracked};

/// The warehouse of a shop that has only one.
const ONLY_WAREHOUSE: &str = "main";

/// The settings of stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockPolicy {
    /// Where units are looked for, in this order, if a request names no warehouses. The first one takes what comes in.
    pub warehouses: Vec<Reference>,
    /// What holds for products that no warehouse ever received.
    pub untracked: Untracked,
}

impl Default for StockPolicy {
    fn default() -> Self {
        let only = Reference::parse(ONLY_WAREHOUSE).expect("it is a reference");
        Self { warehouses: vec![only], untracked: Untracked::Refuse }
    }
}

impl StockPolicy {
    /// The policy with these warehouses: a list of 1 to 4 ids, divided by commas.
    ///
    /// # Errors
    /// What is wrong with the list.
    pub fn with_warehouses(self, list: &str) -> Result<Self, String> {
        let parse = |id: &str| Reference::parse(id).map_err(|error| error.detail);
        let warehouses: Vec<_> =
            list.split(',').map(str::trim).map(parse).collect::<Result<_, _>>()?;
        if warehouses.len() > MAX_WAREHOUSES {
            return Err(format!("at most {MAX_WAREHOUSES} warehouses are searched"));
        }
        Ok(Self { warehouses, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warehouses_are_one_to_four_ids() {
        let read = |list: &str| StockPolicy::default().with_warehouses(list);
        let names = |policy: StockPolicy| {
            policy.warehouses.iter().map(|id| id.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(StockPolicy::default()), ["main"]);
        assert_eq!(names(read("north, south,a.b").unwrap()), ["north", "south", "a.b"]);
        for wrong in ["", "a,,b", "a,b,c,d,e", "a b"] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
