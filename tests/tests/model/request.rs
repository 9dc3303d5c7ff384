//! A command as it is sent over HTTP, and as the journal and reports show it.

use oracle::ask::{Command, Condition};

/// Path with query, and headers.
pub fn request(command: &Command) -> (String, Vec<(&'static str, String)>) {
    let query = if command.dry_run { "?dry_run=true" } else { "" };
    let pairs = [
        ("If-Match", command.condition.as_ref().map(Condition::header)),
        ("Idempotency-Key", command.key.clone()),
        ("X-Correlation-Id", command.correlation.clone()),
    ];
    let given = pairs.into_iter().filter_map(|(name, value)| Some((name, value?)));
    (format!("{}{query}", command.path()), given.collect())
}

/// A command as the journal and reports show it.
pub fn shown(command: &Command) -> String {
    let (path, headers) = request(command);
    format!("POST {path} {headers:?} {}", command.body)
}
