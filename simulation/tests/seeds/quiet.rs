//! Quiet moments: every actor is released, everything arrives, and then answers, log, topic and views must agree.

use crate::foretold::Foretold;
use crate::judge::Ledger;
use crate::same::same;
use crate::shown;
use crate::world::jobs::Task;
use crate::world::relays::LEASE;
use crate::world::{Checked, PARTITIONS, World};
use projector::Registry;
use relay::wire::Content;
use stage::Verdict;

/// The interval in milliseconds after which watermarks are sent and the log is polled.
const MARKS: u64 = 25;
/// The number of rounds within which everything must rest.
const ROUNDS: u64 = 120;
/// The number of requests that are sent again at each quiet moment.
const AGAIN: u64 = 4;

impl World {
    /// Waits until everything rests, and compares.
    pub async fn quiet(&mut self) -> Checked {
        self.settle().await?;
        for _ in 0..AGAIN {
            self.submit_again();
        }
        self.settle().await?;
        if !self.refused.is_empty() {
            self.check_parked_for_cause().await?;
            self.take_all_rows().await;
            // Parked events of a projection that is being rebuilt cannot be retried.
            let left = self.half_rebuilt().await?;
            if !left.is_empty() {
                self.start(Task::Rebuild, left);
                self.settle().await?;
            }
            self.start(Task::Retry, Registry::standard().projections().to_vec());
            self.settle().await?;
        }
        self.compare().await
    }

    async fn settle(&mut self) -> Checked {
        self.away = false;
        self.topic.set_away(false);
        self.hand.disarm();
        for round in 0..ROUNDS {
            self.round().await?;
            if self.is_settled().await? {
                return Ok(());
            }
            // First for watermarks and polls, then long enough for leases to expire.
            self.advance(if round < 6 { MARKS } else { LEASE }).await;
        }
        Err(format!("it does not come to rest: {}", self.unrest().await))
    }

    /// Every actor does what it can without time passing.
    async fn round(&mut self) -> Checked {
        self.wake_job(Verdict::GoOn);
        self.work_on_job(None).await;
        self.pass_on().await
    }

    /// Only carries what was requested through to the views. A running job stays where it is.
    pub async fn lull(&mut self) -> Checked {
        (0..3).for_each(|_| self.submit());
        self.pass_on().await?;
        self.advance(MARKS).await;
        self.pass_on().await
    }

    /// Requests are answered, events published and applied.
    async fn pass_on(&mut self) -> Checked {
        for index in 0..self.services.len() {
            self.wake_service(index, Verdict::GoOn);
            self.work(index, None).await?;
        }
        for index in 0..self.relays.len() {
            self.wake_relay(index, Verdict::GoOn);
            self.relay(index, None).await?;
        }
        self.carry_all();
        for index in 0..self.relays.len() {
            self.relay(index, None).await?;
        }
        for index in 0..self.members.len() {
            self.wake_member(index, Verdict::GoOn);
            self.follow(index, None).await?;
        }
        self.rebalance(0).await;
        self.fetch_all();
        for index in 0..self.members.len() {
            self.follow(index, None).await?;
        }
        Ok(())
    }

    async fn is_settled(&mut self) -> Checked<bool> {
        if !self.all_answered() || self.job.is_some() || !self.topic.lanes().is_empty() {
            return Ok(false);
        }
        let head = self.eye.head().await.map_err(|error| error.to_string())?.position;
        let lease = self.lease().await?;
        if lease.as_ref().is_some_and(|lease| self.is_topic_unseen(lease)) {
            return Ok(false);
        }
        if lease.map_or(0, |lease| lease.checkpoint) != head {
            return Ok(false);
        }
        let catalog = self.model.catalog().await.map_err(|error| error.to_string())?;
        Ok(!catalog.is_empty() && catalog.iter().all(|entry| entry.position == head))
    }

    async fn unrest(&self) -> String {
        let head = self.eye.head().await.map(|head| head.position);
        let lease = self.lease().await;
        let catalog = self.model.catalog().await;
        let lanes = self.topic.lanes();
        let owned: Vec<_> =
            self.topic.members().into_iter().map(|its| (its, self.topic.owned(its))).collect();
        let ends: Vec<_> =
            (0..PARTITIONS).map(|number| self.topic.ends(number.cast_signed())).collect();
        let marks = self.model.partitions().await;
        format!("{head:?}, {lease:?}, {catalog:?}, {lanes:?}, {owned:?}, {ends:?}, {marks:?}")
    }

    /// Answers = log = topic = views = fold of the log.
    async fn compare(&mut self) -> Checked {
        let report = self.eye.verify(|_, _| {}).await.map_err(|error| error.to_string())?;
        if !report.defects.is_empty() {
            return Err(format!("the log is damaged: {report:?}"));
        }
        let head = self.eye.head().await.map_err(|error| error.to_string())?;
        let ledger = Ledger::read(self).await?;
        same("the head", head.position, ledger.events.len() as u64)?;
        ledger.check(&self.account)?;
        let foretold = Foretold::of(&ledger, &self.account)?;
        foretold.check(&self.account)?;
        self.check_topic(&ledger)?;
        self.check_views().await?;
        shown::check(self, &ledger, &foretold).await?;
        let hash: String = head.hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        self.note(format!("quiet at position {}, hash {hash}", head.position));
        self.count("quiet moments");
        *self.counts.entry("events in the log".to_owned()).or_default() += head.position;
        Ok(())
    }

    /// Each partition holds its events in the log's order, each as in the log, and a watermark comes after the events
    /// it covers.
    fn check_topic(&self, ledger: &Ledger) -> Checked {
        for number in 0..PARTITIONS {
            let number = number.cast_signed();
            let its: Vec<_> = ledger
                .events
                .iter()
                .filter(|event| relay::partition_of(event.partition_key, PARTITIONS) == number)
                .collect();
            let mut found = 0;
            for (offset, content) in self.topic.contents(number) {
                let at = format!("partition {number}, offset {offset}");
                match content {
                    Content::Event(event) => {
                        let place = its.iter().position(|its| its.position == event.position);
                        let place = place.ok_or(format!("{at}: not an event of the partition"))?;
                        if place > found {
                            let missing = its[found].position;
                            return Err(format!("{at}: position {missing} does not come before"));
                        }
                        found = found.max(place + 1);
                        let mut event = *event;
                        event.hash = its[place].hash;
                        same(&at, &event, its[place])?;
                    }
                    Content::Mark(position) => {
                        if let Some(missing) = its.get(found).filter(|its| its.position <= position)
                        {
                            let missing = missing.position;
                            return Err(format!("{at}: a mark of {position} before {missing}"));
                        }
                    }
                    Content::Poison(_) => {}
                }
            }
            same(&format!("events in partition {number}"), found, its.len())?;
        }
        Ok(())
    }
}
