//! A group member in a simulation: the coordination and fetching that a client's thread otherwise does.
//!
//! Steps and commands go through the channels of a real member, and its pages are gathered in the same lanes.

use super::SimulatedTopic;
use crate::membership::{Command, Lanes, Lookup, OffsetLost, Start, Step};
use crate::partition::Watermarks;
use crate::wire::Record;
use std::sync::mpsc as plain;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// A member, numbered in the order of joining.
pub type MemberId = u64;

/// The side of a member that a thread otherwise holds.
pub(super) struct Seat {
    steps: mpsc::Sender<Step>,
    commands: plain::Receiver<Command>,
    lookup: Lookup,
    lanes: Lanes,
}

impl SimulatedTopic {
    pub(crate) fn seat(
        &self,
        steps: mpsc::Sender<Step>,
        commands: plain::Receiver<Command>,
        lookup: Lookup,
    ) {
        let mut broker = self.lock();
        broker.joined += 1;
        let number = broker.joined;
        broker.seats.insert(number, Seat { steps, commands, lookup, lanes: Lanes::default() });
    }

    /// The members of the group. First their commands are carried out, and members that are gone are dropped.
    pub fn members(&self) -> Vec<MemberId> {
        let mut broker = self.lock();
        let marks = broker.all_marks();
        broker.seats.retain(|_, seat| seat.obey(&marks));
        broker.seats.keys().copied().collect()
    }

    /// A member's partitions and their next offsets; `None` for a partition that waits for an offset.
    pub fn owned(&self, member: MemberId) -> Vec<(i32, Option<i64>)> {
        let broker = self.lock();
        let Some(seat) = broker.seats.get(&member) else { return Vec::new() };
        let reading = seat.lanes.reading();
        let next = |number: i32| reading.iter().find(|(its, _)| *its == number).map(|its| its.1);
        seat.lanes.partitions().into_iter().map(|number| (number, next(number))).collect()
    }

    /// Whether the member has room for a step.
    pub fn has_room(&self, member: MemberId) -> bool {
        self.lock().seats.get(&member).is_some_and(|seat| seat.steps.capacity() > 2)
    }

    /// Assigns partitions to a member; it looks up where they begin, as a real one does.
    ///
    /// # Errors
    /// The lookup's error, or that the member has no room for all steps; then nothing is assigned.
    pub async fn assign(&self, member: MemberId, partitions: Vec<i32>) -> Result<(), String> {
        let lookup = self.lock().seats.get(&member).map(|seat| seat.lookup.clone());
        let Some(lookup) = lookup else { return Ok(()) };
        let found = lookup(partitions.clone()).await?;
        let mut broker = self.lock();
        let mut starts = Vec::new();
        for (number, wanted) in partitions.iter().zip(found) {
            let index = usize::try_from(*number).expect("partitions count from 0");
            let marks = broker.marks(index).map_err(|error| error.to_string())?;
            starts.push(Start::of(*number, wanted, marks));
        }
        let Some(seat) = broker.seats.get_mut(&member) else { return Ok(()) };
        let lost = starts.iter().filter(|start| start.lost.is_some()).count();
        if seat.steps.capacity() < 1 + lost {
            return Err("the member has too much to hear of".to_owned());
        }
        seat.give(Step::Assigned(partitions));
        starts.into_iter().for_each(|start| seat.begin(start));
        Ok(())
    }

    /// Takes partitions from a member. A member that does not read its steps notices later.
    pub fn revoke(&self, member: MemberId, partitions: Vec<i32>) {
        let mut broker = self.lock();
        let Some(seat) = broker.seats.get_mut(&member) else { return };
        partitions.iter().for_each(|partition| seat.lanes.end(*partition));
        seat.give(Step::Revoked(partitions));
    }

    /// A member's client fails and restarts: the member is sent the revocation of all its partitions.
    pub fn break_off(&self, member: MemberId) {
        let owned = self.owned(member).into_iter().map(|(partition, _)| partition).collect();
        self.revoke(member, owned);
    }

    /// Fetches up to `most` offsets of each of these partitions, as one step. Returns whether there was a record.
    pub fn fetch(&self, member: MemberId, partitions: &[i32], most: i64) -> bool {
        let mut broker = self.lock();
        let Some(mut seat) = broker.seats.remove(&member) else { return false };
        let mut any = false;
        for (number, next) in seat.lanes.reading() {
            let marks = broker.marks(usize::try_from(number).unwrap_or(usize::MAX));
            let Ok(marks) = marks else { continue };
            if !partitions.contains(&number) {
                continue;
            }
            if !(marks.low..=marks.high).contains(&next) {
                let (low, high) = (marks.low, marks.high);
                seat.lose(OffsetLost { partition: number, wanted: next, low, high });
                any = true;
                continue;
            }
            for offset in next..marks.high.min(next + most) {
                if let Some(content) = broker.content(number, offset) {
                    seat.lanes.push(number, Record { offset, content });
                }
            }
        }
        let pages = seat.lanes.pages();
        if !pages.is_empty() {
            any = true;
            seat.give(Step::Pages(pages));
        }
        broker.seats.insert(member, seat);
        any
    }
}

impl Seat {
    fn begin(&mut self, start: Start) {
        self.lanes.begin(start.partition, start.offset);
        if let Some(lost) = start.lost {
            self.lose(lost);
        }
    }

    /// Carries out the member's commands; false when the member is gone.
    fn obey(&mut self, marks: &[Watermarks]) -> bool {
        // A partition that begins again may be lost, so go on only while there is room for that step.
        while self.steps.capacity() > 0 {
            match self.commands.try_recv() {
                Ok(Command::BeginAt { partition, wanted }) => {
                    let marks = usize::try_from(partition).ok().and_then(|its| marks.get(its));
                    if let Some(marks) = marks
                        && self.lanes.owns(partition)
                    {
                        self.begin(Start::of(partition, Some(wanted), *marks));
                    }
                }
                Ok(Command::ResumeAt { partition, offset }) => {
                    if self.lanes.owns(partition) {
                        self.lanes.begin(partition, offset);
                    }
                }
                Ok(Command::Applied { .. }) => {}
                Ok(Command::Close) | Err(plain::TryRecvError::Disconnected) => return false,
                Err(plain::TryRecvError::Empty) => break,
            }
        }
        !self.steps.is_closed()
    }

    fn give(&self, step: Step) {
        // Callers check for room first; a member that is gone receives nothing.
        let full = matches!(self.steps.try_send(step), Err(TrySendError::Full(_)));
        assert!(!full, "a step is given to a member that has no room for it");
    }

    fn lose(&mut self, lost: OffsetLost) {
        self.lanes.pause(lost.partition);
        self.give(Step::Lost(lost));
    }
}
