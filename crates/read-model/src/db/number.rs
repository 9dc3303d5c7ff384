//! Positions, versions and generations in the database's signed columns.

use super::error::ReadModelError;

/// The column value of a position, version or generation; never negative.
pub(crate) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The inverse of [`stored`].
pub(crate) fn loaded(number: i64) -> Result<u64, ReadModelError> {
    u64::try_from(number)
        .map_err(|_| ReadModelError::Corrupt("a position or version is negative".into()))
}
