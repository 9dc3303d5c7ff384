//! The version of a stream at a moment: the only question about the past whose answer can still change. The content of
//! a stream at a version never changes.

use super::Seen;
use crate::db::{ReadModel, ReadModelError, Sql, loaded, padded, stored};
use uuid::Uuid;

/// The last event of a stream that a replay folds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The event with this version.
    Version(u64),
    /// The last event that had happened by then.
    OccurredAt(i64),
    /// The last event that the log had stored by then.
    RecordedAt(i64),
}

/// A stream at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamAt {
    /// Its type and id.
    pub stream: (&'static str, Uuid),
    /// The moment.
    pub until: Until,
}

impl StreamAt {
    /// The highest version, business time and log time that the event may have.
    fn bounds(self) -> [i64; 3] {
        match self.until {
            Until::Version(version) => [stored(version), i64::MAX, i64::MAX],
            Until::OccurredAt(at) => [i64::MAX, at, i64::MAX],
            Until::RecordedAt(at) => [i64::MAX, i64::MAX, at],
        }
    }
}

/// Versions and both times only grow along a stream, so the last event within the bounds is the one.
const VERSIONS: &str = "SELECT COALESCE((SELECT position FROM projections WHERE name = 'history'), 0), \
     string_agg(CAST(q.column1 AS TEXT) || ' ' || CAST(COALESCE((SELECT h.version FROM history h \
     WHERE h.stream_type = q.column2 AND h.stream_id = q.column3 AND h.version <= q.column4 \
     AND h.occurred_at <= q.column5 AND h.recorded_at <= q.column6 ORDER BY h.version DESC LIMIT 1), 0) AS TEXT), ',') FROM (VALUES ";

impl ReadModel {
    /// The versions of these streams at their moments, in the order of `asked`; 0 before the first event, or if there
    /// is no such stream.
    ///
    /// # Errors
    /// When the storage refuses.
    pub async fn versions_at(&self, asked: &[StreamAt]) -> Result<Seen<Vec<u64>>, ReadModelError> {
        let mut sql = Sql::new(VERSIONS);
        for (index, one) in padded(asked).enumerate() {
            sql.push(if index == 0 { "(" } else { ", (" }).push(index);
            let (stream_type, stream_id) = one.stream;
            sql.push(", ").push_bind(stream_type).push(", ").push_bind(stream_id);
            for bound in one.bounds() {
                sql.push(", ").push_bind(bound);
            }
            sql.push(")");
        }
        sql.push(") AS q");
        let row: Option<(i64, Option<String>)> = self.first(sql).await?;
        let (applied, texts) = row.unwrap_or_default();
        let mut versions = vec![0; asked.len()];
        for text in texts.iter().flat_map(|texts| texts.split(',')) {
            let (index, version) = text.split_once(' ').ok_or_else(unreadable)?;
            let index: usize = index.parse().map_err(|_| unreadable())?;
            // The padding of the statement comes after the requested streams.
            if let Some(found) = versions.get_mut(index) {
                *found = version.parse().map_err(|_| unreadable())?;
            }
        }
        Ok(Seen { position: loaded(applied)?, found: versions })
    }
}

fn unreadable() -> ReadModelError {
    ReadModelError::Corrupt("a list of versions does not read as it was packed".into())
}
