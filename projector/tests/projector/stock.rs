//! Stock and reservations: their rows are those of a plain count, whether followed, rebuilt or folded afresh.

use crate::shop::Shop;
use crate::stockroom::{
    Count, Held, PRODUCTS, Stockroom, Units, adjust, receive, reference, reserve, stored, stream,
    wished,
};
use domain::stock::{ITEM, MOVEMENT, StockCommand, StockEvent, item_id};
use event_store::NewEvent;
use projector::projections::{RESERVATIONS, STOCK};
use projector::{Registry, Show, rebuild, retry_parked};
use proptest::prelude::*;
use rig::views::Views;
use std::collections::BTreeMap;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

async fn shop(views: Views) -> (Shop, Stockroom) {
    let mut shop = Shop::on(views).await;
    shop.registry = Registry::with_stock();
    (shop, Stockroom::new())
}

async fn rebuilt(shop: &Shop) {
    let shutdown = CancellationToken::new();
    let all = shop.registry.projections();
    rebuild(&shop.source(), &shop.model, all, Show::Log, &shutdown).await.unwrap();
}

/// The present rows are the count.
async fn assert_counted(shop: &Shop, count: &Count) {
    let sql = "SELECT product_id, warehouse, on_hand, reserved, available, committed_total, version, updated_at \
         FROM stock_items";
    type Row = (String, String, i64, i64, i64, i64, i64, i64);
    let rows: Vec<Row> = shop.rows(sql).await;
    let mut items = BTreeMap::new();
    for (product, warehouse, on_hand, reserved, available, committed, version, updated_at) in rows {
        let version = version.cast_unsigned();
        let units = Units { on_hand, reserved, committed, version, updated_at };
        assert_eq!(available, units.available(), "{product} in {warehouse}");
        items.insert((product, warehouse), units);
    }
    assert_eq!(items, count.items);

    let sql =
        "SELECT reservation_id, status, version, order_id, lines, expires_at FROM reservations";
    type Reserved = (Uuid, String, i64, Option<Uuid>, String, Option<i64>);
    let rows: Vec<Reserved> = shop.rows(sql).await;
    assert_eq!(rows.len(), count.reservations.len());
    for (id, status, version, order_id, lines, expires_at) in rows {
        let Held { begun, .. } = count.reservations[&id];
        let lines = serde_json::from_str(&lines).unwrap();
        let status =
            domain::stock::ReservationStatus::ALL.iter().find(|its| its.as_str() == status);
        let (status, version) = (status.unwrap().as_str(), version.cast_unsigned());
        let held = Held { status, version, begun, order_id, lines, expires_at };
        assert_eq!(held, count.reservations[&id]);
    }
    for product in PRODUCTS {
        for warehouse in ["north", "south"] {
            let item = item_id(&reference(warehouse), &reference(product));
            let found = shop.model.newest_soft_reservations(&[item]).await.unwrap().found;
            let mut newest = count.soft_on(product, warehouse);
            newest.truncate(20);
            assert_eq!(found.get(&item).cloned().unwrap_or_default(), newest);
        }
    }
}

/// Each event of an item has its row, whose figures are the sums up to it.
async fn assert_versions(shop: &Shop, room: &Stockroom) {
    let sql = "SELECT item_id, version, occurred_at, recorded_at, on_hand, reserved, committed_total \
         FROM stock_versions";
    let rows: Vec<(Uuid, i64, i64, i64, i64, i64, i64)> = shop.rows(sql).await;
    let rows: BTreeMap<_, _> = rows.into_iter().map(|row| ((row.0, row.1), row)).collect();
    let of_items = room.happened.iter().filter(|its| its.stream_type == ITEM);
    assert_eq!(rows.len(), of_items.clone().count());
    for its in of_items {
        let row = rows[&(its.id, its.version.cast_signed())];
        let times = (its.at.timestamp_micros(), its.recorded_at.timestamp_micros());
        assert_eq!((row.2, row.3), times);
    }
    for its in room.happened.iter().step_by(5) {
        // Both times only grow along a stream, so both lead to the same version.
        let then = room.as_of(its.at);
        assert_eq!(then, room.known_at(its.recorded_at));
        for ((product, warehouse), units) in then.items {
            let id = item_id(&reference(&warehouse), &reference(&product));
            let row = rows[&(id, units.version.cast_signed())];
            assert_eq!((row.4, row.5, row.6), (units.on_hand, units.reserved, units.committed));
        }
    }
}

async fn play(views: Views, wishes: &[(usize, u8, u8)]) {
    let (shop, mut room) = shop(views).await;
    let reservations: Vec<Uuid> = (0..12).map(|_| Uuid::now_v7()).collect();
    let (first, second) = wishes.split_at(wishes.len() / 2);
    for wish in first {
        let (id, command) = wished(&reservations, room.now, *wish);
        room.tell(&shop.log, id, &command).await;
    }
    shop.project().await;
    // A projector that remembers nothing goes on from the rows.
    let projector = shop.follow();
    for wish in second {
        let (id, command) = wished(&reservations, room.now, *wish);
        room.tell(&shop.log, id, &command).await;
    }
    shop.caught_up().await;
    projector.stop().await;
    let count = room.count();
    for _ in 0..2 {
        assert_counted(&shop, &count).await;
        assert_versions(&shop, &room).await;
        shop.assert_sound().await;
        rebuilt(&shop).await;
    }
}

pub async fn a_server_that_begins_to_keep_stock_catches_up_and_one_that_ends_it_passes_by(
    views: Views,
) {
    let (mut shop, mut room) = shop(views).await;
    shop.registry = Registry::standard();
    let order = shop.place("ann").await;
    let reservation = Uuid::now_v7();
    assert!(room.tell(&shop.log, Uuid::nil(), &receive("tea", "north", 5)).await);
    assert!(room.tell(&shop.log, reservation, &reserve(reservation, &[("tea", 2)], None)).await);
    shop.project().await;
    let rows: Vec<(i64,)> = shop.rows("SELECT COUNT(*) FROM stock_items").await;
    assert_eq!(rows, [(0,)]);
    let names: Vec<(String,)> = shop.rows("SELECT name FROM projections ORDER BY name").await;
    assert_eq!(names.len(), Registry::standard().projections().len());
    let parked: Vec<(String,)> = shop.rows("SELECT projection FROM parked_events").await;
    assert_eq!(parked, []);

    shop.registry = Registry::with_stock();
    shop.project().await;
    assert_counted(&shop, &room.count()).await;
    shop.assert_sound().await;

    shop.registry = Registry::standard();
    assert!(room.tell(&shop.log, reservation, &StockCommand::Firm).await);
    let projector = shop.follow();
    let mut moved = shop.model.moved_hint();
    let head = shop.log.head().await.unwrap().position;
    let history = read_model::read::positions::Projection::HISTORY;
    while shop.model.applied().await.unwrap().of(history) < head {
        moved.changed().await.unwrap();
    }
    projector.stop().await;
    let statuses: Vec<(String,)> = shop.rows("SELECT status FROM reservations").await;
    assert_eq!(statuses, [("soft".to_owned(),)]);
    assert!(shop.model.order(order).await.unwrap().found.is_some());

    shop.registry = Registry::with_stock();
    shop.project().await;
    assert_counted(&shop, &room.count()).await;
    shop.assert_sound().await;
}

fn unreadable(shop: &Shop) -> Vec<NewEvent> {
    vec![NewEvent {
        event_id: Uuid::now_v7(),
        event_type: "StockTeleported",
        schema_version: 9,
        occurred_at: shop.now,
        payload: b"{}".to_vec(),
    }]
}

async fn parked(shop: &Shop) -> Vec<(String, String, i64)> {
    let sql = "SELECT e.projection, e.stream_type, e.version FROM parked_events e \
         JOIN projections p ON p.name = e.projection AND p.generation = e.generation \
         ORDER BY e.projection, e.position";
    shop.rows(sql).await
}

fn row(projection: &str, stream_type: &str, version: i64) -> (String, String, i64) {
    (projection.to_owned(), stream_type.to_owned(), version)
}

pub async fn an_unreadable_event_parks_its_item_or_reservation_and_no_other(views: Views) {
    let (shop, mut room) = shop(views).await;
    let [ill, well] = [Uuid::now_v7(), Uuid::now_v7()];
    for product in ["tea", "cup"] {
        assert!(room.tell(&shop.log, Uuid::nil(), &receive(product, "north", 9)).await);
    }
    assert!(room.tell(&shop.log, ill, &reserve(ill, &[("tea", 2)], None)).await);
    let tea = stream(ITEM, item_id(&reference("north"), &reference("tea")));
    shop.append_to(tea, 2, unreadable(&shop)).await;
    shop.append_to(stream("reservation", ill), 1, unreadable(&shop)).await;
    // The streams of movements are nobody's.
    shop.append_to(stream(MOVEMENT, Uuid::now_v7()), 0, unreadable(&shop)).await;
    let released = StockEvent::StockReleased {
        product_id: reference("tea"),
        warehouse: reference("north"),
        reservation_id: ill,
        quantity: 2,
        why: domain::stock::ReleaseCause::Released,
    };
    shop.append_to(tea, 3, vec![stored(&released, shop.now)]).await;
    assert!(room.tell(&shop.log, well, &reserve(well, &[("cup", 3)], None)).await);
    shop.project().await;
    for _ in 0..2 {
        let expected = [
            row("reservations", "reservation", 2),
            row("stock", "stock", 3),
            row("stock", "stock", 4),
        ];
        assert_eq!(parked(&shop).await, expected);
        assert_counted(&shop, &room.count()).await;
        let report = shop.verify().await;
        assert!(report.differences.is_empty(), "{:?}", report.differences);
        assert_eq!(report.unfoldable.len(), 3);
        rebuilt(&shop).await;
    }
    let report = retry_parked(&shop.registry, &shop.model, shop.registry.projections()).await;
    assert_eq!(report.map(|report| (report.folded, report.parked)).unwrap(), (0, 3));
}

pub async fn a_parked_item_and_reservation_go_on_once_their_events_fit(views: Views) {
    let (shop, mut room) = shop(views).await;
    let id = Uuid::now_v7();
    assert!(room.tell(&shop.log, Uuid::nil(), &receive("tea", "north", 9)).await);
    assert!(room.tell(&shop.log, id, &reserve(id, &[("tea", 2), ("egg", 1)], None)).await);
    shop.project().await;
    // The rows are lost, so the next events do not fit; they wait.
    shop.tamper(
        "CREATE TABLE items AS SELECT * FROM stock_items; DELETE FROM stock_items; \
         CREATE TABLE reserved AS SELECT * FROM reservations; DELETE FROM reservations;",
    )
    .await;
    let projector = shop.follow();
    for command in [StockCommand::Firm, StockCommand::Commit { shipment: None }] {
        assert!(room.tell(&shop.log, id, &command).await);
    }
    shop.caught_up().await;
    let expected = [
        row("reservations", "reservation", 2),
        row("reservations", "reservation", 3),
        row("stock", "stock", 3),
    ];
    assert_eq!(parked(&shop).await, expected);
    shop.tamper(
        "INSERT INTO stock_items SELECT * FROM items; INSERT INTO reservations SELECT * FROM reserved;",
    )
    .await;
    let report = retry_parked(&shop.registry, &shop.model, &[&STOCK, &RESERVATIONS]).await.unwrap();
    assert_eq!((report.folded, report.parked), (3, 0));
    assert!(room.tell(&shop.log, Uuid::nil(), &adjust("tea", "north", -1)).await);
    shop.caught_up().await;
    projector.stop().await;
    assert_eq!(parked(&shop).await, []);
    assert_counted(&shop, &room.count()).await;
    shop.assert_sound().await;
}

/// No decision writes such events; a foreign log may have them.
pub async fn what_no_row_can_hold_is_parked_and_names_are_kept_whatever_they_are(views: Views) {
    let (shop, mut room) = shop(views).await;
    let received = |warehouse: &str, quantity| {
        // Stored ids are not judged by the rules for new ones.
        let text = format!("{{\"product_id\":\"größe 7\",\"warehouse\":\"{warehouse}\"}}");
        let names: BTreeMap<&str, domain::Reference> = serde_json::from_str(&text).unwrap();
        let (product_id, warehouse) = (names["product_id"].clone(), names["warehouse"].clone());
        StockEvent::StockReceived { product_id, warehouse, movement_id: Uuid::nil(), quantity }
    };
    let [large, odd] = [Uuid::now_v7(), Uuid::now_v7()];
    room.append(&shop.log, vec![((ITEM, odd), vec![received("ü 1", 3)])]).await;
    shop.project().await;
    let most = stored(&received("a", u64::MAX), shop.now);
    shop.append_to(stream(ITEM, large), 0, vec![most]).await;
    room.append(&shop.log, vec![((ITEM, odd), vec![received("ü 1", 4)])]).await;
    // A reservation's fact does not begin an item.
    let firmed = stored(&StockEvent::ReservationFirmed, shop.now);
    shop.append_to(stream(ITEM, Uuid::now_v7()), 0, vec![firmed.clone()]).await;
    shop.append_to(stream("reservation", Uuid::now_v7()), 0, vec![firmed]).await;
    shop.project().await;
    let expected =
        [row("reservations", "reservation", 1), row("stock", "stock", 1), row("stock", "stock", 1)];
    assert_eq!(parked(&shop).await, expected);
    assert_counted(&shop, &room.count()).await;
    let report = shop.verify().await;
    assert!(report.differences.is_empty(), "{:?}", report.differences);
}

pub async fn due_reservations_are_the_soft_ones_whose_time_has_run_out(views: Views) {
    let (shop, mut room) = shop(views).await;
    assert!(room.tell(&shop.log, Uuid::nil(), &receive("tea", "north", 99)).await);
    let ids: Vec<Uuid> = (0..6).map(|_| Uuid::now_v7()).collect();
    let end = room.now + chrono::Duration::hours(9);
    // In the reverse order; the last one never expires.
    for (number, id) in (0_i32..).zip(&ids) {
        let at = (number < 5).then(|| end - chrono::Duration::minutes(number.into()));
        assert!(room.tell(&shop.log, *id, &reserve(*id, &[("tea", 1)], at)).await);
    }
    assert!(room.tell(&shop.log, ids[3], &StockCommand::Firm).await);
    assert!(room.tell(&shop.log, ids[4], &StockCommand::Release { why: None }).await);
    shop.project().await;
    let due = async |minutes: i64, limit| {
        let now = (end - chrono::Duration::minutes(minutes)).timestamp_micros();
        let due = shop.model.due_reservations(now, limit).await.unwrap();
        assert_eq!(due.position, shop.log.head().await.unwrap().position);
        assert!(due.found.iter().all(|its| its.expires_at <= now));
        due.found.into_iter().map(|its| its.reservation_id).collect::<Vec<_>>()
    };
    assert!(due(3, 9).await.is_empty());
    assert_eq!(due(2, 9).await, [ids[2]]);
    assert_eq!(due(-1, 9).await, [ids[2], ids[1], ids[0]]);
    assert_eq!(due(-1, 2).await, [ids[2], ids[1]]);
}

fn wishes() -> impl Strategy<Value = Vec<(usize, u8, u8)>> {
    prop::collection::vec((0_usize..12, 0_u8..19, any::<u8>()), 40..110)
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Eight logs, or as many as `PROPTEST_CASES` asks for: each costs several databases.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]
    #[test]
    fn rows_are_a_plain_count_live_rebuilt_and_fresh_on_sqlite(wishes in wishes()) {
        runtime().block_on(play(Views::sqlite(), &wishes));
    }

    #[test]
    fn rows_are_a_plain_count_live_rebuilt_and_fresh_on_postgres(wishes in wishes()) {
        runtime().block_on(async {
            if let Some(views) = Views::postgres("stock kept in PostgreSQL").await {
                play(views, &wishes).await;
            }
        });
    }
}
