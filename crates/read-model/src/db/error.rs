//! The errors of a read model.

use super::refusal;

/// Why the read model could not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadModelError {
    /// The database cannot be reached or is refusing work now; nothing was changed.
    #[error("the read model is unavailable: {0}")]
    Unavailable(String),
    /// The database holds something that this build cannot accept.
    #[error("the read model is damaged or of another version: {0}")]
    Corrupt(String),
    /// The database refuses a row, and will refuse it each time; nothing was changed. The text names the rule and holds
    /// no values.
    #[error("the read model refuses a row: {0}")]
    Refused(String),
    /// The read model does not exist yet; the program that writes it creates it when it starts.
    #[error("there is no read model yet: {0}")]
    Missing(String),
    /// The URL names no supported backend or cannot be opened.
    #[error("{0}")]
    InvalidUrl(String),
    /// Another writer moved the checkpoint or swapped the generation. Reload, and go on from there.
    #[error("another writer moved the checkpoint")]
    CheckpointMoved,
}

impl From<sqlx::Error> for ReadModelError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::TypeNotFound { .. } => Self::Corrupt(error.to_string()),
            sqlx::Error::Database(error) => match refusal::rule(&*error) {
                Some(rule) => Self::Refused(rule),
                None => Self::Unavailable(sqlx::Error::Database(error).to_string()),
            },
            error => Self::Unavailable(error.to_string()),
        }
    }
}
