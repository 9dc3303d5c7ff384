//! The registry: the one list of the aggregates whose events a projector decodes, and of the projections that it keeps.

use crate::decoded::Decoded;
use crate::projection::Projection;
use crate::projections;
use domain::stock::StockAggregate;
use domain::{Aggregate, Catalogue};
use event_store::RecordedEvent;
use read_model::Schema;
use std::sync::Arc;

/// The aggregates and projections of a program; cheap to clone.
#[derive(Debug, Clone)]
pub struct Registry(Arc<Known>);

#[derive(Debug, Clone)]
struct Known {
    catalogue: Catalogue,
    projections: Vec<&'static Projection>,
    schema: Arc<Schema>,
}

impl Registry {
    /// The aggregates and projections of this build. A new projection is one more line.
    pub fn standard() -> Self {
        let projections = vec![
            &projections::ORDERS,
            &projections::CUSTOMERS,
            &projections::PRODUCTS,
            &projections::SALES,
            &projections::HISTORY,
            &projections::PROOFS,
        ];
        let (catalogue, schema) = (Catalogue::standard(), Arc::default());
        Self(Arc::new(Known { catalogue, projections, schema }))
    }

    /// The standard registry with stock: its aggregate, and the projections of items and reservations. For a program that
    /// keeps stock; any other one passes its streams by.
    pub fn with_stock() -> Self {
        Self::standard()
            .aggregate::<StockAggregate>()
            .projection(&projections::STOCK)
            .projection(&projections::RESERVATIONS)
    }

    /// The same registry with this aggregate added.
    ///
    /// # Panics
    /// When it has an aggregate of this stream type.
    #[must_use]
    pub fn aggregate<A: Aggregate>(self) -> Self {
        let mut known = Arc::unwrap_or_clone(self.0);
        known.catalogue = known.catalogue.with::<A>();
        Self(Arc::new(known))
    }

    /// The same registry with this projection added.
    ///
    /// # Panics
    /// When it has a projection of this name.
    #[must_use]
    pub fn projection(self, projection: &'static Projection) -> Self {
        assert!(self.named(projection.name).is_none(), "two projections {}", projection.name);
        let mut known = Arc::unwrap_or_clone(self.0);
        known.projections.push(projection);
        Self(Arc::new(known))
    }

    /// The same registry with the tables of projections from other crates.
    #[must_use]
    pub fn tables(self, schema: Schema) -> Self {
        let mut known = Arc::unwrap_or_clone(self.0);
        known.schema = Arc::new(schema);
        Self(Arc::new(known))
    }

    /// The tables of all projections.
    pub fn schema(&self) -> &Schema {
        &self.0.schema
    }

    /// All projections, in the order in which they fold an event.
    pub fn projections(&self) -> &[&'static Projection] {
        &self.0.projections
    }

    /// The projection of this name.
    pub fn named(&self, name: &str) -> Option<&'static Projection> {
        self.0.projections.iter().copied().find(|projection| projection.name == name)
    }

    /// Reads `all` or a list such as `orders,sales`, into the order of [`Self::projections`].
    ///
    /// # Errors
    /// The text names the unknown projection, and all known ones.
    pub fn parse_list(&self, list: &str) -> Result<Vec<&'static Projection>, String> {
        if list == "all" {
            return Ok(self.projections().to_vec());
        }
        let mut named = Vec::new();
        for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            named.push(self.named(name).ok_or_else(|| {
                let known: Vec<&str> = self.projections().iter().map(|its| its.name).collect();
                format!("there is no projection {name:?}; there are {}", known.join(", "))
            })?);
        }
        if named.is_empty() {
            return Err("no projection is named".into());
        }
        Ok(self.projections().iter().copied().filter(|its| named.contains(its)).collect())
    }

    /// Decodes a stored event.
    pub(crate) fn decode(&self, recorded: RecordedEvent) -> Decoded {
        Decoded::new(recorded, &self.0.catalogue)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn listed(list: &str) -> Vec<&'static str> {
        Registry::standard().parse_list(list).unwrap().iter().map(|its| its.name).collect()
    }

    #[test]
    fn a_list_names_each_projection_once_and_in_the_order_of_folding() {
        assert_eq!(listed("sales, orders,,sales"), ["orders", "sales"]);
        assert_eq!(
            listed("all"),
            ["orders", "customers", "products", "sales", "history", "proofs"]
        );
    }

    #[test]
    fn stock_comes_after_what_every_program_has_and_only_where_it_is_asked_for() {
        let names = |registry: &Registry| {
            registry.projections().iter().map(|its| its.name).collect::<Vec<_>>()
        };
        let (standard, with_stock) = (Registry::standard(), Registry::with_stock());
        assert_eq!(names(&with_stock)[..6], names(&standard));
        assert_eq!(names(&with_stock)[6..], ["stock", "reservations"]);
    }

    #[test]
    fn a_name_that_is_none_is_answered_with_those_that_there_are() {
        let why = Registry::standard().parse_list("orders,order").unwrap_err();
        assert_eq!(
            why,
            "there is no projection \"order\"; there are orders, customers, products, sales, history, proofs"
        );
        assert!(Registry::standard().parse_list(" , ").is_err());
    }
}
