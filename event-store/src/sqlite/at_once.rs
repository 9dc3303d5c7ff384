//! An append by one text of SQL: one way to the connection's thread and back.
//!
//! Where nobody else appends, nothing needs to be asked under the lock: the head is where our own last commit left it,
//! and so are the streams that we wrote to (`versions`). So the rows are planned on that, and one text takes the lock,
//! inserts, moves the head and commits. Each of its statements fails when anything is otherwise than planned: a row
//! that is there already is refused, and the head gets no hash, which the schema refuses, if it has another revision or
//! if not just the planned numbers of events and answers went in. Then COMMIT is not reached, and the append is made
//! step by step (`append`).

use super::append::{Unsettled, bind_head, is_refused_row, move_head_and_commit};
use super::insert::{MOST_ROWS, bind_all, inserts};
use super::writer::{RolledBack, Writer};
use crate::ask::{Ask, Question};
use crate::crash::{self, Point};
use crate::plan::{Plan, plan};
use crate::points;
use crate::versions::Tip;
use crate::{Append, AppendError, Appended};
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, SqliteConnection};
use std::collections::HashMap;
use std::sync::Arc;

/// The texts by their numbers of events and answers; more combinations than there is room for hardly come often.
#[derive(Debug)]
pub(super) struct Texts {
    capacity: usize,
    kept: HashMap<(usize, usize), Arc<str>>,
}

impl Texts {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, kept: HashMap::new() }
    }

    fn get(&mut self, events: usize, answers: usize) -> Arc<str> {
        if self.kept.len() >= self.capacity {
            self.kept.clear();
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
        Arc::clone(self.kept.entry((events, answers)).or_insert_with(make))
    }
}

impl Writer {
    /// `None` when the append must be made step by step.
    pub(super) async fn append_at_once(
        &mut self,
        append: &Append,
    ) -> Option<Result<Appended, AppendError>> {
        let Tip { head, revision } = self.tip.take()?;
        let events: usize = append.entries.iter().map(|entry| entry.events.len()).sum();
        if events > MOST_ROWS || append.entries.len() > MOST_ROWS || crash::stops_within() {
            return None;
        }
        self.known.expect_revision(revision);
        let found = Question::about(&append.entries, &self.known, Ask::Needed).unasked()?;
        let plan = plan(&append.entries, found, head, append.recorded_at);
        if plan.is_empty() || plan.guessed {
            return None;
        }
        let mut connection = match self.take().await {
            Ok(connection) => connection,
            Err(error) => return Some(Err(error.into())),
        };
        match points::committed(self.write_at_once(&mut connection, &plan, revision).await) {
            Ok(()) => {
                crash::pass(Point::AfterCommit);
                self.put_back(connection);
                self.committed(&plan, revision + 1, true);
                Some(Ok(plan.appended()))
            }
            Err(error) => {
                let rolled_back = self.roll_back(connection).await == RolledBack::Yes;
                if rolled_back && is_refused_row(&error) {
                    return None;
                }
                Some(self.settle(Unsettled { error, revision, plan }).await)
            }
        }
    }

    async fn write_at_once(
        &mut self,
        connection: &mut SqliteConnection,
        plan: &Plan<'_>,
        revision: i64,
    ) -> sqlx::Result<()> {
        let text = self.texts.get(plan.events.len(), plan.answers.len());
        let mut arguments = SqliteArguments::default();
        let mut bind = || {
            bind_all(&mut arguments, plan)?;
            bind_head(&mut arguments, plan, revision)
        };
        bind().map_err(sqlx::Error::Encode)?;
        sqlx::query_with(AssertSqlSafe(text), arguments).execute(connection).await.map(|_| ())
    }

    #[cfg(test)]
    pub(super) fn has_written_at_once(&self, events: usize, answers: usize) -> bool {
        self.texts.kept.contains_key(&(events, answers))
    }

    /// What is known after a commit that led to `revision`. Where others append too, the next one is not tried at once:
    /// they would mostly have been there first.
    pub(super) fn committed(&mut self, plan: &Plan<'_>, revision: i64, alone: bool) {
        let versions = plan.versions.iter().map(|(stream, version)| (*stream, *version));
        self.known.committed(revision, versions);
        self.recent.committed(plan);
        self.tip = alone.then_some(Tip { head: plan.head, revision });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_kept_as_far_as_there_is_room() {
        let mut texts = Texts::new(3);
        let mut most = 0;
        for events in 1..=10 {
            texts.get(events, 0);
            assert!(texts.kept.contains_key(&(events, 0)));
            most = most.max(texts.kept.len());
        }
        assert_eq!(most, 3);
    }
}
