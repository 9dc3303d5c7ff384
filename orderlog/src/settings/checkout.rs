//! Whether the shop sells from stock, and its rules. Off, nothing of it exists for a client.

use clap::{Args, ValueEnum};
use command_service::stock::StockPolicy;
use domain::stock::Untracked;
use identity::access::{self, Rule};
use projector::Registry;

/// The flags of stock.
#[derive(Debug, Clone, Args)]
pub struct CheckoutFlags {
    /// Sell from stock: opens the routes of stock and reservations
    #[arg(long, env = "ORDERLOG_CHECKOUT", value_enum, default_value_t = Mode::Off, global = true)]
    checkout: Mode,
    /// The shop's warehouses, one to four, in the order in which they are searched
    #[arg(long, env = "ORDERLOG_WAREHOUSES", value_name = "ID,…", default_value = "main", value_parser = warehouses, global = true)]
    warehouses: StockPolicy,
    /// What holds for products that no warehouse ever received
    #[arg(long, env = "ORDERLOG_UNTRACKED_PRODUCTS", value_enum, default_value_t = UntrackedProducts::Refuse, global = true)]
    untracked_products: UntrackedProducts,
}

/// How checkouts are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Not at all
    Off,
    /// By one process that leads
    Orchestrated,
}

/// What holds for products that no warehouse ever received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum UntrackedProducts {
    /// There are none of them
    Refuse,
    /// They are sold without a count
    Sell,
}

fn warehouses(list: &str) -> Result<StockPolicy, String> {
    StockPolicy::default().with_warehouses(list)
}

impl CheckoutFlags {
    /// The shop's rules for stock, if it sells from stock.
    pub fn policy(&self) -> Option<StockPolicy> {
        let untracked = match self.untracked_products {
            UntrackedProducts::Refuse => Untracked::Refuse,
            UntrackedProducts::Sell => Untracked::Sell,
        };
        (self.checkout != Mode::Off).then(|| StockPolicy { untracked, ..self.warehouses.clone() })
    }

    /// The aggregates and projections that are served.
    pub fn registry(&self) -> Registry {
        match self.checkout {
            Mode::Off => Registry::standard(),
            Mode::Orchestrated => Registry::with_stock(),
        }
    }

    /// Who may call which route.
    pub fn access(&self) -> Vec<Rule> {
        match self.checkout {
            Mode::Off => access::STANDARD.to_vec(),
            Mode::Orchestrated => [access::STANDARD, access::CHECKOUT].concat(),
        }
    }
}
