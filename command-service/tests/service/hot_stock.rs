//! The last units of a product, wanted by 64 clients at once, on one process and on two.
//!
//! `ORDERLOG_HOT_STOCK_ROUNDS` repeats it (2), each round with another seed, which is printed. The auditor judges the log:
//! it knows the facts and none of the code that made them.

use ::rig::log::Log;
use ::rig::rng::Rng;
use command_service::pipeline::{Effect, Pipeline, Refusal, Request, Target};
use command_service::stock::StockPolicy;
use command_service::{CommandService, Settings};
use domain::stock::{
    Auditor, StockAggregate, StockCommand, StockEvent, StockRejection, Untracked, WantedLine,
    item_id,
};
use domain::{Aggregate, Reason, Reference, Timestamp};
use event_store::{Access, EventStore, Metadata};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const CLIENTS: u64 = 64;
const TRIES: u64 = 40;
const UNITS: u64 = 1_000;
const PRODUCTS: [&str; 2] = ["hot", "warm"];

/// What the clients were answered.
#[derive(Debug, Default)]
struct Heard {
    made: u64,
    refused: u64,
    overtaken: u64,
}

fn reference(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

fn request(target: Target, command: StockCommand) -> Request<StockCommand> {
    Request {
        target,
        command,
        precondition: None,
        key: None,
        at: None,
        effect: Effect::Store,
        metadata: Metadata::default(),
        weight: 200,
        scope: identity::Scope::All,
    }
}

async fn ask(
    stock: &Pipeline<StockAggregate>,
    request: Request<StockCommand>,
) -> Result<String, Refusal<StockRejection>> {
    let reply = stock.enqueue(request).await?.reply().await;
    reply.result.map(|accepted| accepted.status.into_owned())
}

fn receipt(product: &str, quantity: u64) -> Request<StockCommand> {
    let (product_id, warehouse) = (reference(product), reference("main"));
    let target = Target::Named(item_id(&warehouse, &product_id));
    let receipt_id = Uuid::new_v4();
    request(target, StockCommand::Receive { receipt_id, product_id, warehouse, quantity })
}

fn adjustment(product: &str, delta: i64) -> Request<StockCommand> {
    let (product_id, warehouse) = (reference(product), reference("main"));
    let target = Target::Named(item_id(&warehouse, &product_id));
    let (adjustment_id, reason) = (Uuid::new_v4(), Reason::parse("counted").unwrap());
    request(target, StockCommand::Adjust { adjustment_id, product_id, warehouse, delta, reason })
}

fn wish(reservation_id: Uuid, random: &mut Rng) -> Request<StockCommand> {
    let mut line = |product: &str| WantedLine {
        product_id: reference(product),
        quantity: 1 + random.below(5) as u32,
    };
    let mut lines = vec![line("hot"), line("hot")];
    match random.below(4) {
        0 => lines.push(WantedLine { product_id: reference("warm"), quantity: 1 }),
        _ => drop(lines.pop()),
    }
    let command = StockCommand::Reserve {
        reservation_id,
        order_id: None,
        lines,
        warehouses: vec![reference("main")],
        expires_at: Some(Timestamp::UNIX_EPOCH),
        untracked: Untracked::Refuse,
    };
    request(Target::Fresh(reservation_id), command)
}

/// One client: reserves, and makes firm, gives back, ships or lets expire what it has.
async fn buy(stock: Pipeline<StockAggregate>, seed: u64) -> Heard {
    let mut random = Rng::of(seed);
    let (mut heard, mut mine) = (Heard::default(), Vec::new());
    for _ in 0..TRIES {
        let reservation_id = Uuid::new_v4();
        match ask(&stock, wish(reservation_id, &mut random)).await {
            Ok(status) if status == "soft" => {
                heard.made += 1;
                mine.push(reservation_id);
            }
            Ok(status) => {
                assert_eq!(status, "refused");
                heard.refused += 1;
            }
            Err(Refusal::ConcurrentUpdate) => heard.overtaken += 1,
            Err(other) => panic!("{other:?}"),
        }
        let Some(&reservation) = mine.last() else { continue };
        let command = match random.below(6) {
            0 => StockCommand::Firm,
            1 => StockCommand::Release { why: None },
            2 => StockCommand::Commit { shipment: None },
            3 => StockCommand::Expire { now: Timestamp::MAX_UTC },
            _ => continue,
        };
        match ask(&stock, request(Target::Named(reservation), command)).await {
            Ok(status) if !matches!(&*status, "soft" | "firm") => drop(mine.pop()),
            Ok(_) | Err(Refusal::Rejected(StockRejection::ReservationNotFirm)) => {}
            Err(Refusal::ConcurrentUpdate) => heard.overtaken += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    heard
}

/// A warehouse that counts while it sells.
async fn count(stock: Pipeline<StockAggregate>, seed: u64) {
    let mut random = Rng::of(seed);
    for _ in 0..10 {
        let product = PRODUCTS[random.below(2) as usize];
        let change = match random.below(2) {
            0 => receipt(product, 1 + random.below(20)),
            _ => adjustment(product, random.below(9) as i64 - 6),
        };
        match ask(&stock, change).await {
            Ok(_) | Err(Refusal::Rejected(_) | Refusal::ConcurrentUpdate) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
}

/// Judges every position of the log; returns how many reservations were made and refused.
async fn audit(store: &EventStore) -> (u64, u64) {
    let (mut auditor, mut position) = (Auditor::default(), 0);
    let (mut made, mut refused) = (0, 0);
    loop {
        let page = store.read_feed(position, 1_000).await.unwrap();
        let Some(last) = page.last() else { break };
        position = last.position;
        for event in &page {
            let fact = StockAggregate::decode(&event.event_type, 1, &event.payload).unwrap();
            if let StockEvent::ReservationRefused { short, wanted, .. } = &fact {
                refused += 1;
                assert!(!short.is_empty());
                for short in short {
                    // Justified by what there was at its own position, which its decision must have seen.
                    let units = auditor.units(&short.product_id, &reference("main"));
                    let available = (units.on_hand - units.reserved).max(0);
                    assert_eq!(i128::from(short.available), available, "at {}", event.position);
                    assert!(short.available < short.wanted);
                }
                assert!(short.len() <= wanted.len());
            }
            made += u64::from(matches!(fact, StockEvent::ReservationMade { .. }));
            let findings = auditor.read(event.stream.id, &fact);
            assert!(findings.is_empty(), "position {}: {findings:?}", event.position);
        }
    }
    assert_eq!(auditor.conclude(), [""; 0]);
    (made, refused)
}

async fn race(log: &Log, processes: usize, seed: u64) {
    println!("seed {seed}, {processes} processes");
    let mut services = Vec::new();
    for _ in 0..processes {
        let store = EventStore::open(&log.url(), Access::ReadWrite).await.unwrap();
        let service = CommandService::new(store, Settings::default(), CancellationToken::new());
        services.push(service.with_stock(StockPolicy::default()));
    }
    let stock = |nth: u64| {
        let service = &services[nth as usize % processes];
        service.pipeline::<StockAggregate>().unwrap().clone()
    };
    ask(&stock(0), receipt("hot", UNITS)).await.unwrap();
    ask(&stock(0), receipt("warm", 50)).await.unwrap();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(buy(stock(client), seed * 1_000 + client));
    }
    for counter in 0..2 {
        let counting = count(stock(counter), seed * 1_000 + 500 + counter);
        clients.spawn(async move {
            counting.await;
            Heard::default()
        });
    }
    let mut heard = Heard::default();
    while let Some(client) = clients.join_next().await {
        let one = client.unwrap();
        heard.made += one.made;
        heard.refused += one.refused;
        heard.overtaken += one.overtaken;
    }
    for service in &services {
        service.close().await;
    }
    let store = EventStore::open(&log.url(), Access::ReadOnly).await.unwrap();
    assert_eq!(audit(&store).await, (heard.made, heard.refused), "what was answered is in the log");
    assert_eq!(store.verify(|_, _| {}).await.unwrap().defects, [""; 0]);
    assert!(heard.refused > 0 && heard.made > UNITS / 10, "{heard:?}");
    assert!(processes > 1 || heard.overtaken == 0, "{heard:?}");
    println!("{heard:?}");
}

fn rounds() -> u64 {
    std::env::var("ORDERLOG_HOT_STOCK_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(2)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_units_are_never_sold_twice() {
    for seed in 0..rounds() {
        for processes in [1, 2] {
            race(&Log::sqlite(), processes, seed).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_units_are_never_sold_twice_on_postgres() {
    for seed in 0..rounds() {
        for processes in [1, 2] {
            let untested = "reservations of the last units on PostgreSQL";
            let Some(log) = Log::postgres(untested).await else { return };
            race(&log, processes, seed).await;
        }
    }
}
