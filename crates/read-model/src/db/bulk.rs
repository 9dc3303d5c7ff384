//! Bulk statements: many rows in one statement. SQLite gets `VALUES (…), (…)` in some fixed sizes, PostgreSQL one array
//! for each column and `UNNEST`. Either way each statement is prepared once.
//!
//! A row type says how it binds its values ([`Row`]). This file decides how many rows go into one statement;
//! [`super::statement_cache`] keeps the texts.

use super::sum;
use sqlx::Arguments;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use uuid::Uuid;

/// The most rows in one SQLite statement; far below its 32 766 parameters, even for 20 columns.
const MOST_ROWS: usize = 128;
/// Up to this number of rows, each number has its own statement; above it, each multiple of [`STEP`] has one. So a
/// small batch needs one statement or two, and all of them stay prepared.
const EACH_NUMBER: usize = 16;
const STEP: usize = 8;
/// The most rows in one PostgreSQL statement.
pub(super) const UNNESTED: usize = 4_096;

/// A statement over many rows, without its rows.
#[derive(Debug)]
pub struct BulkStatement {
    /// Distinguishes this statement from others on the same table.
    pub id: &'static str,
    /// Everything before the rows; `{table}` stands for the table.
    pub head: &'static str,
    /// The table's plain name.
    pub table: &'static str,
    /// The number of values in a row.
    pub columns: usize,
    /// Everything after the rows.
    pub tail: &'static str,
}

/// A row that knows its values, in the order of its [`BulkStatement`]'s columns.
pub trait Row {
    /// Adds the row's values to `binds`.
    fn bind(self, binds: &mut Binds);
}

/// The values of one statement.
#[derive(Debug)]
pub struct Binds(Values);

#[derive(Debug)]
enum Values {
    /// Row by row, in the order of the rows.
    Sqlite(SqliteArguments),
    /// Column by column; `next` is the place of the column that gets the next value.
    Postgres { columns: Vec<Column>, next: usize },
}

/// The values of one column.
#[derive(Debug)]
enum Column {
    Ints(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
    Uuids(Vec<Option<Uuid>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

const ALWAYS_ENCODES: &str = "integers, texts, bytes and ids always encode";

/// Adds a value to SQLite's arguments, or to the column whose turn it is.
macro_rules! add {
    ($binds:expr, $value:expr, $kind:ident) => {
        match &mut $binds.0 {
            Values::Sqlite(arguments) => arguments.add($value).expect(ALWAYS_ENCODES),
            Values::Postgres { columns, next } => {
                if *next == columns.len() {
                    columns.push(Column::$kind(Vec::new()));
                }
                let Column::$kind(column) = &mut columns[*next] else {
                    unreachable!("a column holds values of one kind")
                };
                column.push($value);
                *next += 1;
            }
        }
    };
}

impl Binds {
    /// Binds a number.
    pub fn int(&mut self, value: i64) -> &mut Self {
        self.maybe_int(Some(value))
    }
    /// Binds a number or null.
    pub fn maybe_int(&mut self, value: Option<i64>) -> &mut Self {
        add!(self, value, Ints);
        self
    }
    /// Binds a sum of money, which takes two columns.
    pub fn sum(&mut self, value: i128) -> &mut Self {
        let (high, low) = sum::split(value);
        self.int(high).int(low)
    }
    /// Binds a text.
    pub fn text(&mut self, value: impl Into<String>) -> &mut Self {
        self.maybe_text(Some(value.into()))
    }
    /// Binds a text or null.
    pub fn maybe_text(&mut self, value: Option<String>) -> &mut Self {
        add!(self, value, Texts);
        self
    }
    /// Binds bytes.
    pub fn bytes(&mut self, value: Vec<u8>) -> &mut Self {
        add!(self, Some(value), Bytes);
        self
    }
    /// Binds an id.
    pub fn uuid(&mut self, value: Uuid) -> &mut Self {
        self.maybe_uuid(Some(value))
    }
    /// Binds an id or null.
    pub fn maybe_uuid(&mut self, value: Option<Uuid>) -> &mut Self {
        add!(self, value, Uuids);
        self
    }
    /// These values, followed by those of the rows.
    pub(super) fn sqlite<R: Row>(
        mut before: SqliteArguments,
        rows: impl Iterator<Item = R>,
        values: usize,
    ) -> SqliteArguments {
        before.reserve(values, 0);
        let mut binds = Self(Values::Sqlite(before));
        rows.for_each(|row| binds.row(row));
        let Values::Sqlite(all) = binds.0 else { unreachable!("made above") };
        all
    }
    /// The rows' values, column by column.
    pub(super) fn postgres<R: Row>(rows: impl Iterator<Item = R>, columns: usize) -> Self {
        let columns = Vec::with_capacity(columns);
        let mut binds = Self(Values::Postgres { columns, next: 0 });
        rows.for_each(|row| binds.row(row));
        binds
    }
    fn row<R: Row>(&mut self, row: R) {
        if let Values::Postgres { next, .. } = &mut self.0 {
            *next = 0;
        }
        row.bind(self);
    }
    /// Adds one array for each column.
    pub(super) fn into_arrays(self, arguments: &mut PgArguments) {
        let Values::Postgres { columns, .. } = self.0 else { return };
        for column in columns {
            let added = match column {
                Column::Ints(values) => arguments.add(values),
                Column::Texts(values) => arguments.add(values),
                Column::Uuids(values) => arguments.add(values),
                Column::Bytes(values) => arguments.add(values),
            };
            added.expect(ALWAYS_ENCODES);
        }
    }
}

/// The number of the remaining rows that go into the next statement.
pub(super) fn chunk(rows: usize) -> usize {
    let most = rows.min(MOST_ROWS);
    if most <= EACH_NUMBER { most } else { most - most % STEP }
}
