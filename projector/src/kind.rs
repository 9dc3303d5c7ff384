//! The projections there are: a closed set. Each has a name, a version of its code and its tables.
//!
//! A new projection is a new variant here, a fold in [`crate::projections`] and tables in `migrations/read-model`. When
//! rows of an existing one come out differently, its version is raised: the projector then fills it anew.

use read_model::write::{customers, history, orders, products, sales};

/// A projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The composed orders, their versions over time and the counts of statuses.
    Orders,
    /// What each customer has ordered.
    Customers,
    /// What has sold.
    Products,
    /// Orders, units and revenue by day.
    Sales,
    /// Every event. Last, because it takes the events where the others only look at them.
    History,
}

impl Kind {
    /// All of them, in the order in which they fold an event.
    pub const ALL: [Self; 5] =
        [Self::Orders, Self::Customers, Self::Products, Self::Sales, Self::History];

    /// The name in the catalog, on the command line and in `/v1/projections`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Customers => "customers",
            Self::Products => "products",
            Self::Sales => "sales",
            Self::History => "history",
        }
    }

    /// The inverse of [`Self::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The version of the code that makes its rows.
    pub fn version(self) -> u32 {
        match self {
            Self::Orders | Self::Customers | Self::Products | Self::Sales | Self::History => 1,
        }
    }

    /// Its tables.
    pub fn tables(self) -> &'static [&'static str] {
        match self {
            Self::Orders => orders::TABLES,
            Self::Customers => customers::TABLES,
            Self::Products => products::TABLES,
            Self::Sales => sales::TABLES,
            Self::History => history::TABLES,
        }
    }

    /// Reads `all` or a list such as `orders,sales`.
    ///
    /// # Errors
    /// Names what is no projection, and those that there are.
    pub fn parse_list(list: &str) -> Result<Vec<Self>, String> {
        if list == "all" {
            return Ok(Self::ALL.to_vec());
        }
        let mut kinds = Vec::new();
        for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let kind = Self::from_name(name).ok_or_else(|| {
                format!(
                    "there is no projection {name:?}; there are {}",
                    Self::ALL.map(Self::name).join(", ")
                )
            })?;
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        if kinds.is_empty() {
            return Err("no projection is named".into());
        }
        kinds.sort_unstable();
        Ok(kinds)
    }
}
