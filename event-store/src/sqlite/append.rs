//! One append: one transaction on the write connection.
//!
//! BEGIN IMMEDIATE takes the write lock; only then is the head read. Most of what an append relies on needs no
//! question of its own: streams that this handle wrote last are known (`versions`), a stream that must not exist yet
//! is proved by its first row going in (the unique index), a key that must be free likewise. If a row does not go in,
//! the attempt is rolled back and made once more with everything asked beforehand. Nothing is decided by an error's
//! text. A commit that fails is settled by reading back (`settle`).

use super::writer::Writer;
use super::{refusal, signed};
use crate::crash::{self, Point};
use crate::plan::{AnswerRow, EventRow, Found, Plan, plan};
use crate::{Append, AppendError, Appended, Entry, Head, StoreError, StoredAnswer, row};
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, SqliteConnection};
use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

/// What an attempt asks before it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    /// Only what neither this handle nor a unique index knows.
    Needed,
    /// Every stream's version, every key.
    Everything,
}

enum Attempt<'a> {
    Done(Appended),
    /// Rows did not go in: somebody was there first.
    Raced,
    /// The commit failed; what should be there if it did not.
    Unsettled(Unsettled<'a>),
}

/// A commit that failed.
pub(super) struct Unsettled<'a> {
    pub(super) error: sqlx::Error,
    /// The head's revision before it.
    pub(super) revision: i64,
    pub(super) plan: Plan<'a>,
}

impl Writer {
    pub(super) async fn append(&mut self, append: &Append) -> Result<Appended, AppendError> {
        crash::pass(Point::BeforeBegin);
        for ask in [Ask::Needed, Ask::Everything] {
            let mut connection = self.take().await?;
            match self.attempt(&mut connection, append, ask).await {
                Ok(Attempt::Done(appended)) => {
                    self.put_back(connection);
                    return Ok(appended);
                }
                Ok(Attempt::Raced) => self.roll_back(connection).await,
                Ok(Attempt::Unsettled(unsettled)) => {
                    self.roll_back(connection).await;
                    return self.settle(unsettled).await;
                }
                Err(error) => {
                    self.roll_back(connection).await;
                    return Err(refusal(error).into());
                }
            }
        }
        let refused = "the log does not take rows for which there is room".to_owned();
        Err(StoreError::Corrupt(refused).into())
    }

    async fn attempt<'a>(
        &mut self,
        connection: &mut SqliteConnection,
        append: &'a Append,
        ask: Ask,
    ) -> sqlx::Result<Attempt<'a>> {
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
        let (head, revision) = locked_head(connection).await?;
        crash::pass(Point::AfterLock);
        self.known.expect_revision(revision);
        let found = self.find(connection, &append.entries, ask).await?;
        let plan = plan(&append.entries, found, head, append.recorded_at);
        if plan.is_empty() {
            sqlx::query("ROLLBACK").execute(connection).await?;
            return Ok(Attempt::Done(appended(plan)));
        }
        let answers = insert_answers(connection, &plan).await?;
        let events = insert_events(connection, &plan).await?;
        crash::pass(Point::AfterEvents);
        if answers != plan.answers.len() as u64 || events != plan.events.len() as u64 {
            return Ok(Attempt::Raced);
        }
        move_head(connection, &plan.head, revision).await?;
        crash::pass(Point::BeforeCommit);
        if let Err(error) = sqlx::query("COMMIT").execute(connection).await {
            return Ok(Attempt::Unsettled(Unsettled { error, revision, plan }));
        }
        crash::pass(Point::AfterCommit);
        let versions = plan.versions.iter().map(|(stream, version)| (*stream, *version));
        self.known.committed(revision + 1, versions);
        Ok(Attempt::Done(appended(plan)))
    }

    /// Looks up, under the lock, what the plan needs to know.
    async fn find<'a>(
        &self,
        connection: &mut SqliteConnection,
        entries: &'a [Entry],
        ask: Ask,
    ) -> sqlx::Result<Found<'a>> {
        let mut found = Found::default();
        let mut unknown = Vec::new();
        let mut seen = HashSet::with_capacity(entries.len());
        for entry in entries.iter().filter(|entry| seen.insert(&entry.stream)) {
            let stream = &entry.stream;
            match (self.known.get(stream), ask, proves_itself_new(entry)) {
                (Some(version), Ask::Needed, _) => _ = found.versions.insert(stream, version),
                (None, Ask::Needed, true) => {}
                _ => unknown.push(stream),
            }
        }
        if !unknown.is_empty() {
            let versions = super::read::versions(connection, &unknown).await?;
            found.versions.extend(unknown.into_iter().zip(versions));
        }
        if ask == Ask::Everything {
            let keys: Vec<&str> = keys(entries).collect();
            let answers: Vec<Option<StoredAnswer>> =
                super::answers::find(&mut *connection, &keys).await?;
            let taken = keys.into_iter().zip(answers);
            found.answers.extend(taken.filter_map(|(key, answer)| Some((key, answer?))));
        }
        Ok(found)
    }
}

/// A stream's first entry that expects nothing and writes version 1: if the stream exists, so does its version 1, and
/// the row does not go in.
fn proves_itself_new(entry: &Entry) -> bool {
    entry.expected_version == 0 && !entry.events.is_empty()
}

fn keys(entries: &[Entry]) -> impl Iterator<Item = &str> {
    entries.iter().filter_map(|entry| Some(entry.answer.as_ref()?.key.as_str()))
}

pub(super) fn appended(plan: Plan<'_>) -> Appended {
    Appended {
        outcomes: plan.outcomes,
        head: plan.head.position,
        recorded_at: plan.head.recorded_at,
    }
}

async fn locked_head(connection: &mut SqliteConnection) -> sqlx::Result<(Head, i64)> {
    sqlx::query("SELECT position, hash, recorded_at, revision FROM log_head")
        .try_map(|row| {
            let (position, hash) = (row::number(&row, 0)?, row::hash(&row, 1)?);
            let head = Head { position, hash, recorded_at: row::time(&row, 2)? };
            Ok((head, sqlx::Row::try_get(&row, 3)?))
        })
        .fetch_one(connection)
        .await
}

async fn move_head(
    connection: &mut SqliteConnection,
    head: &Head,
    revision: i64,
) -> sqlx::Result<()> {
    let moved = sqlx::query(
        "UPDATE log_head SET position = $1, hash = $2, recorded_at = $3, revision = $4 + 1 WHERE revision = $4",
    )
    .bind(signed(head.position))
    .bind(head.hash.to_vec())
    .bind(head.recorded_at.timestamp_micros())
    .bind(revision)
    .execute(connection)
    .await?;
    match moved.rows_affected() {
        1 => Ok(()),
        _ => Err(sqlx::Error::RowNotFound),
    }
}

/// Rows go in by statements of so many rows each, so that a handful of statements stay prepared.
const CHUNKS: [usize; 3] = [64, 8, 1];

/// One statement for each of [`CHUNKS`]. Its parameters are bare `?`: SQLite searches through named ones (`$1`) one
/// by one whenever one is bound, which among a thousand costs more than the insert.
fn statements(insert: &str, row: &str, tail: &str) -> [String; 3] {
    CHUNKS
        .map(|rows| format!("{insert} VALUES {}{row} {tail}", format!("{row}, ").repeat(rows - 1)))
}

static INSERT_EVENTS: LazyLock<[String; 3]> = LazyLock::new(|| {
    statements(
        concat!("INSERT INTO events (", row::event_columns!(), ")"),
        "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "ON CONFLICT DO NOTHING",
    )
});

static INSERT_ANSWERS: LazyLock<[String; 3]> = LazyLock::new(|| {
    statements(
        "INSERT INTO idempotency (key, fingerprint, answer, first_position, stored_at, permanent)",
        "(?, ?, ?, ?, ?, ?)",
        "ON CONFLICT DO NOTHING",
    )
});

/// Inserts all rows; how many went in.
async fn insert<T>(
    connection: &mut SqliteConnection,
    statements: &'static [String; 3],
    mut rows: &[T],
    mut bind: impl FnMut(&mut SqliteArguments, &T) -> sqlx::Result<()>,
) -> sqlx::Result<u64> {
    let mut inserted = 0;
    for (chunk, statement) in CHUNKS.into_iter().zip(statements) {
        while rows.len() >= chunk {
            let (now, later) = rows.split_at(chunk);
            let mut arguments = SqliteArguments::default();
            arguments.reserve(15 * chunk, 0);
            for row in now {
                bind(&mut arguments, row)?;
            }
            let query = sqlx::query_with(statement.as_str(), arguments);
            inserted += query.execute(&mut *connection).await?.rows_affected();
            rows = later;
        }
    }
    Ok(inserted)
}

async fn insert_events(connection: &mut SqliteConnection, plan: &Plan<'_>) -> sqlx::Result<u64> {
    let recorded_at = plan.head.recorded_at.timestamp_micros();
    let mut names = Names::default();
    insert(connection, &INSERT_EVENTS, &plan.events, |arguments, row| {
        bind_event(arguments, row, recorded_at, &mut names).map_err(sqlx::Error::Encode)
    })
    .await
}

fn bind_event(
    arguments: &mut SqliteArguments,
    row: &EventRow<'_>,
    recorded_at: i64,
    names: &mut Names,
) -> Result<(), sqlx::error::BoxDynError> {
    let (event, metadata) = (row.event, &row.entry.metadata);
    let text = |text: &Option<String>| text.as_deref().map(Arc::<str>::from);
    arguments.add(signed(row.position))?;
    arguments.add(names.lasting(row.entry.stream.stream_type))?;
    arguments.add(row.entry.stream.id)?;
    arguments.add(signed(row.version))?;
    arguments.add(event.event_id)?;
    arguments.add(names.lasting(event.event_type))?;
    arguments.add(i64::from(event.schema_version))?;
    arguments.add(event.occurred_at.timestamp_micros())?;
    arguments.add(recorded_at)?;
    arguments.add(text(&metadata.correlation_id))?;
    arguments.add(text(&metadata.causation_id))?;
    arguments.add(text(&metadata.traceparent))?;
    arguments.add(text(&metadata.actor))?;
    arguments.add(Arc::<str>::from(str::from_utf8(&event.payload)?))?;
    arguments.add(row.hash.to_vec())
}

/// The few names that recur on every row, so that binding one copies nothing.
#[derive(Default)]
struct Names(Vec<(&'static str, Arc<str>)>);

impl Names {
    fn lasting(&mut self, name: &'static str) -> Arc<str> {
        if let Some((_, lasting)) = self.0.iter().find(|(known, _)| std::ptr::eq(*known, name)) {
            return Arc::clone(lasting);
        }
        let lasting = Arc::<str>::from(name);
        self.0.push((name, Arc::clone(&lasting)));
        lasting
    }
}

async fn insert_answers(connection: &mut SqliteConnection, plan: &Plan<'_>) -> sqlx::Result<u64> {
    let stored_at = plan.head.recorded_at.timestamp_micros();
    insert(connection, &INSERT_ANSWERS, &plan.answers, |arguments, row: &AnswerRow<'_>| {
        let answer = row.answer;
        let mut bind = || {
            arguments.add(Arc::<str>::from(answer.key.as_str()))?;
            arguments.add(answer.fingerprint.to_vec())?;
            arguments.add(answer.answer.clone())?;
            arguments.add(signed(row.first_position))?;
            arguments.add(stored_at)?;
            arguments.add(i64::from(answer.permanent))
        };
        bind().map_err(sqlx::Error::Encode)
    })
    .await
}
