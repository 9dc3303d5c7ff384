//! Records that were removed before they were read (trimmed, or the topic was made anew): their events are in the log.
//!
//! The log's head is taken after the loss was noticed, so every record that is gone lies at or below it. What the topic
//! still has at or below it comes again and is passed over.

use super::doubt;
use super::engine::{Cursor, Engine};
use super::portion::{Goal, Portion};
use super::sift::Arrived;
use crate::ProjectorError;
use crate::figures;
use relay::consumer::OffsetLost;

impl Engine {
    /// Brings a partition up to the log's head, then reads on where the topic begins.
    pub(super) async fn refill(&mut self, lost: OffsetLost) -> Result<(), ProjectorError> {
        let OffsetLost { partition, wanted, low, high } = lost;
        // While the cursor is adrift, memory may hold half of a failed batch. The consumer reports the loss again once the
        // checkpoints are read.
        if self.cursors.get(&partition).is_none_or(|cursor| *cursor == Cursor::Adrift) {
            return Ok(());
        }
        // One record more was asked for than is needed.
        if let Some(hindmost) = self.desk.hindmost(partition)
            && (low..=high).contains(&hindmost.next_offset)
        {
            self.resume(partition, hindmost.next_offset);
            return Ok(());
        }
        tracing::warn!(
            kafka.partition = partition,
            wanted,
            low,
            high,
            "the topic no longer holds the records after the checkpoint"
        );
        let Some(log) = self.desk.log.clone() else {
            self.cursors.insert(partition, Cursor::Gone);
            self.tell();
            return Ok(());
        };
        self.cursors.insert(partition, Cursor::Adrift);
        let head = log.head().await?.position;
        let mut after = self.desk.floor(partition).unwrap_or(head).min(head);
        let partitions = self.desk.shape.partitions;
        while after < head {
            let (events, to) = doubt::page(&log, partition, partitions, after, head).await?;
            let events = events.into_iter().map(Arrived::from_log).collect();
            let goal = Goal::Stay;
            self.apply(vec![Portion { partition, events, reach: to, goal }]).await?;
            after = to;
        }
        let goal = Goal::Jump(low);
        let portion = Portion { partition, events: Vec::new(), reach: head, goal };
        self.apply(vec![portion]).await?;
        self.resume(partition, low);
        figures::refilled();
        tracing::info!(kafka.partition = partition, position = head, "refilled from the log");
        Ok(())
    }
}
