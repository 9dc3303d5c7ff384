//! The rows of an append, many to a statement.
//!
//! Every statement is a way to the connection's thread and back, so a few large statements insert the rows. A row that
//! is there already, or whose place is taken, fails its statement. That is not the only check: the inserted rows are
//! counted inside the transaction, by the caller or by the statement that moves the head.

use super::head::move_head_and_commit;
use crate::plan::{AnswerRow, EventRow, Plan};
use crate::row::{self, signed};
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, SqliteConnection};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

/// Rows in one statement at most.
pub(super) const MOST_ROWS: usize = 128;
/// Up to this many rows there is a statement for each number, beyond it for each multiple of [`STEP`]: a batch goes in by
/// few statements, and all of them stay prepared.
const EACH_NUMBER: usize = 16;
const STEP: usize = 8;

/// How many of the rows go into the next statement.
fn chunk(rows: usize) -> usize {
    let most = rows.min(MOST_ROWS);
    if most <= EACH_NUMBER { most } else { most - most % STEP }
}

/// A table's insert. Its parameters are bare `?`: SQLite searches through named ones (`$1`) one by one whenever one is
/// bound, which among a thousand costs more than the insert.
struct BulkInsert {
    head: &'static str,
    row: &'static str,
}

const EVENTS: BulkInsert = BulkInsert {
    head: concat!("INSERT INTO events (", row::event_columns!(), ") VALUES "),
    row: "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
};

const ANSWERS: BulkInsert = BulkInsert {
    head: "INSERT INTO idempotency (key, fingerprint, answer, first_position, stored_at, permanent) VALUES ",
    row: "(?, ?, ?, ?, ?, ?)",
};

impl BulkInsert {
    /// The insert of a number of rows; nothing for none.
    fn push(&self, text: &mut String, rows: usize) {
        for number in 0..rows {
            text.push_str(if number == 0 { self.head } else { ", " });
            text.push_str(self.row);
        }
    }

    /// SQL for each number of rows that [`chunk`] gives, by that number; empty where it gives none.
    fn statements(&self) -> Statements {
        let text = |rows: usize| {
            let mut text = String::new();
            if chunk(rows) == rows {
                self.push(&mut text, rows);
            }
            text
        };
        (0..=MOST_ROWS).map(text).collect()
    }
}

type Statements = Vec<String>;

static INSERT_EVENTS: LazyLock<Statements> = LazyLock::new(|| EVENTS.statements());
static INSERT_ANSWERS: LazyLock<Statements> = LazyLock::new(|| ANSWERS.statements());

/// The inserts for these numbers of events and answers, each ended by a semicolon. At most [`MOST_ROWS`] of each.
fn inserts(events: usize, answers: usize) -> String {
    let mut text = String::with_capacity(events * 50 + answers * 25 + 500);
    for (insert, rows) in [(EVENTS, events), (ANSWERS, answers)] {
        insert.push(&mut text, rows);
        text.push_str(if rows > 0 { "; " } else { "" });
    }
    text
}

/// The texts of the fast path, by their numbers of events and answers: made once, prepared once. More combinations than
/// there is room for hardly come often.
#[derive(Debug)]
pub(super) struct StatementCache {
    capacity: usize,
    texts: HashMap<(usize, usize), Arc<str>>,
}

impl StatementCache {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, texts: HashMap::new() }
    }

    /// Takes the lock, inserts, moves the head and commits. It binds what [`bind_all`] and then `bind_head` bind.
    pub(super) fn get(&mut self, events: usize, answers: usize) -> Arc<str> {
        if self.texts.len() >= self.capacity {
            self.texts.clear();
        }
        let make = || {
            // Answers are inserted last, so they are the changes that the head's statement sees.
            let counted = match answers {
                0 => String::new(),
                answers => format!(" AND changes() = {answers}"),
            };
            let (inserts, commit) = (inserts(events, answers), move_head_and_commit(&counted));
            format!("BEGIN IMMEDIATE; {inserts}{commit}").into()
        };
        Arc::clone(self.texts.entry((events, answers)).or_insert_with(make))
    }

    #[cfg(test)]
    pub(super) fn holds(&self, events: usize, answers: usize) -> bool {
        self.texts.contains_key(&(events, answers))
    }
}

/// What [`inserts`] binds.
pub(super) fn bind_all(
    arguments: &mut SqliteArguments,
    plan: &Plan<'_>,
) -> Result<(), sqlx::error::BoxDynError> {
    arguments.reserve(16 * plan.events.len() + 6 * plan.answers.len(), 0);
    let mut names = Names::default();
    for row in &plan.events {
        bind_event(arguments, row, &mut names)?;
    }
    plan.answers.iter().try_for_each(|row| bind_answer(arguments, row))
}

/// Inserts all rows; how many went in.
async fn insert<T>(
    connection: &mut SqliteConnection,
    statements: &'static Statements,
    mut rows: &[T],
    mut bind: impl FnMut(&mut SqliteArguments, &T) -> sqlx::Result<()>,
) -> sqlx::Result<u64> {
    let mut inserted = 0;
    while !rows.is_empty() {
        let (now, later) = rows.split_at(chunk(rows.len()));
        let mut arguments = SqliteArguments::default();
        arguments.reserve(16 * now.len(), 0);
        for row in now {
            bind(&mut arguments, row)?;
        }
        let query = sqlx::query_with(statements[now.len()].as_str(), arguments);
        inserted += query.execute(&mut *connection).await?.rows_affected();
        rows = later;
    }
    Ok(inserted)
}

pub(super) async fn insert_events(
    connection: &mut SqliteConnection,
    plan: &Plan<'_>,
) -> sqlx::Result<u64> {
    let mut names = Names::default();
    insert(connection, &INSERT_EVENTS, &plan.events, |arguments, row| {
        bind_event(arguments, row, &mut names).map_err(sqlx::Error::Encode)
    })
    .await
}

fn bind_event(
    arguments: &mut SqliteArguments,
    row: &EventRow<'_>,
    names: &mut Names,
) -> Result<(), sqlx::error::BoxDynError> {
    let (event, metadata) = (row.event, &row.entry.metadata);
    let text = |text: &Option<String>| text.as_deref().map(Arc::<str>::from);
    arguments.add(signed(row.position))?;
    arguments.add(names.lasting(row.entry.stream.stream_type.as_str()))?;
    arguments.add(row.entry.stream.id)?;
    arguments.add(signed(row.version))?;
    arguments.add(event.event_id)?;
    arguments.add(names.lasting(event.event_type))?;
    arguments.add(i64::from(event.schema_version))?;
    arguments.add(event.occurred_at.timestamp_micros())?;
    arguments.add(row.recorded_at.timestamp_micros())?;
    arguments.add(text(&metadata.correlation_id))?;
    arguments.add(text(&metadata.causation_id))?;
    arguments.add(text(&metadata.traceparent))?;
    arguments.add(text(&metadata.actor))?;
    arguments.add(Arc::<str>::from(str::from_utf8(&event.payload)?))?;
    arguments.add(row.hash.to_vec())?;
    arguments.add(row.partition_key)
}

/// The few names that recur on every row, so that binding one copies nothing.
#[derive(Default)]
struct Names(Vec<Arc<str>>);

impl Names {
    fn lasting(&mut self, name: &str) -> Arc<str> {
        if let Some(lasting) = self.0.iter().find(|known| ***known == *name) {
            return Arc::clone(lasting);
        }
        let lasting = Arc::<str>::from(name);
        self.0.push(Arc::clone(&lasting));
        lasting
    }
}

pub(super) async fn insert_answers(
    connection: &mut SqliteConnection,
    plan: &Plan<'_>,
) -> sqlx::Result<u64> {
    insert(connection, &INSERT_ANSWERS, &plan.answers, |arguments, row| {
        bind_answer(arguments, row).map_err(sqlx::Error::Encode)
    })
    .await
}

fn bind_answer(
    arguments: &mut SqliteArguments,
    row: &AnswerRow<'_>,
) -> Result<(), sqlx::error::BoxDynError> {
    let answer = row.answer;
    arguments.add(Arc::<str>::from(answer.key.as_str()))?;
    arguments.add(answer.fingerprint.to_vec())?;
    arguments.add(answer.answer.clone())?;
    arguments.add(signed(row.first_position))?;
    arguments.add(row.stored_at.timestamp_micros())?;
    arguments.add(i64::from(answer.permanent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_in_by_few_statements_of_few_kinds() {
        for rows in 1..=1_000 {
            let (next, most) = (chunk(rows), rows.min(MOST_ROWS));
            assert!((1..=most).contains(&next), "{rows} rows, {next} together");
            assert!(next <= EACH_NUMBER || next % STEP == 0, "{rows} rows, {next} together");
            let left = most - next;
            assert!(left < if most <= EACH_NUMBER { 1 } else { STEP }, "{rows} rows, {left} left");
        }
    }

    #[test]
    fn each_insert_is_there_once_if_it_has_rows() {
        for (events, answers) in [(0, 0), (1, 0), (0, 1), (3, 2), (128, 128)] {
            let text = inserts(events, answers);
            let tables = usize::from(events > 0) + usize::from(answers > 0);
            assert_eq!(text.matches("INSERT INTO ").count(), tables, "{text}");
            assert_eq!(text.matches(';').count(), tables, "{text}");
            assert_eq!(text.matches('?').count(), 16 * events + 6 * answers, "{text}");
        }
    }

    #[test]
    fn texts_are_kept_as_far_as_there_is_room() {
        let mut statements = StatementCache::new(3);
        let mut most = 0;
        for events in 1..=10 {
            statements.get(events, 0);
            assert!(statements.holds(events, 0));
            most = most.max(statements.texts.len());
        }
        assert_eq!(most, 3);
    }
}
