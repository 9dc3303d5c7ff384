//! One append: one transaction on the write connection.
//!
//! Most are made at once (`at_once`); this is how an append is made when something must be asked, or has come in between.
//! BEGIN IMMEDIATE takes the write lock; only then is the head read, and what the append needs to know (`ask`). If a row
//! does not go in, be it an error or a count, the attempt is rolled back and made once more with everything asked
//! beforehand. Nothing is decided by an error's text. A commit that fails is settled by reading back (`settle`).

use super::insert::{insert_answers, insert_events};
use super::writer::Writer;
use super::{primary_code, refusal};
use crate::ask::{Ask, Question};
use crate::crash::{self, Point};
use crate::plan::{Found, Plan, plan};
use crate::points;
use crate::row::{self, signed};
use crate::{Append, AppendError, Appended, Entry, Head, StoreError};
use faults::{Fault, planted};
use sqlx::error::BoxDynError;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, SqliteConnection};
use std::sync::LazyLock;

/// What an append is answered that conflicts with nothing and whose rows still do not go in.
const REFUSED: &str = "the log refuses rows that conflict with nothing stored; nothing was appended. \
    Stop the server and run `orderlog verify`";

enum Attempt<'a> {
    Done(Appended),
    /// Rows did not go in, or the plan was guessed: everything must be asked.
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
        if let Some(done) = self.append_at_once(append).await {
            return done;
        }
        for ask in [Ask::Needed, Ask::Everything] {
            let mut connection = self.take().await?;
            match self.attempt(&mut connection, append, ask).await {
                Ok(Attempt::Done(appended)) => {
                    self.put_back(connection);
                    return Ok(appended);
                }
                Ok(Attempt::Raced) => {
                    self.roll_back(connection).await;
                }
                Ok(Attempt::Unsettled(unsettled)) => {
                    self.roll_back(connection).await;
                    return self.settle(unsettled).await;
                }
                Err(error) => {
                    self.roll_back(connection).await;
                    if !is_refused_row(&error) {
                        return Err(refusal(error).into());
                    }
                    tracing::debug!(%error, "a row did not go in");
                }
            }
        }
        Err(StoreError::Corrupt(REFUSED.to_owned()).into())
    }

    async fn attempt<'a>(
        &mut self,
        connection: &mut SqliteConnection,
        append: &'a Append,
        ask: Ask,
    ) -> sqlx::Result<Attempt<'a>> {
        let (head, revision) = lock_head(connection).await?;
        crash::pass(Point::AfterLock);
        let alone = self.known.expect_revision(revision);
        let found = self.find(connection, &append.entries, ask).await?;
        let plan = plan(&append.entries, found, head, append.recorded_at);
        if ask == Ask::Needed && plan.guessed {
            return Ok(Attempt::Raced);
        }
        if plan.is_empty() {
            sqlx::query("ROLLBACK").execute(connection).await?;
            return Ok(Attempt::Done(plan.appended()));
        }
        let events = insert_events(connection, &plan).await?;
        crash::pass(Point::AfterEvents);
        let answers = insert_answers(connection, &plan).await?;
        if planted(Fault::FalseCreated) {
            // Nobody counts.
        } else if events != plan.events.len() as u64 || answers != plan.answers.len() as u64 {
            return Ok(Attempt::Raced);
        }
        crash::pass(Point::BeforeCommit);
        if let Err(error) = points::committed(commit(connection, &plan, revision).await) {
            return Ok(Attempt::Unsettled(Unsettled { error, revision, plan }));
        }
        crash::pass(Point::AfterCommit);
        self.committed(&plan, revision + 1, alone);
        Ok(Attempt::Done(plan.appended()))
    }

    /// Looks up, under the lock, what the plan needs to know.
    async fn find<'a>(
        &self,
        connection: &mut SqliteConnection,
        entries: &'a [Entry],
        ask: Ask,
    ) -> sqlx::Result<Found<'a>> {
        let question = Question::about(entries, &self.known, ask);
        let mut versions = Vec::new();
        if !question.streams.is_empty() {
            versions = super::read::versions(connection, &question.streams).await?;
        }
        let answers = super::answers::find(connection, &question.keys).await?;
        Ok(question.answered(versions, answers))
    }
}

/// Takes the write lock, then, in a statement of its own, reads the head. Sent together: one way to the connection's
/// thread and back instead of two.
async fn lock_head(connection: &mut SqliteConnection) -> sqlx::Result<(Head, i64)> {
    sqlx::query("BEGIN IMMEDIATE; SELECT position, hash, recorded_at, revision FROM log_head")
        .try_map(|row| {
            let (position, hash) = (row::number(&row, 0)?, row::hash(&row, 1)?);
            let head = Head { position, hash, recorded_at: row::time(&row, 2)? };
            Ok((head, sqlx::Row::try_get(&row, 3)?))
        })
        .fetch_one(connection)
        .await
}

/// Moves the head and commits; sent together, too. The hash becomes NULL, which the schema refuses, and COMMIT is never
/// reached, should the head not have the revision that the plan was made on, or not just as many events have gone in as
/// were planned. `counted` is one more condition, or empty.
pub(super) fn move_head_and_commit(counted: &str) -> String {
    let went_in = match planted(Fault::FalseCreated) {
        false => "= (SELECT COUNT(*) FROM events WHERE events.position > log_head.position)",
        true => "IS NOT NULL",
    };
    format!(
        "UPDATE log_head SET position = ?, hash = CASE WHEN revision = ? AND ? {went_in}{counted} \
         THEN ? END, recorded_at = ?, revision = revision + 1; COMMIT"
    )
}

static MOVE_HEAD_AND_COMMIT: LazyLock<String> = LazyLock::new(|| move_head_and_commit(""));

/// What [`move_head_and_commit`] binds.
pub(super) fn bind_head(
    arguments: &mut SqliteArguments,
    plan: &Plan<'_>,
    revision: i64,
) -> Result<(), BoxDynError> {
    arguments.add(signed(plan.head.position))?;
    arguments.add(revision)?;
    arguments.add(signed(plan.events.len() as u64))?;
    arguments.add(plan.head.hash.to_vec())?;
    arguments.add(plan.head.recorded_at.timestamp_micros())
}

async fn commit(
    connection: &mut SqliteConnection,
    plan: &Plan<'_>,
    revision: i64,
) -> sqlx::Result<()> {
    let mut arguments = SqliteArguments::default();
    bind_head(&mut arguments, plan, revision).map_err(sqlx::Error::Encode)?;
    sqlx::query_with(MOVE_HEAD_AND_COMMIT.as_str(), arguments).execute(connection).await.map(|_| ())
}

/// Whether the schema refused a row: somebody was there first, or it is not what the schema takes.
pub(super) fn is_refused_row(error: &sqlx::Error) -> bool {
    const CONSTRAINT: i32 = 19;
    primary_code(error) == Some(CONSTRAINT)
}
