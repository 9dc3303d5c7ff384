//! The fast path of an append: one text of SQL, one way to the connection's thread and back.
//!
//! While no other handle appends, nothing needs to be looked up under the lock: the head is where our own last commit
//! left it, and so are the streams that we wrote to (`known_streams`). The rows are planned on that, and one text takes
//! the lock, inserts, moves the head and commits. Each of its statements fails when anything differs from the plan:
//! a row that is there already is refused, and the head gets no hash, which the schema refuses, if it has another
//! revision or if not just the planned numbers of events and answers went in. Then COMMIT is not reached, and the append
//! takes the slow path (`slow_path`).

use super::head::bind_head;
use super::insert::{MOST_ROWS, bind_all};
use super::is_refused_row;
use super::settle::Unsettled;
use super::writer::{RolledBack, Writer};
use crate::crash::{self, Point};
use crate::known_streams::Tip;
use crate::lookup::{Lookup, Scope};
use crate::plan::{Plan, plan};
use crate::points;
use crate::{Append, AppendError, Appended};
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, SqliteConnection};

impl Writer {
    /// `None` when the append must take the slow path.
    pub(super) async fn fast_path(
        &mut self,
        group: &[Append],
    ) -> Option<Result<Vec<Appended>, AppendError>> {
        let Tip { head, revision } = self.tip.take()?;
        let events: usize = group.iter().map(Append::events).sum();
        let entries: usize = group.iter().map(|append| append.entries.len()).sum();
        if events > MOST_ROWS || entries > MOST_ROWS || crash::stops_within() {
            return None;
        }
        self.known.expect_revision(revision);
        let found = Lookup::of(group, &self.known, Scope::Needed).unneeded()?;
        let plan = plan(group, found, head);
        if plan.is_empty() || plan.guessed {
            return None;
        }
        let mut connection = match self.take().await {
            Ok(connection) => connection,
            Err(error) => return Some(Err(error.into())),
        };
        match points::committed(self.write_and_commit(&mut connection, &plan, revision).await) {
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

    async fn write_and_commit(
        &mut self,
        connection: &mut SqliteConnection,
        plan: &Plan<'_>,
        revision: i64,
    ) -> sqlx::Result<()> {
        let text = self.statements.get(plan.events.len(), plan.answers.len());
        let mut arguments = SqliteArguments::default();
        let mut bind = || {
            bind_all(&mut arguments, plan)?;
            bind_head(&mut arguments, plan, revision)
        };
        bind().map_err(sqlx::Error::Encode)?;
        sqlx::query_with(AssertSqlSafe(text), arguments).execute(connection).await.map(|_| ())
    }
}
