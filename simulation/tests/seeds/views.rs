//! The views against a fresh fold of the log, and rows that the database refuses for a while.

use crate::commands::{CUSTOMERS, PRODUCTS};
use crate::facts::{self, ALL};
use crate::foretold::Foretold;
use crate::judge::Ledger;
use crate::world::refused::{Refused, Whose};
use crate::world::{Checked, World};
use projector::projections::{self, HISTORY, ORDERS};
use projector::{Projection, Registry, Source};
use read_model::write::parked::ParkedReason;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use std::collections::BTreeSet;

/// The message with which the database refuses a row.
const NOT_THIS_ONE: &str = "not this one";

impl World {
    /// From now on the views' database refuses the rows of some order, customer or product.
    pub async fn refuse_rows(&mut self) {
        let order = self.chance.pick(&self.account.orders);
        let (projection, table, whose): (&'static Projection, _, _) = match self.chance.below(5) {
            0 => (&ORDERS, "orders", Whose::Order(order)),
            1 => (&ORDERS, "order_versions", Whose::Order(order)),
            2 => (&HISTORY, "history", Whose::Order(order)),
            3 => (&projections::CUSTOMERS, "customers", Whose::Customer(CUSTOMERS[1])),
            _ => (&projections::PRODUCTS, "product_sales", Whose::Product(PRODUCTS[2])),
        };
        let condition = match whose {
            Whose::Order(order) => {
                let column = if table == "history" { "stream_id" } else { "order_id" };
                format!("NEW.{column} = x'{}'", order.simple())
            }
            Whose::Customer(id) => format!("NEW.customer_id = '{id}'"),
            Whose::Product(id) => format!("NEW.product_id = '{id}'"),
        };
        let trigger = format!(
            "DROP TRIGGER IF EXISTS no; CREATE TRIGGER no BEFORE INSERT ON {table} WHEN {condition} \
             BEGIN SELECT RAISE(ABORT, '{NOT_THIS_ONE}'); END"
        );
        self.tamper(trigger).await;
        self.refused.push(Refused { projection, whose });
        self.note(format!("{table} takes no row with {condition}"));
        self.count("rows are refused");
    }

    /// Every parked event follows an unreadable event or a refused row of its stream.
    pub async fn check_parked_for_cause(&self) -> Checked {
        let foretold = Foretold::of(&Ledger::read(self).await?, &self.account)?;
        let text = |error: read_model::ReadModelError| error.to_string();
        for entry in self.model.catalog().await.map_err(text)? {
            let rows = self.model.parked_reasons(&entry.name, entry.generation, ALL).await;
            let mut excused = BTreeSet::new();
            for ParkedReason { position, stream_id: order, reason, .. } in rows.map_err(text)? {
                let spoilt = foretold.spoilt.get(&order).is_some_and(|from| *from <= position);
                let stream = &foretold.world.0[&order];
                let refused = reason.contains(NOT_THIS_ONE)
                    && self.refused.iter().any(|its| its.excuses(&entry.name, stream));
                if spoilt || refused {
                    excused.insert(order);
                }
                if !excused.contains(&order) {
                    return Err(format!("{}: {position} is parked: {reason}", entry.name));
                }
            }
        }
        Ok(())
    }

    /// The database accepts all rows again.
    pub async fn take_all_rows(&mut self) {
        self.tamper("DROP TRIGGER IF EXISTS no".to_owned()).await;
        self.note("all rows are taken");
    }

    async fn tamper(&self, sql: String) {
        let file = SqliteConnectOptions::new().filename(self.folder.path().join("views.db"));
        let mut connection = file.connect().await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        sqlx::Connection::close(connection).await.unwrap();
    }

    /// The views are a fold of the log and show what the log says.
    pub async fn check_views(&mut self) -> Checked {
        let (source, scratch) =
            (Source::new(self.eye.clone(), Registry::standard()), self.scratch());
        let report = projector::verify_views(&source, &self.model, &scratch, |_, _| {}).await;
        let report = report.map_err(|error| format!("the views cannot be verified: {error}"))?;
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", scratch.display()));
        }
        if !report.differences.is_empty() {
            return Err(format!("views and fold differ: {:#?}", report.differences));
        }
        facts::check(self).await
    }
}
