//! The views against a fresh fold of the log, and rows that the database refuses for a while.

use crate::facts;
use crate::world::{Checked, World};
use projector::Source;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use uuid::Uuid;

impl World {
    /// From now on the views' database refuses rows of some order, customer or product.
    pub async fn refuse_rows(&mut self) {
        let order = self.chance.pick(&self.account.orders);
        let (table, condition) = match self.chance.below(5) {
            0 => ("orders", order_is("order_id", order)),
            1 => ("order_versions", order_is("order_id", order)),
            2 => ("history", order_is("stream_id", order)),
            3 => ("customers", "NEW.customer_id = 'bob'".to_owned()),
            _ => ("product_sales", "NEW.product_id = 'pot'".to_owned()),
        };
        let trigger = format!(
            "DROP TRIGGER IF EXISTS no; CREATE TRIGGER no BEFORE INSERT ON {table} WHEN {condition} \
             BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        );
        self.tamper(trigger).await;
        self.refused = true;
        self.note(format!("{table} takes no row with {condition}"));
        self.count("rows are refused");
    }

    /// It refuses no more.
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

    /// The views are a fold of the log, and say what the log says.
    pub async fn check_views(&mut self) -> Checked {
        let (source, scratch) = (Source::Log(self.eye.clone()), self.scratch());
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

fn order_is(column: &str, order: Uuid) -> String {
    format!("NEW.{column} = x'{}'", order.simple())
}
