//! Two types of streams under the same ids: each has its versions, its rows and its parked events.

use crate::shop::Shop;
use domain::order::OrderCommand;
use domain::{Aggregate, DecodeError, EncodedEvent, Note, Timestamp};
use event_store::{NewEvent, StreamType};
use futures::future::{self, BoxFuture, FutureExt};
use projector::{
    Changes, Decoded, Fold, Poison, Projection, Registry, Show, Streams, rebuild, retry_parked,
};
use read_model::ReadModelError;
use read_model::write::{Tables, WriteTx};
use rig::views::Views;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const VOUCHER: StreamType = StreamType::new("voucher");

/// A voucher that is issued and may be torn.
struct Voucher;

#[derive(Debug, Clone)]
enum VoucherEvent {
    Issued,
    Torn,
}

impl Aggregate for Voucher {
    const STREAM_TYPE: &'static str = "voucher";
    const SNAPSHOT_VERSION: u16 = 1;
    type State = ();
    type Command = ();
    type Event = VoucherEvent;
    type Rejection = ();

    fn decide((): &(), (): &()) -> Result<Vec<VoucherEvent>, ()> {
        Ok(Vec::new())
    }

    fn evolve((): (), _: &VoucherEvent, _: Timestamp) {}

    fn encode(event: &VoucherEvent) -> EncodedEvent {
        let event_type = match event {
            VoucherEvent::Issued => "VoucherIssued",
            VoucherEvent::Torn => "VoucherTorn",
        };
        EncodedEvent { event_type, schema_version: 1, payload: b"{}".to_vec() }
    }

    fn decode(event_type: &str, _: u16, _: &[u8]) -> Result<VoucherEvent, DecodeError> {
        match event_type {
            "VoucherIssued" => Ok(VoucherEvent::Issued),
            "VoucherTorn" => Ok(VoucherEvent::Torn),
            other => Err(DecodeError::UnknownType(other.to_owned())),
        }
    }
}

/// Takes vouchers that are whole, keeps no rows.
static VOUCHERS: Projection = Projection {
    name: "vouchers",
    version: 1,
    tables: &[],
    streams: Streams::Of(&[VOUCHER]),
    keeps_events: false,
    fold: |_| Box::new(WholeVouchers),
};

#[derive(Debug)]
struct WholeVouchers;

impl Fold for WholeVouchers {
    fn apply(&mut self, event: &Decoded) -> Result<(), Poison> {
        match event.read::<Voucher>()? {
            Some(VoucherEvent::Torn) => Err(Poison("it is torn".into())),
            Some(VoucherEvent::Issued) => Ok(()),
            None => Err(Poison("it is no voucher".into())),
        }
    }

    fn take(&mut self, _: Vec<Decoded>) -> Box<dyn Changes> {
        Box::new(Nothing)
    }
}

#[derive(Debug)]
struct Nothing;

impl Changes for Nothing {
    fn write<'a>(
        self: Box<Self>,
        _: &'a mut WriteTx,
        _: Tables,
    ) -> BoxFuture<'a, Result<(), ReadModelError>> {
        future::ready(Ok(())).boxed()
    }
}

fn registry() -> Registry {
    Registry::standard().aggregate::<Voucher>().projection(&VOUCHERS)
}

async fn shop(views: Views) -> Shop {
    let mut shop = Shop::on(views).await;
    shop.registry = registry();
    shop
}

async fn voucher(shop: &Shop, id: Uuid, expected_version: u64, events: &[VoucherEvent]) {
    let events = events.iter().map(|event| {
        let EncodedEvent { event_type, schema_version, payload } = Voucher::encode(event);
        let event_id = Uuid::now_v7();
        NewEvent { event_id, event_type, schema_version, occurred_at: shop.now, payload }
    });
    shop.append_to(VOUCHER.stream(id), expected_version, events.collect()).await;
}

/// Issues a voucher that belongs to an order.
async fn voucher_of(shop: &Shop, id: Uuid, order: Uuid) {
    let EncodedEvent { event_type, schema_version, payload } =
        Voucher::encode(&VoucherEvent::Issued);
    let (event_id, occurred_at) = (Uuid::now_v7(), shop.now);
    let event = NewEvent { event_id, event_type, schema_version, occurred_at, payload };
    shop.begin_in_case(VOUCHER.stream(id), order, vec![event]).await;
}

async fn note(shop: &mut Shop, order: Uuid) {
    let text = Note::parse("gift").unwrap();
    assert!(shop.command(order, &OrderCommand::AddNote { text }).await);
}

async fn parked(shop: &Shop) -> Vec<(String, String, i64)> {
    let sql = "SELECT e.projection, e.stream_type, e.position FROM parked_events e \
         JOIN projections p ON p.name = e.projection AND p.generation = e.generation \
         ORDER BY e.projection, e.position";
    shop.rows(sql).await
}

fn row(projection: &str, stream_type: &str, position: i64) -> (String, String, i64) {
    (projection.to_owned(), stream_type.to_owned(), position)
}

async fn history(shop: &Shop) -> Vec<(i64, String, i64)> {
    shop.rows("SELECT position, stream_type, version FROM history ORDER BY position").await
}

/// The views as they stand, and again when all were rebuilt.
async fn before_and_after_a_rebuild(shop: &Shop, check: impl AsyncFn(&Shop)) {
    check(shop).await;
    let (all, shutdown) = (shop.registry.projections(), CancellationToken::new());
    rebuild(&shop.source(), &shop.model, all, Show::Log, &shutdown).await.unwrap();
    check(shop).await;
}

pub async fn a_parked_voucher_leaves_the_order_of_its_id_alone(views: Views) {
    let mut shop = shop(views).await;
    let id = shop.place("ann").await;
    voucher(&shop, id, 0, &[VoucherEvent::Issued, VoucherEvent::Torn]).await;
    note(&mut shop, id).await;
    voucher(&shop, id, 2, &[VoucherEvent::Issued]).await;
    shop.project().await;
    before_and_after_a_rebuild(&shop, async |shop| {
        assert_eq!(
            parked(shop).await,
            [row("vouchers", "voucher", 3), row("vouchers", "voucher", 5)]
        );
        let orders: Vec<(Uuid, i64)> = shop.rows("SELECT order_id, version FROM orders").await;
        assert_eq!(orders, [(id, 2)]);
        let all = [(1, "order", 1), (2, "voucher", 1), (3, "voucher", 2), (4, "order", 2)];
        let all = all.into_iter().chain([(5, "voucher", 3)]);
        let all: Vec<_> = all.map(|(at, kind, version)| (at, kind.to_owned(), version)).collect();
        assert_eq!(history(shop).await, all);
        let report = shop.verify().await;
        assert!(report.differences.is_empty(), "{:?}", report.differences);
        let at = format!("position 3, voucher {id}, version 2: it is torn (vouchers)");
        assert_eq!(report.unfoldable[0], at);
    })
    .await;
}

pub async fn a_parked_order_leaves_the_voucher_of_its_id_alone(views: Views) {
    let mut shop = shop(views).await;
    let id = shop.place("ann").await;
    shop.poison(id, 1).await;
    voucher(&shop, id, 0, &[VoucherEvent::Issued, VoucherEvent::Issued]).await;
    shop.project().await;
    before_and_after_a_rebuild(&shop, async |shop| {
        let orders = ["customers", "orders", "products", "sales"];
        assert_eq!(parked(shop).await, orders.map(|name| row(name, "order", 2)));
        assert_eq!(history(shop).await.len(), 4);
    })
    .await;
}

pub async fn the_history_of_a_stream_is_that_of_its_type(views: Views) {
    let mut shop = shop(views).await;
    let id = shop.place("ann").await;
    shop.project().await;
    // By a projector that has nothing in memory, with both streams to be looked up.
    voucher(&shop, id, 0, &[VoucherEvent::Issued, VoucherEvent::Issued]).await;
    shop.project().await;
    note(&mut shop, id).await;
    voucher(&shop, id, 2, &[VoucherEvent::Issued]).await;
    shop.project().await;
    assert_eq!(parked(&shop).await, []);
    let versions = history(&shop).await.into_iter().map(|(_, kind, version)| (kind, version));
    let all = [("order", 1), ("voucher", 1), ("voucher", 2), ("order", 2), ("voucher", 3)];
    assert!(versions.eq(all.map(|(kind, version)| (kind.to_owned(), version))));
    shop.assert_sound().await;
}

pub async fn the_history_keeps_the_case_of_a_stream_that_belongs_to_another(views: Views) {
    let mut shop = shop(views).await;
    let (order, id) = (shop.place("ann").await, Uuid::now_v7());
    voucher_of(&shop, id, order).await;
    voucher(&shop, id, 1, &[VoucherEvent::Torn]).await;
    note(&mut shop, order).await;
    shop.project().await;
    before_and_after_a_rebuild(&shop, async |shop| {
        assert_eq!(parked(shop).await, [row("vouchers", "voucher", 3)]);
        let sql = "SELECT position, partition_key FROM history ORDER BY position";
        let cases: Vec<(i64, Option<Uuid>)> = shop.rows(sql).await;
        assert_eq!(cases, [(1, None), (2, Some(order)), (3, Some(order)), (4, None)]);
        let report = shop.verify().await;
        assert!(report.differences.is_empty(), "{:?}", report.differences);
    })
    .await;
    let key = "UPDATE history SET partition_key = NULL WHERE position = 3";
    shop.tamper(key).await;
    assert!(!shop.verify().await.differences.is_empty(), "it is compared as well");
}

/// The build that parked an event knew its type; this one does not.
pub async fn an_event_of_an_unknown_type_stays_parked_and_stops_no_retry(views: Views) {
    let mut shop = shop(views).await;
    let id = shop.place("ann").await;
    shop.poison(id, 1).await;
    voucher(&shop, id, 0, &[VoucherEvent::Torn]).await;
    shop.project().await;
    let before = parked(&shop).await;
    assert_eq!(before.len(), 5);
    let all = registry();
    let report = retry_parked(&Registry::standard(), &shop.model, all.projections()).await;
    let report = report.unwrap();
    assert_eq!((report.folded, report.parked), (0, 5));
    assert_eq!(parked(&shop).await, before);
}

/// As a program does that knows orders only.
pub async fn streams_of_a_foreign_type_are_passed_by(views: Views) {
    let mut shop = Shop::on(views).await;
    let id = shop.place("ann").await;
    voucher(&shop, id, 0, &[VoucherEvent::Torn, VoucherEvent::Issued]).await;
    note(&mut shop, id).await;
    shop.project().await;
    assert_eq!(parked(&shop).await, []);
    assert_eq!(history(&shop).await.len(), 4, "they are in the history all the same");
    shop.assert_sound().await;
}
