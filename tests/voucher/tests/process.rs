//! A process, as a shop would add one: a paid order earns its customer a voucher.
//!
//! It follows the log under a lease, and sends a command for each event that calls for one. The command's key consists
//! of the process's name and the event's position. So a page that is repeated after a crash issues nothing twice.

#![allow(clippy::unwrap_used, missing_docs)]

mod shop;

use command_service::pipeline::{Effect, Key, Pipeline, Replayed, Request, Retention, Target};
use event_store::{EventStore, Metadata, Patience, RecordedEvent, Tenure};
use rig::views::Views;
use serde_json::json;
use shop::Shop;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use voucher::aggregate::{VoucherAggregate, VoucherCommand};

const NAME: &str = "process:thanks";
const PATIENCE: Patience = Patience { take_after: Duration::from_millis(200) };
const POLL: Duration = Duration::from_millis(25);

/// The command that follows from an event: a voucher for each payment.
fn react(event: &RecordedEvent) -> Option<Request<VoucherCommand>> {
    if event.event_type != "PaymentRecorded" {
        return None;
    }
    let key = format!("{NAME}:{}", event.position);
    Some(Request {
        target: Target::Fresh(event.event_id),
        command: VoucherCommand::Issue { amount: 500, order_id: Some(event.stream.id) },
        precondition: None,
        key: Some(Key::new(key, [0; 32], Retention::Forever)),
        at: None,
        effect: Effect::Store,
        metadata: Metadata::following(event, NAME),
        weight: 0,
        scope: identity::Scope::All,
    })
}

#[derive(Clone)]
struct Thanks {
    store: EventStore,
    pipeline: Pipeline<VoucherAggregate>,
    shutdown: CancellationToken,
}

impl Thanks {
    fn of(shop: &Shop) -> Self {
        let pipeline = shop.commands.pipeline().unwrap().clone();
        Self { store: shop.log.clone(), pipeline, shutdown: CancellationToken::new() }
    }

    /// Leads whenever it can, until shutdown.
    async fn run(self, holder: &'static str) {
        let subscription = self.store.subscribe(NAME, holder, PATIENCE);
        let report = |_: Result<(), String>| ();
        while !self.shutdown.is_cancelled() {
            let (tenure, from) = tokio::select! {
                () = self.shutdown.cancelled() => return,
                taken = subscription.take(&report) => taken,
            };
            let worked = tenure.during(&report, self.work(&tenure, from.position)).await;
            worked.unwrap();
        }
    }

    async fn work(&self, tenure: &Tenure, from: u64) {
        let mut pages = tenure.pages(from, 10, POLL, &self.shutdown);
        while let Some(page) = pages.next().await.unwrap() {
            for event in &page {
                self.handle(event).await;
            }
            pages.done().await.unwrap();
        }
    }

    /// Sends the command that follows from an event; returns whether it was sent before. `None` if none follows.
    async fn handle(&self, event: &RecordedEvent) -> Option<bool> {
        let pending = self.pipeline.enqueue(react(event)?).await.unwrap();
        let reply = pending.reply().await;
        reply.result.unwrap();
        Some(reply.replayed != Replayed::No)
    }
}

async fn pay(shop: &Shop, id: Uuid) {
    let created = json!({"order_id": id, "customer": {"id": "ann"}, "currency": "EUR", "lines": [
        {"product_id": "tea", "name": "Tea", "quantity": 2, "unit_price": "4.50"}]});
    assert_eq!(shop.post("/v1/orders", &created).await.status, 201);
    let payment = json!({"payment_id": "p-1", "amount": "9.00", "method": "card"});
    let path = format!("/v1/orders/{id}/record-payment");
    let correlation = [("x-correlation-id", "checkout-7")];
    let paid = shop.post_with(&path, &correlation, &payment).await;
    assert_eq!(paid.status, 200, "{}", paid.body);
}

async fn of_type(shop: &Shop, event_type: &str) -> Vec<RecordedEvent> {
    let all = shop.log.read_feed(0, 1_000).await.unwrap();
    all.into_iter().filter(|event| event.event_type == event_type).collect()
}

/// Waits until there are `count` vouchers.
async fn issued(shop: &Shop, count: usize) -> Vec<RecordedEvent> {
    let soon = async {
        loop {
            let issued = of_type(shop, "VoucherIssued").await;
            if issued.len() >= count {
                return issued;
            }
            sleep(POLL).await;
        }
    };
    timeout(Duration::from_secs(20), soon).await.expect("the process issues them")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_from_an_event_names_its_cause() {
    let shop = Shop::open(Views::sqlite()).await;
    let thanks = Thanks::of(&shop);
    let running = tokio::spawn(thanks.clone().run("a"));
    let standby = tokio::spawn(thanks.clone().run("b"));
    for _ in 0..3 {
        pay(&shop, Uuid::now_v7()).await;
    }
    let vouchers = issued(&shop, 3).await;
    let payments = of_type(&shop, "PaymentRecorded").await;
    assert_eq!((vouchers.len(), payments.len()), (3, 3));
    for (voucher, payment) in vouchers.iter().zip(&payments) {
        assert_eq!(voucher.stream.id, payment.event_id);
        let Metadata { correlation_id, causation_id, actor, .. } = &voucher.metadata;
        assert_eq!(causation_id.as_deref(), Some(payment.event_id.to_string().as_str()));
        assert_eq!(correlation_id.as_deref(), Some("checkout-7"));
        assert_eq!(actor.as_deref(), Some(NAME));
    }
    shop.shows(vouchers[2].position);
    let shown = shop.get(&format!("/v1/vouchers/{}", payments[2].event_id)).await;
    assert_eq!(shown.body["status"], "open", "{}", shown.body);
    thanks.shutdown.cancel();
    running.await.unwrap();
    standby.await.unwrap();
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_comes_again_after_a_crash_issues_nothing_twice() {
    let shop = Shop::open(Views::sqlite()).await;
    let thanks = Thanks::of(&shop);
    for _ in 0..3 {
        pay(&shop, Uuid::now_v7()).await;
    }
    let report = |_: Result<(), String>| ();
    let crashing = thanks.store.subscribe(NAME, "crashing", PATIENCE);
    let (tenure, from) = crashing.take(&report).await;
    let mut pages = tenure.pages(from.position, 100, POLL, &thanks.shutdown);
    let mut replayed = Vec::new();
    // The process issues two of three, and ends before it moves the checkpoint.
    for event in pages.next().await.unwrap().unwrap().iter().take(4) {
        replayed.extend(thanks.handle(event).await);
    }
    assert_eq!(replayed, [false, false]);
    let left = of_type(&shop, "VoucherIssued").await.len();
    assert_eq!(left, 2);
    drop(pages);

    let running = tokio::spawn(thanks.clone().run("next"));
    let vouchers = issued(&shop, 3).await;
    pay(&shop, Uuid::now_v7()).await;
    assert_eq!(issued(&shop, 4).await.len(), 4);
    assert_eq!(vouchers.len(), 3);
    thanks.shutdown.cancel();
    running.await.unwrap();
    // The crashed process wakes up: it moves nothing.
    assert!(tenure.advance(1, "").await.is_err());
    let state = shop.log.lease(NAME).await.unwrap().unwrap();
    assert!(state.checkpoint >= vouchers[2].position, "{state:?}");
    let report = shop.verify().await;
    assert!(report.is_sound(), "{report:?}");
    shop.close().await;
}
