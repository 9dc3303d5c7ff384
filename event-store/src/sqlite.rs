//! SQLite backend.
/// The log in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore;
