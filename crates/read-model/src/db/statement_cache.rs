//! The statement cache: it composes the text of a bulk statement once for each number of rows and generation of tables.

use super::bulk::BulkStatement;
use super::tables::Tables;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// The texts of bulk statements composed since the last drop, at most [`MAX_STATEMENTS`].
#[derive(Debug, Default)]
pub(crate) struct StatementCache(Mutex<HashMap<TextKey, Arc<str>>>);

/// Bulk statements that are sent as one, each with the tables that it writes.
pub(super) type BulkKey = Vec<(&'static str, Tables)>;

#[derive(Debug, PartialEq, Eq, Hash)]
enum TextKey {
    /// Statement, tables, rows.
    Rows(&'static str, Tables, usize),
    /// The rows come as arrays.
    Arrays(BulkKey),
}

/// When the cache holds this number of texts, it drops all and composes them again as needed.
const MAX_STATEMENTS: usize = 1_024;

impl StatementCache {
    pub(super) fn rows(&self, statement: &BulkStatement, tables: Tables, rows: usize) -> Arc<str> {
        self.get(TextKey::Rows(statement.id, tables, rows), || compose(statement, tables, rows))
    }

    pub(super) fn arrays(&self, key: BulkKey, compose: impl Fn() -> String) -> Arc<str> {
        self.get(TextKey::Arrays(key), compose)
    }

    fn get(&self, key: TextKey, compose: impl Fn() -> String) -> Arc<str> {
        let mut texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if texts.len() >= MAX_STATEMENTS {
            texts.clear();
        }
        Arc::clone(texts.entry(key).or_insert_with(|| compose().into()))
    }
}

fn compose(statement: &BulkStatement, tables: Tables, rows: usize) -> String {
    let mut sql = statement.head.replace("{table}", &tables.name(statement.table));
    let row = format!("({})", vec!["?"; statement.columns].join(","));
    let _ = write!(sql, " VALUES {} {}", vec![row; rows].join(","), statement.tail);
    sql
}
