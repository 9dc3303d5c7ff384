//! The slow path of an append: one transaction, statement by statement.
//!
//! It is taken where something must be looked up, or where another handle has appended since our own last commit.
//! BEGIN IMMEDIATE takes the write lock; only then is the head read, and what the append needs to know (`lookup`). If a
//! row does not go in, be it an error or a count, the attempt is rolled back and made once more with everything looked
//! up beforehand. Nothing is decided by an error's text. A commit that fails is settled by reading back (`settle`).

use super::head::{commit, lock_head};
use super::insert::{insert_answers, insert_events};
use super::settle::Unsettled;
use super::writer::Writer;
use super::{is_refused_row, refusal};
use crate::crash::{self, Point};
use crate::lookup::{Lookup, Scope};
use crate::plan::{Found, plan};
use crate::points;
use crate::{Append, AppendError, Appended, StoreError};
use faults::{Fault, planted};
use sqlx::SqliteConnection;

/// The error of an append that conflicts with nothing stored and whose rows are still refused.
const REFUSED: &str = "the log refuses rows that conflict with nothing stored; nothing was appended. \
    Stop the server and run `orderlog verify`";

enum Attempt<'a> {
    Done(Vec<Appended>),
    /// Rows did not go in, or the plan was guessed: everything must be looked up.
    Raced,
    /// The commit failed; what should be there if it did not.
    Unsettled(Box<Unsettled<'a>>),
}

impl Writer {
    pub(super) async fn slow_path(
        &mut self,
        group: &[Append],
    ) -> Result<Vec<Appended>, AppendError> {
        for scope in [Scope::Needed, Scope::Everything] {
            let mut connection = self.take().await?;
            match self.attempt(&mut connection, group, scope).await {
                Ok(Attempt::Done(appended)) => {
                    self.put_back(connection);
                    return Ok(appended);
                }
                Ok(Attempt::Raced) => {
                    self.roll_back(connection).await;
                }
                Ok(Attempt::Unsettled(unsettled)) => {
                    self.roll_back(connection).await;
                    return self.settle(*unsettled).await;
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
        group: &'a [Append],
        scope: Scope,
    ) -> sqlx::Result<Attempt<'a>> {
        let (head, revision) = lock_head(connection).await?;
        crash::pass(Point::AfterLock);
        let alone = self.known.expect_revision(revision);
        let found = self.find(connection, group, scope).await?;
        let plan = plan(group, found, head);
        if scope == Scope::Needed && plan.guessed {
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
            // The fault leaves the count out.
        } else if events != plan.events.len() as u64 || answers != plan.answers.len() as u64 {
            return Ok(Attempt::Raced);
        }
        crash::pass(Point::BeforeCommit);
        if let Err(error) = points::committed(commit(connection, &plan, revision).await) {
            let unsettled = Unsettled { error, revision, plan };
            return Ok(Attempt::Unsettled(Box::new(unsettled)));
        }
        crash::pass(Point::AfterCommit);
        self.committed(&plan, revision + 1, alone);
        Ok(Attempt::Done(plan.appended()))
    }

    /// Looks up, under the lock, what the plan needs to know.
    async fn find<'a>(
        &self,
        connection: &mut SqliteConnection,
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
