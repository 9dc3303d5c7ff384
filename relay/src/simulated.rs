//! A topic in memory, for simulations: partitions, records on their way, repeats, delays, losses and trims.
//!
//! The relay's own window, marks and sessions send to it, and group members read from it, through the types that otherwise
//! hold a Kafka client. The simulation decides when a broker, the network or a group's coordinator acts. As Kafka promises
//! for an idempotent producer, a partition takes one producer's records in the order of sending, without a gap. Records on
//! their way when the producer was dropped may still arrive, in that order.

mod group;

pub use group::MemberId;

use crate::error::KafkaError;
use crate::partition::Watermarks;
use crate::window::{MARK, Sent, Window};
use crate::wire::{Content, Envelope, decode};
use group::Seat;
use rdkafka::message::{Headers, OwnedHeaders};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A producer, numbered in the order in which they were started.
pub type ProducerId = u64;

/// A topic; clones are the same one.
#[derive(Clone, Default)]
pub struct SimulatedTopic(Arc<Mutex<Broker>>);

impl std::fmt::Debug for SimulatedTopic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SimulatedTopic")
    }
}

/// Brokers and group.
#[derive(Default)]
pub(crate) struct Broker {
    partitions: Vec<Partition>,
    /// Records on their way, by producer and partition.
    lines: BTreeMap<(ProducerId, i32), Line>,
    producers: ProducerId,
    away: bool,
    seats: BTreeMap<MemberId, Seat>,
    joined: u64,
}

#[derive(Default)]
struct Partition {
    /// The first offset that is not trimmed.
    low: usize,
    /// Records by offset, trimmed ones too; `None` is an offset without a record, as after a transaction.
    slots: Vec<Option<Arc<Slot>>>,
}

#[derive(Debug)]
struct Slot {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: OwnedHeaders,
}

impl Slot {
    fn content(&self) -> Content {
        let headers = self.headers.iter().map(|header| (header.key, header.value)).collect();
        decode(&Envelope { key: self.key.as_deref(), value: self.value.as_deref(), headers })
    }
}

/// One producer's records for one partition, in order.
struct Line {
    /// `None` when the producer is dropped.
    window: Option<Arc<Window>>,
    flights: VecDeque<Flight>,
}

struct Flight {
    position: usize,
    slot: Arc<Slot>,
    /// The offset at which the partition took it.
    offset: Option<i64>,
}

/// The records on their way from one producer to one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    /// The producer that sent the records.
    pub producer: ProducerId,
    /// The partition that they were sent to.
    pub partition: i32,
    /// Records that the partition has not taken.
    pub untaken: usize,
    /// Records that it has taken and not acknowledged.
    pub unacknowledged: usize,
    /// The producer is dropped: no acknowledgement is awaited any more.
    pub orphaned: bool,
}

/// A producer's end.
pub(crate) struct Sender {
    id: ProducerId,
    topic: SimulatedTopic,
    window: Arc<Window>,
    most: usize,
}

impl Sender {
    pub fn send(
        &self,
        partition: i32,
        key: &str,
        payload: Option<&[u8]>,
        headers: OwnedHeaders,
        position: usize,
    ) -> Sent {
        let mut broker = self.topic.lock();
        let lines = broker.lines.iter().filter(|((id, _), _)| *id == self.id);
        if lines.map(|(_, line)| line.flights.len()).sum::<usize>() >= self.most {
            return Sent::Full;
        }
        let (key, value) = (Some(key.as_bytes().to_vec()), payload.map(<[u8]>::to_vec));
        let slot = Arc::new(Slot { key, value, headers });
        let line = broker.lines.entry((self.id, partition)).or_insert_with(|| Line {
            window: Some(Arc::clone(&self.window)),
            flights: VecDeque::new(),
        });
        line.flights.push_back(Flight { position, slot, offset: None });
        Sent::Queued
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let mut broker = self.topic.lock();
        let its = broker.lines.iter_mut().filter(|((id, _), _)| *id == self.id);
        its.for_each(|(_, line)| line.window = None);
    }
}

impl SimulatedTopic {
    /// An empty topic.
    #[must_use]
    pub fn new(partitions: u32) -> Self {
        let partitions = (0..partitions).map(|_| Partition::default()).collect();
        Self(Arc::new(Mutex::new(Broker { partitions, ..Broker::default() })))
    }

    fn lock(&self) -> MutexGuard<'_, Broker> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sender(&self, window: Arc<Window>, most: usize) -> Sender {
        let mut broker = self.lock();
        broker.producers += 1;
        Sender { id: broker.producers, topic: self.clone(), window, most }
    }

    pub(crate) fn partitions(&self) -> Result<Option<u32>, KafkaError> {
        let broker = self.lock().answering()?;
        Ok(u32::try_from(broker.partitions.len()).ok().filter(|partitions| *partitions > 0))
    }

    pub(crate) fn watermarks(&self, partitions: u32) -> Result<Vec<Watermarks>, KafkaError> {
        let broker = self.lock().answering()?;
        (0..partitions).map(|number| broker.marks(number as usize)).collect()
    }

    /// From now on the brokers answer no request, or answer again.
    pub fn set_away(&self, away: bool) {
        self.lock().away = away;
    }

    /// All records on their way.
    pub fn lanes(&self) -> Vec<Lane> {
        let broker = self.lock();
        let lanes = broker.lines.iter().map(|(&(producer, partition), line)| {
            let unacknowledged = line.flights.iter().filter(|its| its.offset.is_some()).count();
            let untaken = line.flights.len() - unacknowledged;
            let orphaned = line.window.is_none();
            Lane { producer, partition, untaken, unacknowledged, orphaned }
        });
        lanes.filter(|lane| lane.untaken + lane.unacknowledged > 0).collect()
    }

    /// A partition takes the next record that is on its way.
    pub fn take(&self, producer: ProducerId, partition: i32) {
        let mut broker = self.lock();
        let Broker { lines, partitions, .. } = &mut *broker;
        let Some(line) = lines.get_mut(&(producer, partition)) else { return };
        let slots = &mut partitions[index(partition)].slots;
        if let Some(flight) = line.flights.iter_mut().find(|flight| flight.offset.is_none()) {
            flight.offset = i64::try_from(slots.len()).ok();
            slots.push(Some(Arc::clone(&flight.slot)));
        }
        line.forget_unawaited();
    }

    /// The first record that was taken and not acknowledged is acknowledged.
    pub fn acknowledge(&self, producer: ProducerId, partition: i32) {
        let mut broker = self.lock();
        let Some(line) = broker.lines.get_mut(&(producer, partition)) else { return };
        let taken = line.flights.front().and_then(|flight| Some((flight.position, flight.offset?)));
        let (Some((position, offset)), Some(window)) = (taken, line.window.clone()) else { return };
        line.flights.pop_front();
        drop(broker);
        match position {
            MARK => window.marked(partition, offset),
            position => window.delivered(position as u64, partition, offset),
        }
    }

    /// A delivery fails, without saying whether the record was taken.
    pub fn fail(&self, producer: ProducerId, partition: i32) {
        let broker = self.lock();
        let window = broker.lines.get(&(producer, partition)).and_then(|line| line.window.clone());
        drop(broker);
        if let Some(window) = window {
            window.failed("the simulation lets it fail".to_owned());
        }
    }

    /// Drops a dropped producer's records that are on their way to a partition.
    pub fn forget(&self, producer: ProducerId, partition: i32) {
        let mut broker = self.lock();
        if broker.lines.get(&(producer, partition)).is_some_and(|line| line.window.is_none()) {
            broker.lines.remove(&(producer, partition));
        }
    }

    /// The first offset that is not trimmed, and the one after the last.
    pub fn ends(&self, partition: i32) -> (i64, i64) {
        let broker = self.lock();
        let partition = &broker.partitions[index(partition)];
        (offset(partition.low), offset(partition.slots.len()))
    }

    /// Removes records from the beginning.
    pub fn trim(&self, partition: i32, low: i64) {
        let mut broker = self.lock();
        let partition = &mut broker.partitions[index(partition)];
        let low = usize::try_from(low).unwrap_or(0).min(partition.slots.len());
        partition.low = partition.low.max(low);
    }

    /// Deletes the topic and creates another with its name and partition count. Records on their way are lost.
    pub fn make_again(&self) {
        let mut broker = self.lock();
        broker.partitions.iter_mut().for_each(|partition| *partition = Partition::default());
        broker.lines.clear();
    }

    /// Adds an offset without a record, as a transaction does.
    pub fn skip(&self, partition: i32) {
        self.lock().partitions[index(partition)].slots.push(None);
    }

    /// Another producer writes a record that is not an event.
    pub fn litter(&self, partition: i32, key: Option<&[u8]>, value: Option<&[u8]>) {
        let (key, value) = (key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec));
        let slot = Arc::new(Slot { key, value, headers: OwnedHeaders::new() });
        self.lock().partitions[index(partition)].slots.push(Some(slot));
    }

    /// Writes the record at an offset once more, as an earlier producer would.
    pub fn repeat(&self, partition: i32, offset: i64) {
        let mut broker = self.lock();
        let slots = &mut broker.partitions[index(partition)].slots;
        let again = usize::try_from(offset).ok().and_then(|offset| slots.get(offset).cloned());
        slots.extend(again);
    }

    /// All records of a partition by offset, trimmed ones too.
    pub fn contents(&self, partition: i32) -> Vec<(i64, Content)> {
        let broker = self.lock();
        let slots = (0..).zip(&broker.partitions[index(partition)].slots);
        slots.filter_map(|(offset, slot)| Some((offset, slot.as_ref()?.content()))).collect()
    }
}

impl Line {
    /// Drops taken records of a dropped producer: their acknowledgements are not awaited.
    fn forget_unawaited(&mut self) {
        if self.window.is_none() {
            self.flights.retain(|flight| flight.offset.is_none());
        }
    }
}

trait Answering: Sized {
    fn answering(self) -> Result<Self, KafkaError>;
}

impl Answering for MutexGuard<'_, Broker> {
    fn answering(self) -> Result<Self, KafkaError> {
        match self.away {
            true => Err(KafkaError::Unavailable("the simulated brokers are away".to_owned())),
            false => Ok(self),
        }
    }
}

impl Broker {
    fn marks(&self, number: usize) -> Result<Watermarks, KafkaError> {
        let missing = || KafkaError::Unavailable(format!("there is no partition {number}"));
        let partition = self.partitions.get(number).ok_or_else(missing)?;
        Ok(Watermarks { low: offset(partition.low), high: offset(partition.slots.len()) })
    }

    /// The ends of all partitions, by number.
    fn all_marks(&self) -> Vec<Watermarks> {
        (0..self.partitions.len()).filter_map(|number| self.marks(number).ok()).collect()
    }

    /// The record at an offset; `None` if there is none.
    fn content(&self, partition: i32, offset: i64) -> Option<Content> {
        let slots = &self.partitions[index(partition)].slots;
        Some(slots.get(usize::try_from(offset).ok()?)?.as_ref()?.content())
    }
}

fn index(partition: i32) -> usize {
    usize::try_from(partition).expect("partitions count from 0")
}

fn offset(index: usize) -> i64 {
    i64::try_from(index).expect("few records")
}
