//! At which version a stream stood: the one question about the past whose answer can still change. What the stream held
//! at a version never does.

use super::Seen;
use super::together::{self, Gathered, Question};
use crate::db::{ReadModel, ReadModelError, Sql, loaded, padded, stored};
use uuid::Uuid;

/// The last event of a stream that a replay takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The one with this version.
    Version(u64),
    /// The last one that had happened by then.
    OccurredAt(i64),
    /// The last one that the log had stored by then.
    RecordedAt(i64),
}

/// A stream and the moment that is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WhichVersion {
    stream: (&'static str, Uuid),
    until: Until,
}

impl WhichVersion {
    /// Version, time of the business and time of the log that the event may have at most.
    fn bounds(self) -> [i64; 3] {
        match self.until {
            Until::Version(version) => [stored(version), i64::MAX, i64::MAX],
            Until::OccurredAt(at) => [i64::MAX, at, i64::MAX],
            Until::RecordedAt(at) => [i64::MAX, i64::MAX, at],
        }
    }
}

/// Versions and both times only grow along a stream, so its last event within the bounds ends what was.
const VERSIONS: &str = "SELECT COALESCE((SELECT position FROM projections WHERE name = 'history'), 0), \
     string_agg(CAST(q.column1 AS TEXT) || ' ' || CAST(COALESCE((SELECT h.version FROM history h \
     WHERE h.stream_type = q.column2 AND h.stream_id = q.column3 AND h.version <= q.column4 \
     AND h.occurred_at <= q.column5 AND h.recorded_at <= q.column6 ORDER BY h.version DESC LIMIT 1), 0) AS TEXT), ',') FROM (VALUES ";

impl Question for WhichVersion {
    type Answer = Seen<u64>;

    fn gathered(model: &ReadModel) -> &Gathered<Self> {
        &model.gathered().versions
    }

    async fn answer(self, model: &ReadModel) -> Result<Seen<u64>, ReadModelError> {
        let mut answers = Self::answer_all(model, &[self]).await?;
        answers.pop().ok_or_else(unreadable)
    }

    async fn answer_all(
        model: &ReadModel,
        questions: &[Self],
    ) -> Result<Vec<Seen<u64>>, ReadModelError> {
        let mut sql = Sql::new(VERSIONS);
        for (index, question) in padded(questions).enumerate() {
            sql.push(if index == 0 { "(" } else { ", (" }).push(index);
            let (stream_type, stream_id) = question.stream;
            sql.push(", ").push_bind(stream_type).push(", ").push_bind(stream_id);
            for bound in question.bounds() {
                sql.push(", ").push_bind(bound);
            }
            sql.push(")");
        }
        sql.push(") AS q");
        let row: Option<(i64, Option<String>)> = model.first(sql).await?;
        let (applied, texts) = row.unwrap_or_default();
        let mut answers = vec![Seen { position: loaded(applied)?, found: 0 }; questions.len()];
        for text in texts.iter().flat_map(|texts| texts.split(',')) {
            let (index, version) = text.split_once(' ').ok_or_else(unreadable)?;
            let index: usize = index.parse().map_err(|_| unreadable())?;
            // Beyond the questions stands what the statement was filled up with.
            if let Some(answer) = answers.get_mut(index) {
                answer.found = version.parse().map_err(|_| unreadable())?;
            }
        }
        Ok(answers)
    }
}

fn unreadable() -> ReadModelError {
    ReadModelError::Corrupt("a list of versions does not read as it was packed".into())
}

impl ReadModel {
    /// The version at which a stream stood; 0 before its first event, or where there is no such stream.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn version_at(
        &self,
        stream: (&'static str, Uuid),
        until: Until,
    ) -> Result<Seen<u64>, ReadModelError> {
        together::ask(self, WhichVersion { stream, until }).await
    }
}
