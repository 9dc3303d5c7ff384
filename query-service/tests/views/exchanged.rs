//! Generations that are swapped under the views: a rebuild puts a new one in, a rollback an older one.
//!
//! An answer shows the state at the position that its token names. A client that sends a token never sees an older state.

use crate::shop::Shop;
use domain::Note;
use domain::order::OrderCommand;
use futures::future::join_all;
use projector::projections::CUSTOMERS;
use projector::{Registry, Show, Source, rebuild, roll_back};
use read_model::ReadModel;
use rig::views::Views;
use serde_json::Value;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Rounds of the random run, unless the environment says more.
const ROUNDS: usize = 60;
/// How many times more rounds there may be, until generations were exchanged.
const LONGER: usize = 20;
const ORDERS: usize = 4;
/// Requests sent at once.
const CROWD: usize = 6;
/// The token of a client that has seen the second event.
const TOKEN: [(&str, &str); 1] = [("consistency-token", "2")];

/// Any number below this one.
fn random(below: usize) -> usize {
    (RandomState::new().build_hasher().finish() % below as u64) as usize
}

fn note() -> OrderCommand {
    OrderCommand::AddNote { text: Note::parse("and a ribbon").unwrap() }
}

async fn rebuilt(shop: &Shop, model: &ReadModel) {
    let source = Source::new(shop.log.clone(), Registry::standard());
    let shutdown = CancellationToken::new();
    rebuild(&source, model, Registry::standard().projections(), Show::Log, &shutdown)
        .await
        .unwrap();
}

async fn all_show_position_2(shop: &Shop, paths: &[String]) {
    for path in paths {
        let answer = shop.get_with(path, &TOKEN).await;
        let shown = (answer.status.as_u16(), answer.header("consistency-token"));
        assert_eq!(shown, (200, "2"), "{path}");
    }
}

pub async fn a_generation_that_is_put_back_is_not_shown_as_newer_than_it_is(views: Views) {
    let mut shop = Shop::on(views).await;
    let order = shop.place("ann", &[("tea", 1, 100)]).await;
    shop.project().await;
    rebuilt(&shop, &shop.model).await;
    shop.must(order, note()).await;
    shop.project().await;
    let paths = [
        format!("/v1/orders/{order}"),
        format!("/v1/orders/{order}?include=customer,products,timeline"),
        format!("/v1/orders/{order}?version=1"),
        format!("/v1/orders/{order}/history"),
        format!("/v1/orders/{order}/diff?from=1&to=2"),
        "/v1/orders".into(),
        "/v1/orders?as_of=2026-03-04T00:00:00Z".into(),
        "/v1/customers/ann".into(),
        "/v1/customers/ann/orders".into(),
        "/v1/products/tea".into(),
        "/v1/products".into(),
        "/v1/reports/sales".into(),
        "/v1/reports/status-counts".into(),
        "/v1/events".into(),
        "/v1/projections".into(),
    ];
    all_show_position_2(&shop, &paths).await;
    // The service has seen position 2, and now the rows are those of position 1.
    roll_back(&shop.model, Registry::standard().projections()).await.unwrap();
    for path in &paths {
        let answer = shop.get_with(path, &TOKEN).await;
        assert_eq!(answer.code(), (503, "read-model-behind".into()), "{path} {answer:?}");
        assert_eq!(answer.json()["lag_events"], 1, "{path}");
    }
    let without = shop.get(&paths[0]).await;
    assert_eq!((without.header("etag"), without.header("consistency-token")), ("\"1\"", "1"));
    roll_back(&shop.model, Registry::standard().projections()).await.unwrap();
    all_show_position_2(&shop, &paths).await;
}

pub async fn what_is_composed_in_counts_for_the_token(views: Views) {
    let mut shop = Shop::on(views).await;
    let order = shop.place("ann", &[("tea", 1, 100)]).await;
    shop.project().await;
    rebuilt(&shop, &shop.model).await;
    shop.place("ann", &[("tea", 1, 100)]).await;
    shop.project().await;
    roll_back(&shop.model, &[&CUSTOMERS]).await.unwrap();
    let path = format!("/v1/orders/{order}?include=customer,products,timeline");
    let answer = shop.get(&path).await;
    assert_eq!(answer.header("consistency-token"), "1");
    assert_eq!(answer.json()["included"]["customer"]["orders"], 1);
    let alone = shop.get(&format!("/v1/orders/{order}?include=products")).await;
    assert_eq!(alone.header("consistency-token"), "2");
}

/// The positions at which an order's versions, and a customer's orders, came to be.
#[derive(Default)]
struct Happened {
    versions: HashMap<Uuid, Vec<u64>>,
    placings: Vec<u64>,
}

impl Happened {
    async fn note(&mut self, shop: &Shop, order: Uuid) {
        self.versions.entry(order).or_default().push(shop.head().await);
    }

    /// How many there were at a position.
    fn at(positions: &[u64], position: u64) -> u64 {
        positions.iter().filter(|its| **its <= position).count() as u64
    }
}

/// The number that shows how new an answer is, and how high it must be at the position that the answer names.
fn shown(body: &Value, about: Asked, applied: u64, happened: &Happened) -> (u64, u64) {
    let version = |order| Happened::at(&happened.versions[&order], applied);
    match about {
        Asked::Order(order) => (body["version"].as_u64().unwrap(), version(order)),
        Asked::Composed(order) => {
            let customer = &body["included"]["customer"]["orders"];
            let placed = Happened::at(&happened.placings, applied);
            assert!(customer.as_u64().unwrap() >= placed, "{body} at {applied}");
            (body["version"].as_u64().unwrap(), version(order))
        }
        Asked::History(order) => (body["data"].as_array().unwrap().len() as u64, version(order)),
        Asked::Customer => {
            (body["orders"].as_u64().unwrap(), Happened::at(&happened.placings, applied))
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Asked {
    Order(Uuid),
    Composed(Uuid),
    History(Uuid),
    Customer,
}

impl Asked {
    fn path(self) -> String {
        match self {
            Self::Order(order) => format!("/v1/orders/{order}"),
            Self::Composed(order) => format!("/v1/orders/{order}?include=customer,timeline"),
            Self::History(order) => format!("/v1/orders/{order}/history?limit=200"),
            Self::Customer => "/v1/customers/ann".into(),
        }
    }
}

/// Swaps and rolls back generations until `over`, as a process of its own would, and counts them.
async fn exchange(
    source: Source,
    model: ReadModel,
    over: CancellationToken,
    exchanged: Arc<AtomicUsize>,
) {
    while !over.is_cancelled() {
        // Refused while a rebuild is under way, or when no former generation is kept yet.
        let back = random(3) == 0;
        let done = match back {
            true => roll_back(&model, Registry::standard().projections()).await.is_ok(),
            false => rebuild(
                &source,
                &model,
                Registry::standard().projections(),
                Show::Log,
                &CancellationToken::new(),
            )
            .await
            .is_ok(),
        };
        exchanged.fetch_add(usize::from(done), Ordering::Relaxed);
    }
    model.close().await;
}

pub async fn no_answer_is_older_than_its_token_while_generations_come_and_go(views: Views) {
    let rounds = std::env::var("ORDERLOG_EXCHANGE_ROUNDS");
    let rounds = rounds.map_or(ROUNDS, |text| text.parse().expect("a number of rounds"));
    let mut shop = Shop::on(views).await;
    let mut happened = Happened::default();
    let mut orders = Vec::new();
    for _ in 0..ORDERS {
        let order = shop.place("ann", &[("tea", 1, 100)]).await;
        happened.note(&shop, order).await;
        happened.placings.push(shop.head().await);
        orders.push(order);
    }
    let (source, over) =
        (Source::new(shop.log.clone(), Registry::standard()), CancellationToken::new());
    let (condition, _reported) = tokio::sync::watch::channel(Ok(()));
    let follower = shop.other_handle().await;
    let follow = projector::run(source.clone(), follower, condition, over.clone());
    let follow = tokio::spawn(follow);
    let exchanged = Arc::new(AtomicUsize::new(0));
    let exchanging = exchange(source, shop.other_handle().await, over.clone(), exchanged.clone());
    let exchanging = tokio::spawn(exchanging);
    let (mut answers, mut behind) = (0, 0);
    for round in 0..rounds * LONGER {
        // A busy machine may exchange fewer than two while these rounds last.
        if round >= rounds && exchanged.load(Ordering::Relaxed) > 1 {
            break;
        }
        let order = orders[random(ORDERS)];
        shop.must(order, note()).await;
        happened.note(&shop, order).await;
        if random(8) == 0 {
            let other = shop.place("ann", &[("tea", 1, 100)]).await;
            happened.note(&shop, other).await;
            // Histories stay within a page.
            orders[random(ORDERS)] = other;
            happened.placings.push(shop.head().await);
        }
        let token = shop.head().await;
        let header = token.to_string();
        let asked =
            [Asked::Order(order), Asked::Composed(order), Asked::History(order), Asked::Customer];
        let asked = (0..CROWD).map(|_| asked[random(asked.len())]);
        let asking = asked.map(async |about| {
            (about, shop.get_with(&about.path(), &[("consistency-token", &header)]).await)
        });
        for (about, answer) in join_all(asking).await {
            if answer.status == 503 {
                assert_eq!(answer.code().1, "read-model-behind", "{about:?} {answer:?}");
                behind += 1;
                continue;
            }
            assert_eq!(answer.status, 200, "{about:?} {answer:?}");
            let applied: u64 = answer.header("consistency-token").parse().unwrap();
            assert!(applied >= token, "{about:?} answers {applied} to {token}");
            let (is, must_be) = shown(&answer.json(), about, applied, &happened);
            assert!(is >= must_be, "{about:?} shows {is}, not {must_be}, at {applied} for {token}");
            answers += 1;
        }
    }
    over.cancel();
    follow.await.unwrap().unwrap();
    exchanging.await.unwrap();
    let exchanged = exchanged.load(Ordering::Relaxed);
    println!("{answers} answers, {behind} behind, {exchanged} generations exchanged");
    assert!(answers > rounds && exchanged > 1, "{answers} answers, {exchanged} exchanged");
}
