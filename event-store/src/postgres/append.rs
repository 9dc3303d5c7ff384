//! One append: one transaction on the connection that appends.
//!
//! Most are made at once (`at_once`); this is how an append is made when something must be asked, or others append too.
//! The head row is locked and read by a statement of its own; each later statement sees what was committed up to then.
//! Only then is asked what the append needs to know (`ask`). If a row does not go in, the attempt is rolled back and
//! made once more with everything asked beforehand. Nothing is decided by an error's text. A connection that is lost
//! before COMMIT was sent has stored nothing, so the attempt is made again on another one; after that, reading back
//! tells (`settle`).

use super::insert::{insert_answers, insert_events};
use super::writer::Writer;
use super::{ANSWER_TIMEOUT, is_lost, no_answer, refusal};
use crate::ask::{Ask, Question};
use crate::crash::{self, Point};
use crate::plan::{Found, Plan, plan};
use crate::planted;
use crate::points;
use crate::row::{self, signed};
use crate::versions::Tip;
use crate::{Append, AppendError, Appended, Entry, Head, StoreError};
use faults::Fault;
use sqlx::PgConnection;
use tokio::time::timeout;

/// One that finds somebody was faster, one that knows everything, and two for connections that are lost meanwhile.
const MAX_ATTEMPTS: usize = 4;

/// What became of an attempt up to COMMIT.
enum Attempt<'a> {
    /// There is nothing to write.
    Hollow(Plan<'a>),
    /// Rows did not go in, or the plan was guessed: everything must be asked.
    Raced,
    /// Everything is written but not committed.
    Ready(Written<'a>),
}

/// What waits for its COMMIT.
struct Written<'a> {
    /// The head's revision before it.
    revision: i64,
    plan: Plan<'a>,
    /// Whether nobody else has appended since our own last commit.
    alone: bool,
}

/// A commit that failed.
pub(super) struct Unsettled<'p, 'a> {
    pub(super) error: sqlx::Error,
    /// The head's revision before it.
    pub(super) revision: i64,
    pub(super) plan: &'p Plan<'a>,
}

impl Writer {
    pub(super) async fn append(&mut self, append: &Append) -> Result<Appended, AppendError> {
        crash::pass(Point::BeforeBegin);
        if let Some(done) = self.append_at_once(append).await {
            return done;
        }
        let mut ask = Ask::Needed;
        for _ in 0..MAX_ATTEMPTS {
            let mut connection = self.take().await?;
            let attempt = timeout(ANSWER_TIMEOUT, self.attempt(&mut connection, append, ask)).await;
            match attempt.unwrap_or_else(|_| Err(no_answer())) {
                Ok(Attempt::Hollow(plan)) => {
                    self.roll_back(connection, None).await;
                    return Ok(plan.appended());
                }
                Ok(Attempt::Raced) => {
                    self.roll_back(connection, None).await;
                    ask = Ask::Everything;
                }
                Ok(Attempt::Ready(written)) => {
                    if self.commit(connection, &written).await? {
                        return Ok(written.plan.appended());
                    }
                }
                Err(error) if is_lost(&error) => {
                    tracing::warn!(%error, "the connection was lost before a commit; nothing was stored");
                }
                Err(error) => {
                    self.roll_back(connection, Some(&error)).await;
                    return Err(refusal(error).into());
                }
            }
        }
        let given_up = format!("given up after {MAX_ATTEMPTS} attempts; nothing was stored");
        Err(StoreError::Unavailable(given_up).into())
    }

    /// Commits; true when it is known to be stored, false when it is known not to be because the connection was lost.
    async fn commit(
        &mut self,
        mut connection: PgConnection,
        Written { revision, plan, alone }: &Written<'_>,
    ) -> Result<bool, AppendError> {
        let committed = timeout(ANSWER_TIMEOUT, sqlx::raw_sql("COMMIT").execute(&mut connection));
        let committed = committed.await.unwrap_or_else(|_| Err(no_answer()));
        if let Err(error) = points::committed(committed) {
            drop(connection);
            return self.settle(Unsettled { error, revision: *revision, plan }).await;
        }
        crash::pass(Point::AfterCommit);
        self.put_back(connection);
        self.committed(plan, revision + 1, *alone);
        Ok(true)
    }

    /// What is known after a commit that led to `revision`. Where others append too, the next one is not tried at once:
    /// they would mostly have been there first.
    pub(super) fn committed(&mut self, plan: &Plan<'_>, revision: i64, alone: bool) {
        let versions = plan.versions.iter().map(|(stream, version)| (*stream, *version));
        self.known.committed(revision, versions);
        self.tip = alone.then_some(Tip { head: plan.head, revision });
    }

    async fn attempt<'a>(
        &mut self,
        connection: &mut PgConnection,
        append: &'a Append,
        ask: Ask,
    ) -> sqlx::Result<Attempt<'a>> {
        sqlx::raw_sql("BEGIN").execute(&mut *connection).await?;
        let (head, revision) = lock_head(connection).await?;
        crash::pass(Point::AfterLock);
        let alone = self.known.expect_revision(revision);
        let head = planted::cursor(head, &append.entries);
        let found = self.find(connection, &append.entries, ask).await?;
        let plan = plan(&append.entries, found, head, append.recorded_at);
        if ask == Ask::Needed && plan.guessed {
            return Ok(Attempt::Raced);
        }
        if plan.is_empty() {
            return Ok(Attempt::Hollow(plan));
        }
        let events = insert_events(connection, &plan).await?;
        crash::pass(Point::AfterEvents);
        planted::written(&plan);
        let answers = insert_answers(connection, &plan).await?;
        let as_planned = (events, answers) == (plan.events.len() as u64, plan.answers.len() as u64);
        if !as_planned && !faults::planted(Fault::CountsNotCompared) {
            return Ok(Attempt::Raced);
        }
        if !move_head(connection, &plan.head, revision).await? {
            return Ok(Attempt::Raced);
        }
        crash::pass(Point::BeforeCommit);
        Ok(Attempt::Ready(Written { revision, plan, alone }))
    }

    /// Looks up, under the lock, what the plan needs to know.
    async fn find<'a>(
        &self,
        connection: &mut PgConnection,
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

/// Waits for the log's lock and reads the head as the last one to hold it has left it.
pub(super) async fn lock_head(connection: &mut PgConnection) -> sqlx::Result<(Head, i64)> {
    sqlx::query(planted::unlocked(
        "SELECT position, hash, recorded_at, revision FROM log_head WHERE only_row = 1 FOR UPDATE",
    ))
    .try_map(|row| {
        let (position, hash) = (row::number(&row, 0)?, row::hash(&row, 1)?);
        let head = Head { position, hash, recorded_at: row::time(&row, 2)? };
        Ok((head, sqlx::Row::try_get(&row, 3)?))
    })
    .fetch_one(connection)
    .await
}

/// False when the head is not the one that was locked.
async fn move_head(
    connection: &mut PgConnection,
    head: &Head,
    revision: i64,
) -> sqlx::Result<bool> {
    let moved = sqlx::query(
        "UPDATE log_head SET position = $1, hash = $2, recorded_at = $3, revision = $4 + 1
         WHERE only_row = 1 AND revision = $4",
    )
    .bind(signed(head.position))
    .bind(&head.hash[..])
    .bind(head.recorded_at.timestamp_micros())
    .bind(revision)
    .execute(connection)
    .await?;
    Ok(moved.rows_affected() == 1 || planted::is_lockless())
}
