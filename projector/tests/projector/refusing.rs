//! Rows that the database refuses: their order is parked with the reason, all others go on. A hole in the log is another
//! case: views stop before it and report it.

use crate::shop::Shop;
use domain::Note;
use domain::order::OrderCommand;
use projector::projections::ORDERS;
use projector::{Registry, RetryReport, Show, rebuild, retry_parked};
use rig::views::Views;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// No two orders of one customer.
const OBSTACLE: &str = "CREATE UNIQUE INDEX obstacle ON orders (customer_id)";

/// Takes every obstacle away, whatever generation has it.
async fn clear(shop: &Shop) {
    let unique: Vec<(String,)> = match &shop.model {
        read_model::ReadModel::Sqlite(_) => {
            shop.rows("SELECT name FROM sqlite_schema WHERE name LIKE 'obstacle%'").await
        }
        read_model::ReadModel::Postgres(_) => {
            shop.rows(
                "SELECT indexname::text FROM pg_indexes \
                 WHERE schemaname = current_schema() AND indexdef LIKE '%UNIQUE%(customer_id)' \
                 AND tablename LIKE 'orders%'",
            )
            .await
        }
    };
    assert!(!unique.is_empty());
    for (name,) in unique {
        shop.tamper(format!("DROP INDEX \"{name}\"").leak()).await;
    }
}

/// Places twelve orders; the customers of the fourth and the ninth have one already. These two get a note each and are
/// returned.
async fn trade(shop: &mut Shop) -> [Uuid; 2] {
    let mut orders = Vec::new();
    for customer in ["a", "b", "c", "a", "d", "e", "f", "g", "b", "h", "i", "j"] {
        orders.push(shop.place(customer).await);
    }
    let refused = [orders[3], orders[8]];
    for order in refused {
        let text = Note::parse("later").unwrap();
        assert!(shop.command(order, &OrderCommand::AddNote { text }).await);
    }
    refused
}

/// Projection, order, position and reason of what is parked in the live generations.
async fn parked(shop: &Shop) -> Vec<(String, Uuid, i64, String)> {
    shop.rows(
        "SELECT e.projection, e.stream_id, e.position, e.reason FROM parked_events e \
         JOIN projections p ON p.name = e.projection AND p.generation = e.generation \
         ORDER BY e.projection, e.position",
    )
    .await
}

async fn assert_only_these_are_parked(shop: &Shop, refused: [Uuid; 2]) {
    let parked = parked(shop).await;
    let places: Vec<_> = parked.iter().map(|row| (row.0.as_str(), row.1, row.2)).collect();
    let [first, second] = refused;
    let expected = [(first, 4), (second, 9), (first, 13), (second, 14)];
    assert_eq!(places, expected.map(|(order, position)| ("orders", order, position)));
    for row in &parked[..2] {
        assert!(row.3.starts_with("the database refuses a row of this stream: "), "{}", row.3);
        assert!(!row.3.contains('\n'), "{}", row.3);
    }
    assert!(parked[2].3.contains("earlier event"), "{}", parked[2].3);
    let visible: Vec<(i64,)> = shop.rows("SELECT COUNT(*) FROM orders").await;
    assert_eq!(visible, [(10,)]);
    let others: Vec<(i64, i64)> = shop
        .rows("SELECT (SELECT COUNT(*) FROM history), (SELECT CAST(SUM(orders) AS BIGINT) FROM customers)")
        .await;
    assert_eq!(others, [(14, 12)]);
    for status in shop.model.projection_statuses().await.unwrap() {
        let expected = if status.name == "orders" { 2 } else { 0 };
        assert_eq!((status.position, status.parked_streams), (14, expected), "{}", status.name);
    }
}

pub async fn a_row_that_the_database_refuses_parks_its_order_until_it_is_retried(views: Views) {
    let mut shop = Shop::on(views).await;
    shop.tamper(OBSTACLE).await;
    let refused = trade(&mut shop).await;
    let mut projector = shop.follow();
    shop.caught_up().await;
    projector.condition.wait_for(Result::is_ok).await.unwrap();
    assert_only_these_are_parked(&shop, refused).await;

    // As long as the obstacle is there a retry changes nothing.
    let report =
        retry_parked(&Registry::standard(), &shop.model, Registry::standard().projections())
            .await
            .unwrap();
    assert_eq!(report, RetryReport { folded: 0, parked: 4 });
    assert_only_these_are_parked(&shop, refused).await;
    clear(&shop).await;
    let report =
        retry_parked(&Registry::standard(), &shop.model, Registry::standard().projections())
            .await
            .unwrap();
    assert_eq!(report, RetryReport { folded: 4, parked: 0 });
    let text = Note::parse("and on").unwrap();
    assert!(shop.command(refused[0], &OrderCommand::AddNote { text }).await);
    shop.caught_up().await;
    projector.stop().await;
    assert_eq!(parked(&shop).await, []);
    shop.assert_sound().await;
}

pub async fn a_retry_takes_what_it_can_and_leaves_what_is_still_refused(views: Views) {
    let mut shop = Shop::on(views).await;
    shop.tamper(OBSTACLE).await;
    let [_, still] = trade(&mut shop).await;
    shop.project().await;
    shop.tamper("UPDATE orders SET customer_id = 'aside' WHERE customer_id = 'a'").await;
    let report = retry_parked(&Registry::standard(), &shop.model, &[&ORDERS]).await.unwrap();
    assert_eq!(report, RetryReport { folded: 2, parked: 2 });
    let left = parked(&shop).await;
    assert_eq!(left.iter().map(|row| row.1).collect::<Vec<_>>(), [still, still]);
}

pub async fn a_rebuild_parks_what_is_refused_and_takes_it_when_it_no_longer_is(views: Views) {
    let mut shop = Shop::on(views).await;
    let refused = trade(&mut shop).await;
    // New tables have the indexes of the live ones, which are empty yet.
    shop.tamper(OBSTACLE).await;
    let shutdown = CancellationToken::new();
    for round in 1..=2 {
        let rebuilt = rebuild(
            &shop.source(),
            &shop.model,
            Registry::standard().projections(),
            Show::Log,
            &shutdown,
        )
        .await;
        rebuilt.unwrap();
        assert_only_these_are_parked(&shop, refused).await;
        // The live rows, and a page that the rebuild reads only when it is about to swap.
        if round == 1 {
            shop.project().await;
        }
    }
    clear(&shop).await;
    rebuild(&shop.source(), &shop.model, Registry::standard().projections(), Show::Log, &shutdown)
        .await
        .unwrap();
    assert_eq!(parked(&shop).await, []);
    shop.project().await;
    shop.assert_sound().await;
}

pub async fn what_a_trigger_refuses_is_parked_wherever_it_is(views: Views) {
    let trigger = match &views {
        Views::Sqlite(_) => {
            "CREATE TRIGGER no BEFORE INSERT ON product_sales WHEN NEW.product_id = 'bad' \
             BEGIN SELECT RAISE(ABORT, 'not this one'); END; \
             CREATE TRIGGER nor BEFORE INSERT ON history WHEN NEW.version = 2 \
             BEGIN SELECT RAISE(ABORT, 'no second events'); END"
        }
        Views::Postgres(_) => {
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'not this one'; END $$; \
             CREATE TRIGGER no BEFORE INSERT ON product_sales FOR EACH ROW \
             WHEN (NEW.product_id = 'bad') EXECUTE FUNCTION no(); \
             CREATE CONSTRAINT TRIGGER nor AFTER INSERT ON history DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW WHEN (NEW.version = 2) EXECUTE FUNCTION no()"
        }
    };
    let mut shop = Shop::on(views).await;
    shop.tamper(trigger).await;
    let well = shop.place("ann").await;
    let bad = Uuid::now_v7();
    assert!(shop.command(bad, &crate::shop::create("bob", &[("bad", 1, 5)])).await);
    let twice = shop.place("cleo").await;
    let text = Note::parse("second").unwrap();
    assert!(shop.command(twice, &OrderCommand::AddNote { text }).await);
    shop.project().await;
    let parked = parked(&shop).await;
    let places: Vec<_> = parked.iter().map(|row| (row.0.as_str(), row.1, row.2)).collect();
    // An order is left out of a batch as a whole.
    assert_eq!(places, [("history", twice, 3), ("history", twice, 4), ("products", bad, 2)]);
    let visible: Vec<(Uuid,)> = shop.rows("SELECT order_id FROM orders ORDER BY position").await;
    assert_eq!(visible, [(well,), (bad,), (twice,)]);
}

pub async fn a_hole_in_the_log_parks_nothing_and_is_named(views: Views) {
    let mut shop = Shop::on(views).await;
    let log = SqliteConnectOptions::new().filename(shop.dir.path().join("events.db"));
    let mut log = log.connect().await.unwrap();
    let unguarded = "DROP TRIGGER events_are_never_deleted";
    sqlx::raw_sql(unguarded).execute(&mut log).await.unwrap();
    // First at the log's end, then between events.
    for missing in [3, 5] {
        for _ in 0..3 {
            shop.place("ann").await;
        }
        let away = format!(
            "CREATE TABLE aside AS SELECT * FROM events WHERE position = {missing}; \
             DELETE FROM events WHERE position = {missing}"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(away)).execute(&mut log).await.unwrap();
        // A store without the newest events in memory, which opens whatever the log's end is.
        shop.reopen_log(event_store::Access::Verify).await;
        let mut projector = shop.follow();
        let name = format!("position {missing} is missing");
        let named =
            |condition: &projector::Condition| condition.as_ref().is_err_and(|e| e.contains(&name));
        projector.condition.wait_for(named).await.unwrap();
        for entry in shop.model.catalog().await.unwrap() {
            assert_eq!(entry.position, missing - 1, "{}", entry.name);
        }
        assert_eq!(parked(&shop).await, []);
        let back = "INSERT INTO events SELECT * FROM aside; DROP TABLE aside";
        sqlx::raw_sql(back).execute(&mut log).await.unwrap();
        projector.condition.wait_for(Result::is_ok).await.unwrap();
        shop.caught_up().await;
        projector.stop().await;
        shop.reopen_log(event_store::Access::ReadWrite).await;
    }
    shop.assert_sound().await;
}
