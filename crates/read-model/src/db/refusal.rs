//! Which errors mean that the database refuses a row: known by their class, never by their text.
//!
//! A refused row will be refused each time it is written, and other rows will not: a writer of many can leave it out.
//! Every other error (busy, connection lost, disk full, deadlock, a missing table) is no row's fault.

use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;

/// PostgreSQL's classes of data exceptions and of integrity constraint violations.
const CLASSES: [&str; 2] = ["22", "23"];
/// The code of a trigger that raises without a code of its own; and that of a row that is too large, e.g. for an index.
const CODES: [&str; 2] = ["P0001", "54000"];

/// SQLite's primary codes: a value too large, a constraint (or a trigger's RAISE), a value of the wrong type.
const TOO_BIG: i32 = 18;
const CONSTRAINT: i32 = 19;
const MISMATCH: i32 = 20;

/// The rule that refuses a row; `None` for an error of another kind.
pub(crate) fn rule(error: &dyn DatabaseError) -> Option<String> {
    if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
        return postgres(error);
    }
    error.try_downcast_ref::<SqliteError>()?;
    let code = sqlite_file::primary_code(error)?;
    let refused = matches!(code, TOO_BIG | CONSTRAINT | MISMATCH);
    // SQLite's message names columns and rules, not values.
    refused.then(|| error.message().to_owned())
}

/// PostgreSQL's message may quote values, so only the code and the names are used.
fn postgres(error: &PgDatabaseError) -> Option<String> {
    let code = error.code();
    let class = code.get(..2).unwrap_or_default();
    if !CLASSES.contains(&class) && !CODES.contains(&code) {
        return None;
    }
    let names = [
        ("table", error.table()),
        ("column", error.column()),
        ("constraint", error.constraint()),
        ("type", error.data_type()),
    ];
    let names = names.into_iter().filter_map(|(what, name)| Some(format!(", {what} {}", name?)));
    Some(format!("SQLSTATE {code}{}", names.collect::<String>()))
}
