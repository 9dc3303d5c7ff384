//! The slow path of an append: one transaction, statement by statement.
//!
//! It is taken where something must be looked up, or where others append too. The head row is locked and read by a
//! statement of its own; each later statement sees what was committed up to then. Only then is looked up what the append
//! needs to know (`lookup`). If a row does not go in, the attempt is rolled back and made once more with everything
//! looked up beforehand. Nothing is decided by an error's text. A connection that is lost before COMMIT was sent has
//! stored nothing, so the attempt is made again on another one; after that, reading back tells (`settle`).

use super::connect::{ANSWER_TIMEOUT, is_lost, no_answer, refusal};
use super::head::{lock_head, move_head};
use super::insert::{insert_answers, insert_events};
use super::settle::Unsettled;
use super::writer::Writer;
use crate::crash::{self, Point};
use crate::lookup::{Lookup, Scope};
use crate::plan::{Found, Plan, plan};
use crate::planted;
use crate::points;
use crate::{Append, AppendError, Appended, StoreError};
use faults::Fault;
use sqlx::PgConnection;
use tokio::time::timeout;

/// One that loses to another writer, one after looking everything up, and two for connections lost meanwhile.
const MAX_ATTEMPTS: usize = 4;

/// What became of an attempt up to COMMIT.
enum Attempt<'a> {
    /// There is nothing to write.
    Hollow(Plan<'a>),
    /// Rows did not go in, or the plan was guessed: everything must be looked up.
    Raced,
    /// Everything is written but not committed.
    Ready(Written<'a>),
}

/// What waits for its COMMIT.
struct Written<'a> {
    /// The head's revision before it.
    revision: i64,
    plan: Plan<'a>,
    /// Whether no other handle has appended since our own last commit.
    alone: bool,
}

impl Writer {
    pub(super) async fn slow_path(
        &mut self,
        group: &[Append],
    ) -> Result<Vec<Appended>, AppendError> {
        let mut scope = Scope::Needed;
        for _ in 0..MAX_ATTEMPTS {
            let mut connection = self.take().await?;
            let attempt =
                timeout(ANSWER_TIMEOUT, self.attempt(&mut connection, group, scope)).await;
            match attempt.unwrap_or_else(|_| Err(no_answer())) {
                Ok(Attempt::Hollow(plan)) => {
                    self.roll_back(connection, None).await;
                    return Ok(plan.appended());
                }
                Ok(Attempt::Raced) => {
                    self.roll_back(connection, None).await;
                    scope = Scope::Everything;
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

    async fn attempt<'a>(
        &mut self,
        connection: &mut PgConnection,
        group: &'a [Append],
        scope: Scope,
    ) -> sqlx::Result<Attempt<'a>> {
        sqlx::raw_sql("BEGIN").execute(&mut *connection).await?;
        let (head, revision) = lock_head(connection).await?;
        crash::pass(Point::AfterLock);
        let alone = self.known.expect_revision(revision);
        let head = planted::cursor(head, group);
        let found = self.find(connection, group, scope).await?;
        let plan = plan(group, found, head);
        if scope == Scope::Needed && plan.guessed {
            return Ok(Attempt::Raced);
        }
        if plan.is_empty() {
            return Ok(Attempt::Hollow(plan));
        }
        let events = insert_events(connection, &plan).await?;
        crash::pass(Point::AfterEvents);
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
        group: &'a [Append],
        scope: Scope,
    ) -> sqlx::Result<Found<'a>> {
        let lookup = Lookup::of(group, &self.known, scope);
        let mut ends = Vec::new();
        if !lookup.streams.is_empty() {
            ends = super::read::ends(connection, &lookup.streams).await?;
        }
        let answers = super::idempotency::find(connection, &lookup.keys).await?;
        Ok(lookup.answered(ends, answers))
    }
}
