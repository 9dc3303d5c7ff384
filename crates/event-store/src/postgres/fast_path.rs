//! The fast path of an append: one statement that commits by itself, one way to the server and back.
//!
//! While no other handle appends, nothing needs to be looked up under the lock: the head is where our own last commit
//! left it, and so are the streams that we wrote to (`known_streams`). The rows are planned on that. One statement takes
//! the lock by moving the head, if it still has that revision, and inserts. A head of another revision lets no row in. A
//! row that is there already is refused by its unique index, and the whole statement with it. Then the append takes the
//! slow path (`slow_path`). If no answer comes, `settle` reads back what was stored.

use super::connect::{ANSWER_TIMEOUT, is_lost, no_answer};
use super::insert::{fits_in_one_statement, insert_all};
use super::settle::Unsettled;
use super::writer::Writer;
use crate::crash::{self, Point};
use crate::known_streams::Tip;
use crate::lookup::{Lookup, Scope};
use crate::plan::plan;
use crate::points;
use crate::{Append, AppendError, Appended};
use faults::{Fault, planted};
use tokio::time::timeout;

impl Writer {
    /// `None` when the append must take the slow path.
    pub(super) async fn fast_path(
        &mut self,
        group: &[Append],
    ) -> Option<Result<Vec<Appended>, AppendError>> {
        if self.tip.is_none() || crash::stops_within() || planted(Fault::CursorWithoutLock) {
            return None;
        }
        let mut connection = match self.take().await {
            Ok(connection) => connection,
            Err(error) => return Some(Err(error.into())),
        };
        // Another connection may lead to another server; then there is none any more.
        let tip = self.tip.take();
        let planned = tip.and_then(|Tip { head, revision }| {
            self.known.expect_revision(revision);
            let found = Lookup::of(group, &self.known, Scope::Needed).unneeded()?;
            Some((revision, plan(group, found, head)))
        });
        let planned = planned
            .filter(|(_, plan)| !plan.is_empty() && !plan.guessed && fits_in_one_statement(plan));
        let Some((revision, plan)) = planned else {
            self.put_back(connection);
            return None;
        };
        let written = timeout(ANSWER_TIMEOUT, insert_all(&mut connection, &plan, revision)).await;
        let error = match points::committed(written.unwrap_or_else(|_| Err(no_answer()))) {
            Ok(written) => {
                self.put_back(connection);
                if !written {
                    return None;
                }
                crash::pass(Point::AfterCommit);
                self.committed(&plan, revision + 1, true);
                return Some(Ok(plan.appended()));
            }
            Err(error) => error,
        };
        if !is_lost(&error) {
            // A statement that the server refuses has stored nothing.
            self.put_back(connection);
            return None;
        }
        drop(connection);
        match self.settle(Unsettled { error, revision, plan: &plan }).await {
            Ok(true) => Some(Ok(plan.appended())),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::one;
    use crate::group_commit::Transact;
    use crate::plan::Found;
    use crate::{Access, EventStore};
    use std::slice;

    #[tokio::test]
    async fn what_follows_an_append_takes_the_fast_path() {
        let untested = "appends to PostgreSQL by one statement";
        let Some(database) = rig::postgres::database_or_say(untested).await else { return };
        let store = EventStore::open(&database.url(), Access::ReadWrite).await.unwrap();
        let EventStore::Postgres(store) = store else { panic!("the URL says PostgreSQL") };
        let mut writer = store.appends.as_ref().unwrap().writer().lock().await;
        assert!(writer.fast_path(&[one(1, 10)]).await.is_none(), "the head is not known");
        writer.append(&[one(1, 10)]).await.unwrap();
        for stream in 2..5 {
            let appended = writer.fast_path(&[one(stream, 10)]).await.unwrap();
            assert_eq!(u128::from(appended.unwrap()[0].head), stream);
        }
    }

    #[tokio::test]
    async fn what_is_still_on_its_way_when_it_is_settled_is_not_stored_when_it_arrives() {
        let untested = "an append to PostgreSQL that arrives late";
        let Some(database) = rig::postgres::database_or_say(untested).await else { return };
        let store = EventStore::open(&database.url(), Access::ReadWrite).await.unwrap();
        let EventStore::Postgres(store) = store else { panic!("the URL says PostgreSQL") };
        let mut writer = store.appends.as_ref().unwrap().writer().lock().await;
        writer.append(&[one(1, 10)]).await.unwrap();
        let Tip { head, revision } = writer.tip.unwrap();
        let late = one(2, 10);
        let plan = plan(slice::from_ref(&late), Found::default(), head);
        let unsettled = Unsettled { error: no_answer(), revision, plan: &plan };
        assert!(!writer.settle(unsettled).await.unwrap());
        let mut connection = writer.take().await.unwrap();
        assert!(!insert_all(&mut connection, &plan, revision).await.unwrap());
        writer.put_back(connection);
        assert_eq!(writer.append(&[one(3, 10)]).await.unwrap()[0].head, 2);
    }
}
