//! Rows of stock are a function of the set of events: partitions in any order, pages, repeats and loss of memory do not
//! matter. An item, its movements and its reservations lie in different partitions, so they come in any order, too.

#![allow(clippy::unwrap_used)]

use super::apply::Applier;
use super::arrival_tests::PARTITIONS;
use super::batch::{Arrived, Batch, Goal};
use super::checkpoints::Topic;
use crate::group::Member;
use crate::projection::{Pace, Projection};
use crate::registry::Registry;
use chrono::{DateTime, Duration, Utc};
use domain::stock::{StockAggregate, StockCommand, StockState, Untracked, WantedLine, item_id};
use domain::{Aggregate, Reason, Reference};
use event_store::{Metadata, RecordedEvent, StreamType};
use proptest::prelude::*;
use read_model::write::Tables;
use read_model::{Access, ReadModel};
use rig::views::Views;
use std::collections::BTreeMap;
use tokio::runtime::Builder;
use uuid::Uuid;

/// What is done next, by numbers: to which product or reservation, what, and how many.
type Deed = (u8, u8, u8);
/// One step of arriving: which partition, how many repeated and how many new events, and whether memory is lost before it.
type Arrival = (u8, u8, u8, bool);

fn reference(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

fn reservation((which, ..): Deed) -> Uuid {
    Uuid::from_u128(0x5E_0000 + u128::from(which % 6))
}

fn command(deed: Deed, now: DateTime<Utc>, number: u128) -> StockCommand {
    let (which, kind, size) = deed;
    let (product_id, warehouse) =
        (reference(["tea", "cup"][usize::from(which) % 2]), reference("north"));
    match kind % 8 {
        0 | 1 => StockCommand::Receive {
            receipt_id: Uuid::from_u128(number),
            product_id,
            warehouse,
            quantity: u64::from(size % 9) + 1,
        },
        2 => StockCommand::Adjust {
            adjustment_id: Uuid::from_u128(number),
            product_id,
            warehouse,
            delta: i64::from(size % 9) - 6,
            reason: Reason::parse("counted").unwrap(),
        },
        3 | 4 => StockCommand::Reserve {
            reservation_id: reservation(deed),
            order_id: None,
            lines: ["tea", "cup"][..1 + usize::from(size) % 2]
                .iter()
                .map(|product| WantedLine { product_id: reference(product), quantity: 1 })
                .collect(),
            warehouses: vec![warehouse],
            expires_at: Some(now + Duration::hours(1)),
            untracked: Untracked::Sell,
        },
        5 => StockCommand::Firm,
        6 => StockCommand::Commit { shipment: None },
        _ => StockCommand::Expire { now: now + Duration::hours(i64::from(size % 3)) },
    }
}

/// The log of these deeds; some events in it cannot be read.
fn log(deeds: &[Deed]) -> Vec<RecordedEvent> {
    let mut log: Vec<RecordedEvent> = Vec::new();
    let mut states: BTreeMap<(&str, Uuid), (StockState, u64)> = BTreeMap::new();
    let mut at: DateTime<Utc> = "2026-03-03T23:00:00Z".parse().unwrap();
    for (deed, number) in deeds.iter().zip(0xD0_0000..) {
        at += Duration::minutes(11);
        let command = command(*deed, at, number);
        let leader = match &command {
            StockCommand::Receive { product_id, warehouse, .. }
            | StockCommand::Adjust { product_id, warehouse, .. } => item_id(warehouse, product_id),
            _ => reservation(*deed),
        };
        let leader = (StockAggregate::stream_type(&command), leader);
        let state = |key| states.get(&key).map(|(state, _)| state.clone()).unwrap_or_default();
        let own = state(leader);
        let partners = StockAggregate::partners(&own, &command);
        let keys: Vec<_> = partners.iter().map(|its| (its.stream_type, its.id)).collect();
        let others: Vec<StockState> = keys.iter().map(|key| state(*key)).collect();
        let others: Vec<&StockState> = others.iter().collect();
        let Ok(decision) = StockAggregate::decide_jointly(&own, &others, &command) else {
            continue;
        };
        let written =
            [(leader, decision.own)].into_iter().chain(keys.into_iter().zip(decision.partners));
        for (key, event) in
            written.flat_map(|(key, its)| its.into_iter().map(move |one| (key, one)))
        {
            let (state, version) = states.entry(key).or_default();
            *state = StockAggregate::evolve(std::mem::take(state), &event, at);
            *version += 1;
            let (stored, position) = (StockAggregate::encode(&event), log.len() as u64 + 1);
            let ill = deed.2 >= 250;
            log.push(RecordedEvent {
                position,
                stream: StreamType::parse(key.0).unwrap().stream(key.1),
                partition_key: key.1,
                version: *version,
                event_id: Uuid::from_u128(position.into()),
                event_type: if ill { "StockTeleported" } else { stored.event_type }.to_owned(),
                schema_version: stored.schema_version,
                occurred_at: at,
                recorded_at: at + Duration::seconds(1),
                metadata: Metadata::default(),
                payload: stored.payload,
                hash: [0; 32],
            });
        }
    }
    log
}

/// Some events of one partition, as they come: `again` of those that came before, then `new` ones.
fn batch(partition: u8, came: &mut usize, (again, new): (u8, u8), log: &[RecordedEvent]) -> Batch {
    let is_its = |one: &&RecordedEvent| {
        one.stream.id.as_u128() % u128::from(PARTITIONS) == u128::from(partition)
    };
    let all: Vec<_> = log.iter().filter(is_its).collect();
    let from = came.saturating_sub(usize::from(again));
    let to = (*came + usize::from(new)).min(all.len());
    *came = to;
    let registry = Registry::with_stock();
    let arrived = |offset: usize| Arrived {
        offset: offset as i64,
        event: registry.decode(all[offset].clone()),
    };
    let events = (from..to).map(arrived).collect();
    Batch { partition: partition.into(), events, reach: 0, goal: Goal::Forward(to as i64) }
}

async fn arrive(model: &ReadModel, log: &[RecordedEvent], arrivals: &[Arrival]) {
    for projection in Registry::with_stock().projections() {
        model.register(projection.name, projection.version, 0).await.unwrap();
    }
    let topic = Topic { name: "stock".into(), partitions: PARTITIONS };
    let mut applier = Applier::new(model.clone(), Registry::with_stock(), None, topic);
    applier.load().await.unwrap();
    let mut came = [0; PARTITIONS as usize];
    let rest = (0..PARTITIONS as u8).map(|partition| (partition, 9, u8::MAX, true));
    for (partition, again, new, forgetful) in arrivals.iter().copied().chain(rest) {
        if forgetful {
            applier.load().await.unwrap();
        }
        let partition = partition % PARTITIONS as u8;
        let batch = batch(partition, &mut came[usize::from(partition)], (again, new), log);
        applier.apply(vec![batch]).await.result().unwrap();
    }
}

/// The projections that hold stock: the others are compared where orders arrive.
fn compared(registry: &Registry) -> impl Iterator<Item = &'static Projection> {
    ["stock", "reservations", "history"].into_iter().filter_map(|name| registry.named(name))
}

/// Folds a log in its own order, an event at a time, by projections that remember nothing between two events.
async fn fold(model: &ReadModel, log: &[RecordedEvent]) {
    let registry = Registry::with_stock();
    for projection in compared(&registry) {
        model.register(projection.name, projection.version, 0).await.unwrap();
        for event in log {
            let load = Member::load(projection, 1, Tables::Live, Pace::Repeating, model);
            let mut member = load.await.unwrap();
            let events = vec![registry.decode(event.clone())];
            let parked = member.fold(&[&events[0]], model, 0).await.unwrap();
            let changes = member.take(events);
            let mut tx = model.begin_write().await.unwrap();
            changes.write(&mut tx, Tables::Live).await.unwrap();
            tx.park(parked).await.unwrap();
            tx.commit(0).await.unwrap();
        }
    }
}

async fn play(views: Views, (deeds, arrivals): &(Vec<Deed>, Vec<Arrival>)) {
    let log = log(deeds);
    let model = ReadModel::open(&views.url(), Access::ReadWrite).await.unwrap();
    arrive(&model, &log, arrivals).await;
    let other = Views::sqlite();
    let folded = ReadModel::open(&other.url(), Access::ReadWrite).await.unwrap();
    fold(&folded, &log).await;
    let (mut ours, mut theirs) =
        (model.snapshot().await.unwrap(), folded.snapshot().await.unwrap());
    for projection in compared(&Registry::with_stock()) {
        for table in projection.tables {
            let (_, differences) = ours.compare(&mut theirs, table, 9).await.unwrap();
            assert!(differences.is_empty(), "{differences:#?}");
        }
        let parked = model.parked_reasons(projection.name, 1, 999).await.unwrap();
        assert_eq!(parked, folded.parked_reasons(projection.name, 1, 999).await.unwrap());
    }
}

fn histories() -> impl Strategy<Value = (Vec<Deed>, Vec<Arrival>)> {
    (
        prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>()), 10..50),
        prop::collection::vec((any::<u8>(), 0_u8..6, 0_u8..12, prop::bool::weighted(0.2)), 0..16),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]
    #[test]
    fn rows_of_stock_are_a_function_of_the_set_of_events_on_sqlite(history in histories()) {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(play(Views::sqlite(), &history));
    }

    #[test]
    fn rows_of_stock_are_a_function_of_the_set_of_events_on_postgres(history in histories()) {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let untested = "rows of stock in PostgreSQL, whatever comes when";
            if let Some(views) = Views::postgres(untested).await {
                play(views, &history).await;
            }
        });
    }
}
