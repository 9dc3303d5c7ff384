//! Bulk statements: many rows in one statement. SQLite gets `VALUES (…), (…)` in some fixed sizes, PostgreSQL one array
//! for each column and `UNNEST`; either way each statement is prepared once.
//!
//! A row type says how it binds itself ([`Row`]). How many rows go into one statement is decided here; the texts are kept
//! in [`super::statement_cache`].

use super::sum;
use sqlx::Arguments;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use uuid::Uuid;

/// Rows in one SQLite statement at most; far below its 32 766 parameters for 20 columns.
const MOST_ROWS: usize = 128;
/// Up to this number of rows each number has its own statement, beyond it each multiple of [`STEP`]: any small batch
/// needs one statement or two, and all of them stay prepared.
const EACH_NUMBER: usize = 16;
const STEP: usize = 8;
/// Rows in one PostgreSQL statement.
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
    /// How many values a row has.
    pub columns: usize,
    /// Everything after the rows.
    pub tail: &'static str,
}

/// A row that knows its values, in the order of its [`BulkStatement`]'s columns.
pub trait Row {
    /// Hands over the values.
    fn bind(self, binds: &mut Binds);
}

/// The values of one statement.
#[derive(Debug)]
pub struct Binds(Values);

#[derive(Debug)]
enum Values {
    /// In the order of the rows, row by row.
    Sqlite(SqliteArguments),
    /// Column by column; the next value goes to the column at this place.
    Postgres { columns: Vec<Column>, next: usize },
}

/// The values of one column.
#[derive(Debug)]
enum Column {
    Ints(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
    Uuids(Vec<Uuid>),
}

const ALWAYS_ENCODES: &str = "integers, texts and ids always encode";

/// Adds a value to SQLite's arguments, or to the column of its kind whose turn it is.
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
    /// A number.
    pub fn int(&mut self, value: i64) -> &mut Self {
        self.maybe_int(Some(value))
    }
    /// A number, or null.
    pub fn maybe_int(&mut self, value: Option<i64>) -> &mut Self {
        add!(self, value, Ints);
        self
    }
    /// A sum of money, in two columns.
    pub fn sum(&mut self, value: i128) -> &mut Self {
        let (high, low) = sum::split(value);
        self.int(high).int(low)
    }
    /// A text.
    pub fn text(&mut self, value: impl Into<String>) -> &mut Self {
        self.maybe_text(Some(value.into()))
    }
    /// A text, or null.
    pub fn maybe_text(&mut self, value: Option<String>) -> &mut Self {
        add!(self, value, Texts);
        self
    }
    /// An id.
    pub fn uuid(&mut self, value: Uuid) -> &mut Self {
        add!(self, value, Uuids);
        self
    }
    /// These values, and after them those of some rows.
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
    /// Some rows, column by column.
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
    /// One array for each column.
    pub(super) fn into_arrays(self, arguments: &mut PgArguments) {
        let Values::Postgres { columns, .. } = self.0 else { return };
        for column in columns {
            let added = match column {
                Column::Ints(values) => arguments.add(values),
                Column::Texts(values) => arguments.add(values),
                Column::Uuids(values) => arguments.add(values),
            };
            added.expect(ALWAYS_ENCODES);
        }
    }
}

/// How many of the remaining rows go into the next statement.
pub(super) fn chunk(rows: usize) -> usize {
    let most = rows.min(MOST_ROWS);
    if most <= EACH_NUMBER { most } else { most - most % STEP }
}
