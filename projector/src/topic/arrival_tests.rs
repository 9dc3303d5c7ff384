//! Rows are a function of the set of events. Order of arrival, partitions, pages, repeats and a member's loss of memory do
//! not matter: every table equals a fold of the log in its order.
//!
//! Histories are random: customers and products that several orders name differently or not at all, orders imported long
//! after what followed them, equal times, drafts placed later, cancellations, erasures of personal data, events that cannot
//! be read. Names and erasures are also worked out by hand, from the events alone.

#![allow(clippy::unwrap_used)]

use super::apply::Applier;
use super::batch::{Arrived, Batch, Goal};
use super::checkpoints::Topic;
use crate::group::Member;
use crate::projection::Pace;
use crate::registry::Registry;
use chrono::{DateTime, Duration, Utc};
use domain::customer::{self, CustomerAggregate, CustomerEvent};
use domain::order::command::NewLine;
use domain::order::{Customer, Order, OrderAggregate, OrderCommand, OrderEvent};
use domain::{Aggregate, Currency, Email, Money, Name, Note, Reason, Reference};
use event_store::{Metadata, RecordedEvent, StreamId, StreamType};
use proptest::prelude::*;
use read_model::write::Tables;
use read_model::{Access, ReadModel};
use rig::views::Views;
use std::collections::BTreeMap;
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

pub(super) const PARTITIONS: u32 = 3;
pub(super) const ORDERS: usize = 8;

/// An order's beginning: customer, their name, product names, and the year it is from; and whether it is a draft.
pub(super) type Birth = (u8, u8, u8, u8, bool);
/// What one order does next, by numbers: which order, what, and how much later.
pub(super) type Deed = (usize, u8, u8);
/// One step of arriving: which partition, how many repeated and how many new events, and whether memory is lost before it.
type Arrival = (u8, u8, u8, bool);

fn customer_of(number: u8) -> Reference {
    Reference::parse(["ann", "bob"][usize::from(number) % 2]).unwrap()
}

/// The event that a customer's personal data were erased, at the end of the log.
fn erasure(customer_id: Reference, at: DateTime<Utc>, log: &mut Vec<RecordedEvent>) {
    let id = customer::stream_id(customer_id.as_str());
    let stored = CustomerAggregate::encode(&CustomerEvent::PersonalDataErased { customer_id });
    let position = log.len() as u64 + 1;
    let version = log.iter().filter(|event| event.stream.id == id).count() as u64 + 1;
    log.push(RecordedEvent {
        position,
        stream: const { StreamType::new(CustomerAggregate::STREAM_TYPE) }.stream(id),
        partition_key: id,
        version,
        event_id: Uuid::from_u128(position.into()),
        event_type: stored.event_type.to_owned(),
        schema_version: stored.schema_version,
        occurred_at: at,
        recorded_at: DateTime::UNIX_EPOCH + Duration::seconds(position.cast_signed()),
        metadata: Metadata::default(),
        payload: stored.payload,
        hash: [0; 32],
    });
}

fn create((customer, name, products, _, draft): Birth) -> OrderCommand {
    let currency = Currency::from_code(["EUR", "JPY"][usize::from(products) % 2]).unwrap();
    let line = |number: u8| NewLine {
        product_id: Reference::parse(["tea", "cup"][usize::from(products >> number) % 2]).unwrap(),
        name: Name::parse(["Tea", "Cup", "Gift"][usize::from(products / 3 + number) % 3]).unwrap(),
        quantity: u32::from(products % 5) + 1,
        unit_price: Money::from_minor(i64::from(products) + 1, currency),
    };
    OrderCommand::Create {
        customer: Customer {
            id: customer_of(customer),
            name: [None, Some("Ann"), Some("Anne"), Some("Anna")][usize::from(name) % 4]
                .map(|name| Name::parse(name).unwrap()),
            email: (name > 2).then(|| Email::parse(format!("{name}@example.org")).unwrap()),
        },
        currency,
        lines: vec![line(0), line(1)],
        draft,
        note: (products == 7).then(|| Note::parse("mind the step").unwrap()),
    }
}

fn deed(kind: u8) -> OrderCommand {
    let id = |id: u8| Reference::parse(format!("id-{id}")).unwrap();
    match kind % 10 {
        0 | 1 => OrderCommand::Place { expected_total: None },
        2 => OrderCommand::Confirm,
        3 => OrderCommand::Cancel { reason: Reason::parse("no").unwrap() },
        4 => OrderCommand::RecordPayment {
            payment_id: id(kind / 10),
            amount: "7".into(),
            currency: None,
            method: None,
        },
        5 => OrderCommand::Ship {
            shipment_id: id(1),
            carrier: None,
            tracking_number: None,
            lines: None,
        },
        6 => OrderCommand::Deliver { shipment_id: id(1) },
        7 => OrderCommand::ChangeLineQuantity { line_id: 1, quantity: 9 },
        8 => OrderCommand::RemoveLine { line_id: 2 },
        _ => OrderCommand::AddNote { text: Note::parse("noted").unwrap() },
    }
}

/// One order on its way.
struct Teller {
    id: Uuid,
    at: DateTime<Utc>,
    state: Option<Order>,
    version: u64,
}

impl Teller {
    fn event(&mut self, position: u64, encoded: (&str, u16, Vec<u8>)) -> RecordedEvent {
        self.version += 1;
        RecordedEvent {
            position,
            stream: StreamId {
                stream_type: const { StreamType::new(OrderAggregate::STREAM_TYPE) },
                id: self.id,
            },
            partition_key: self.id,
            version: self.version,
            event_id: Uuid::from_u128(position.into()),
            event_type: encoded.0.to_owned(),
            schema_version: encoded.1,
            occurred_at: self.at,
            recorded_at: DateTime::UNIX_EPOCH + Duration::seconds(position.cast_signed()),
            metadata: Metadata::default(),
            payload: encoded.2,
            hash: [0; 32],
        }
    }

    /// Decides a command and appends its events to the log.
    fn command(&mut self, command: &OrderCommand, log: &mut Vec<RecordedEvent>) {
        let Ok(events) = OrderAggregate::decide(&self.state, command) else { return };
        for event in &events {
            let stored = OrderAggregate::encode(event);
            let encoded = (stored.event_type, stored.schema_version, stored.payload);
            log.push(self.event(log.len() as u64 + 1, encoded));
            self.state = OrderAggregate::evolve(self.state.take(), event, self.at);
        }
    }
}

/// The log of some orders, each in its own order, interleaved as the deeds are.
pub(super) fn log(births: &[Birth], deeds: &[Deed]) -> Vec<RecordedEvent> {
    let mut log = Vec::new();
    let mut tellers: Vec<Teller> = Vec::new();
    for (number, birth) in births.iter().enumerate() {
        // A few years, so that several orders are placed at the very same moment.
        let year = 2_015 + i32::from(birth.3 % 4);
        let at = format!("{year}-12-31T23:59:59.5Z").parse().unwrap();
        let id = Uuid::from_u128(0xA11_0000 + number as u128);
        tellers.push(Teller { id, at, state: None, version: 0 });
    }
    for (order, kind, later) in deeds {
        let teller = &mut tellers[*order];
        teller.at += Duration::hours(i64::from(later % 3) * 12);
        if (230..250).contains(kind) {
            erasure(customer_of(births[*order].0), teller.at, &mut log);
        } else if teller.version == 0 {
            teller.command(&create(births[*order]), &mut log);
        } else if *kind >= 250 {
            let poison = teller.event(log.len() as u64 + 1, ("OrderTeleported", 9, b"{}".to_vec()));
            log.push(poison);
        } else {
            teller.command(&deed(*kind), &mut log);
        }
    }
    log
}

/// Some events of one partition, as they come: `again` of those that came before, then `new` ones.
pub(super) fn batch(
    partition: i32,
    came: &mut usize,
    (again, new): (u8, u8),
    log: &[RecordedEvent],
) -> Batch {
    let partition_of = |order: Uuid| (order.as_u128() % u128::from(PARTITIONS)) as i32;
    let all: Vec<_> = log.iter().filter(|one| partition_of(one.stream.id) == partition).collect();
    let from = came.saturating_sub(usize::from(again));
    let to = (*came + usize::from(new)).min(all.len());
    *came = to;
    let arrived = |offset: usize| Arrived {
        offset: offset as i64,
        event: Registry::standard().decode(all[offset].clone()),
    };
    let events = (from..to).map(arrived).collect();
    Batch { partition, events, reach: 0, goal: Goal::Forward(to as i64) }
}

/// Applies a log as it arrives, until all of it is applied.
async fn arrive(model: &ReadModel, log: &[RecordedEvent], arrivals: &[Arrival]) {
    for projection in Registry::standard().projections() {
        model.register(projection.name, projection.version, 0).await.unwrap();
    }
    let topic = Topic { name: "orders".into(), partitions: PARTITIONS };
    let mut applier = Applier::new(model.clone(), Registry::standard(), None, topic);
    applier.load().await.unwrap();
    let mut came = [0; PARTITIONS as usize];
    let rest = (0..PARTITIONS as u8).map(|partition| (partition, 9, u8::MAX, true));
    let mut arrivals = arrivals.iter().copied().chain(rest).peekable();
    while let Some((partition, again, new, forgetful)) = arrivals.next() {
        if forgetful {
            applier.load().await.unwrap();
        }
        let mut together = vec![(partition % PARTITIONS as u8, again, new)];
        // Partitions in rising order are applied together.
        if let Some(next) = arrivals.next_if(|next| next.0 % PARTITIONS as u8 > together[0].0) {
            together.push((next.0 % PARTITIONS as u8, next.1, next.2));
        }
        let batches = together.into_iter().map(|(partition, again, new)| {
            batch(partition.into(), &mut came[usize::from(partition)], (again, new), log)
        });
        applier.apply(batches.collect()).await.result().unwrap();
    }
}

/// Folds a log in its own order, an event at a time.
async fn fold(model: &ReadModel, log: &[RecordedEvent]) {
    for projection in Registry::standard().projections() {
        let load = Member::load(projection, 1, Tables::Live, Pace::Repeating, model);
        let mut member = load.await.unwrap();
        for event in log {
            let events = vec![Registry::standard().decode(event.clone())];
            let parked = member.fold(&[&events[0]], model, 0).await.unwrap();
            let changes = member.take(events);
            let mut tx = model.begin_write().await.unwrap();
            changes.write(&mut tx, Tables::Live).await.unwrap();
            tx.park(parked).await.unwrap();
            tx.commit(0).await.unwrap();
        }
    }
}

async fn assert_equal(model: &ReadModel, folded: &ReadModel) {
    let (mut ours, mut theirs) =
        (model.snapshot().await.unwrap(), folded.snapshot().await.unwrap());
    for projection in Registry::standard().projections() {
        for table in projection.tables {
            let (_, differences) = ours.compare(&mut theirs, table, 9).await.unwrap();
            assert!(differences.is_empty(), "{differences:#?}");
        }
        let parked = model.parked_reasons(projection.name, 1, 999).await.unwrap();
        assert_eq!(parked, folded.parked_reasons(projection.name, 1, 999).await.unwrap());
    }
}

/// The position and time of each customer's last erasure.
fn erasures(log: &[RecordedEvent]) -> BTreeMap<String, (u64, i64)> {
    let mut last = BTreeMap::new();
    for event in log {
        let decoded = Registry::standard().decode(event.clone());
        if let Ok(Some(erased)) = decoded.read::<CustomerAggregate>() {
            let CustomerEvent::PersonalDataErased { customer_id } = erased;
            let at = event.occurred_at.timestamp_micros();
            last.insert(customer_id.as_str().to_owned(), (event.position, at));
        }
    }
    last
}

/// Which orders were erased and when, by hand: those that began before their customer's last erasure.
async fn assert_erasures(model: &ReadModel, log: &[RecordedEvent]) {
    let erasures = erasures(log);
    let mut begun = 0;
    for first in log.iter().filter(|event| event.version == 1) {
        let decoded = Registry::standard().decode(first.clone());
        let Ok(Some(fact)) = decoded.read::<OrderAggregate>() else { continue };
        let (OrderEvent::OrderDrafted { customer, .. } | OrderEvent::OrderPlaced { customer, .. }) =
            fact
        else {
            continue;
        };
        let erased = erasures.get(customer.id.as_str());
        let expected = erased.filter(|(at, _)| *at > first.position).map(|(_, at)| *at);
        let found = model.order(first.stream.id).await.unwrap().found.unwrap();
        assert_eq!(found.erased_at, expected, "{}", first.stream.id);
        begun += 1;
    }
    let listed = log
        .iter()
        .filter(|event| event.version == 1 && event.stream.stream_type.as_str() == "order");
    assert_eq!(begun, listed.count());
}

/// What each customer and product is called, by hand: no order counts that a customer's or product's projection has
/// parked by the time it is placed.
async fn assert_names(model: &ReadModel, log: &[RecordedEvent]) {
    let (mut customers, mut products) = (BTreeMap::new(), BTreeMap::new());
    let mut ill = Vec::new();
    let mut placings: Vec<_> = Vec::new();
    for event in log {
        let event = Registry::standard().decode(event.clone());
        let RecordedEvent { stream, occurred_at, position, .. } = event.recorded;
        match event.read::<OrderAggregate>() {
            Err(_) => ill.push(stream.id),
            Ok(Some(OrderEvent::OrderPlaced { customer, lines, .. }))
                if !ill.contains(&stream.id) =>
            {
                placings.push((occurred_at, position, customer.clone(), lines.clone()));
            }
            Ok(_) => {}
        }
    }
    let erasures = erasures(log);
    placings.sort_by_key(|(at, position, ..)| (*at, *position));
    for (at, position, customer, lines) in placings {
        let (name, first, last) =
            customers.entry(customer.id.as_str().to_owned()).or_insert((None, at, at));
        *name = customer.name.map(|name| (name.as_str().to_owned(), position)).or(name.take());
        (*first, *last) = ((*first).min(at), (*last).max(at));
        for line in lines {
            products.insert(line.product_id.as_str().to_owned(), line.name.as_str().to_owned());
        }
    }
    for (id, (name, first, last)) in customers {
        let found = model.customer(&id).await.unwrap().found.unwrap();
        let erased = erasures.get(&id);
        let stays = |(_, given): &(String, u64)| erased.is_none_or(|(at, _)| given > at);
        assert_eq!(found.name, name.filter(stays).map(|(name, _)| name), "{id}");
        assert_eq!(found.erased_at, erased.map(|(_, at)| *at), "{id}");
        let times = (first.timestamp_micros(), last.timestamp_micros());
        assert_eq!((found.first_order_at, found.last_order_at), times, "{id}");
    }
    for (id, name) in products {
        assert_eq!(model.product(&id).await.unwrap().found.unwrap().name, name, "{id}");
    }
}

async fn play(views: Views, (births, deeds, arrivals): &(Vec<Birth>, Vec<Deed>, Vec<Arrival>)) {
    let log = log(births, deeds);
    let model = ReadModel::open(&views.url(), Access::ReadWrite).await.unwrap();
    arrive(&model, &log, arrivals).await;
    assert_names(&model, &log).await;
    assert_erasures(&model, &log).await;
    let other = Views::sqlite();
    let folded = ReadModel::open(&other.url(), Access::ReadWrite).await.unwrap();
    fold(&folded, &log).await;
    assert_equal(&model, &folded).await;
}

fn histories() -> impl Strategy<Value = (Vec<Birth>, Vec<Deed>, Vec<Arrival>)> {
    let birth = (any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>(), prop::bool::weighted(0.3));
    (
        prop::collection::vec(birth, ORDERS),
        prop::collection::vec((0..ORDERS, any::<u8>(), any::<u8>()), 10..80),
        prop::collection::vec((any::<u8>(), 0_u8..6, 0_u8..12, prop::bool::weighted(0.2)), 0..20),
    )
}

/// Of the orders that there are, the first and the fourth share a partition. The last event of a page is one that some
/// projections park and others take; it comes again with what follows.
#[test]
fn what_one_projection_parks_counts_once_for_the_others_when_it_comes_again() {
    let births = vec![(0, 1, 0, 0, false); ORDERS];
    let deeds = vec![(0, 0, 0), (0, 255, 0), (3, 0, 0), (0, 9, 0), (3, 3, 0)];
    let first = (0..3).map(|partition| (partition, 0, 2, false));
    let again = (0..3).map(|partition| (partition, 1, 9, true));
    let history = (births, deeds, first.chain(again).collect());
    runtime().block_on(play(Views::sqlite(), &history));
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]
    #[test]
    fn rows_are_a_function_of_the_set_of_events_on_sqlite(history in histories()) {
        runtime().block_on(play(Views::sqlite(), &history));
    }

    #[test]
    fn rows_are_a_function_of_the_set_of_events_on_postgres(history in histories()) {
        runtime().block_on(async {
            let untested = "rows in PostgreSQL, whatever comes when";
            if let Some(views) = Views::postgres(untested).await {
                play(views, &history).await;
            }
        });
    }
}
