//! Rebuilds: next to a live projector, interrupted, killed, doubled, rolled back.

use crate::shop::Shop;
use projector::projections::{CUSTOMERS, ORDERS, SALES};
use projector::{Projection, ProjectorError, RebuildReport, Registry, Show};
use read_model::write::catalog::Checkpoint;
use read_model::write::rebuild::{RebuildEntry, RebuildStep};
use rig::views::Views;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

async fn rebuild(
    shop: &Shop,
    kinds: &[&'static Projection],
) -> Result<RebuildReport, ProjectorError> {
    let shutdown = CancellationToken::new();
    projector::rebuild(&shop.source(), &shop.model, kinds, Show::Log, &shutdown).await
}

/// A rebuild that is stopped before it is done.
async fn interrupt(shop: &Shop, kinds: &[&'static Projection]) {
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    let interrupted =
        projector::rebuild(&shop.source(), &shop.model, kinds, Show::Log, &shutdown).await;
    assert!(matches!(interrupted, Err(ProjectorError::Interrupted)));
}

pub async fn a_changed_row_is_found_by_verify_and_mended_by_a_rebuild(views: Views) {
    let mut shop = Shop::on(views).await;
    shop.place("ann").await;
    shop.project().await;
    shop.tamper("UPDATE orders SET total = total + 1").await;
    shop.tamper("DELETE FROM customers").await;
    let report = shop.verify().await;
    assert!(
        report.differences.iter().any(|found| found.contains("orders") && found.contains("total"))
    );
    assert!(report.differences.iter().any(|found| found.starts_with("customers: customers ann")));

    let report = rebuild(&shop, &[&ORDERS]).await.unwrap();
    assert_eq!((report.projections, report.events), (vec!["orders"], 1));
    assert!(!shop.verify().await.is_sound());
    rebuild(&shop, &[&CUSTOMERS]).await.unwrap();
    shop.assert_sound().await;
}

pub async fn a_rebuild_during_live_projecting_loses_nothing(views: Views) {
    let mut shop = Shop::on(views).await;
    let projector = shop.follow();
    for _ in 0..50 {
        shop.place("ann").await;
    }
    for _ in 0..3 {
        let (source, model) = (shop.source(), shop.model.clone());
        let rebuilding = tokio::spawn(async move {
            let shutdown = CancellationToken::new();
            projector::rebuild(
                &source,
                &model,
                Registry::standard().projections(),
                Show::Log,
                &shutdown,
            )
            .await
        });
        while !rebuilding.is_finished() {
            shop.place("bob").await;
        }
        rebuilding.await.unwrap().unwrap();
    }
    shop.place("eve").await;
    shop.caught_up().await;
    projector.stop().await;
    shop.assert_sound().await;
}

pub async fn an_interrupted_rebuild_goes_on_where_it_stopped(views: Views) {
    let mut shop = Shop::on(views).await;
    for _ in 0..10 {
        shop.place("ann").await;
    }
    shop.project().await;
    interrupt(&shop, Registry::standard().projections()).await;
    shop.assert_sound().await;
    let left = shop.model.rebuilds().await.unwrap();
    assert!(left.iter().all(|rebuild| rebuild.position == 10) && left.len() == 6);

    let report = rebuild(&shop, Registry::standard().projections()).await.unwrap();
    assert_eq!(report.events, 0);
    assert!(shop.model.rebuilds().await.unwrap().is_empty());
    shop.assert_sound().await;
}

pub async fn a_rebuild_is_taken_over_behind_what_its_owner_still_wrote(views: Views) {
    let mut shop = Shop::on(views).await;
    for _ in 0..10 {
        shop.place("ann").await;
    }
    shop.project().await;
    interrupt(&shop, &[&SALES]).await;
    let [left] = shop.model.rebuilds().await.unwrap().try_into().unwrap();
    assert_eq!(left.position, 10);
    for _ in 0..5 {
        shop.place("bob").await;
    }
    // What its owner has sent is still on its way when another process goes on.
    let owner = shop.other_handle().await;
    let mut tx = owner.begin_fill().await.unwrap();
    let (owner, now) = (left.owner.as_slice(), left.heartbeat_at);
    let step = RebuildStep { owner, from: 10, to: 15, target: 15, events_per_second: 1.0, now };
    let checkpoint = Checkpoint { name: "sales", generation: left.generation };
    tx.advance_rebuild(&[checkpoint], step).await.unwrap();
    let (source, model) = (shop.source(), shop.model.clone());
    let other = tokio::spawn(async move {
        let shutdown = CancellationToken::new();
        projector::rebuild(&source, &model, &[&SALES], Show::Log, &shutdown).await
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!other.is_finished(), "it waits for what is on its way");
    tx.commit(15).await.unwrap();
    assert_eq!(other.await.unwrap().unwrap().events, 0, "all was there");
}

pub async fn a_rebuild_leaves_the_tables_with_the_indexes_they_had(views: Views) {
    let all = match &views {
        Views::Sqlite(_) => {
            "SELECT tbl_name || COALESCE(substr(sql, instr(sql, '(')), '') FROM sqlite_schema \
             WHERE type = 'index' AND tbl_name NOT LIKE '%\\_\\_g%' ESCAPE '\\' ORDER BY 1"
        }
        Views::Postgres(_) => {
            "SELECT tablename || (indexdef LIKE 'CREATE UNIQUE%') || substr(indexdef, strpos(indexdef, ' USING ')) \
             FROM pg_indexes WHERE schemaname = current_schema() AND strpos(tablename::text, '__g') = 0 ORDER BY 1"
        }
    };
    let mut shop = Shop::on(views).await;
    let before: Vec<(String,)> = shop.rows(all).await;
    assert!(before.len() > 15, "{before:?}");
    for _ in 0..2 {
        shop.place("ann").await;
        rebuild(&shop, Registry::standard().projections()).await.unwrap();
        assert_eq!(shop.rows::<(String,)>(all).await, before);
    }
    shop.assert_sound().await;
}

pub async fn a_rebuild_killed_anywhere_can_be_run_again(views: Views) {
    let mut shop = Shop::on(views).await;
    for _ in 0..30 {
        shop.place("ann").await;
    }
    shop.project().await;
    for turns in 0..12 {
        let (source, model) = (shop.source(), shop.model.clone());
        let rebuilding = tokio::spawn(async move {
            let shutdown = CancellationToken::new();
            projector::rebuild(
                &source,
                &model,
                Registry::standard().projections(),
                Show::Log,
                &shutdown,
            )
            .await
        });
        // A few turns of the scheduler later it is gone, wherever it was.
        for _ in 0..turns * 20 {
            tokio::task::yield_now().await;
        }
        rebuilding.abort();
        let _ = rebuilding.await;
        shop.place("bob").await;
    }
    shop.project().await;
    rebuild(&shop, Registry::standard().projections()).await.unwrap();
    shop.project().await;
    shop.assert_sound().await;
}

pub async fn a_second_rebuild_is_refused_until_the_first_falls_silent(views: Views) {
    let mut shop = Shop::on(views).await;
    shop.place("ann").await;
    shop.project().await;
    let now = server::clock::now().timestamp_micros();
    let mut claim = RebuildEntry {
        name: "sales".into(),
        version: 1,
        generation: 7,
        position: 0,
        owner: b"another owner".to_vec(),
        heartbeat_at: now,
    };
    let mut tx = shop.model.begin_write().await.unwrap();
    tx.claim_rebuild(&claim, 1).await.unwrap();
    tx.commit(0).await.unwrap();
    let refused = rebuild(&shop, &[&ORDERS, &SALES]).await;
    assert!(matches!(refused, Err(ProjectorError::Refused(why)) if why.contains("sales")));

    claim.heartbeat_at = now - 11_000_000;
    let mut tx = shop.model.begin_write().await.unwrap();
    tx.claim_rebuild(&claim, 1).await.unwrap();
    tx.commit(0).await.unwrap();
    rebuild(&shop, &[&ORDERS, &SALES]).await.unwrap();
    shop.assert_sound().await;
}

pub async fn a_rebuild_can_be_rolled_back_and_the_old_rows_catch_up(views: Views) {
    let mut shop = Shop::on(views).await;
    shop.place("ann").await;
    shop.project().await;
    let nothing = projector::roll_back(&shop.model, &[&ORDERS]).await;
    assert!(matches!(nothing, Err(ProjectorError::Refused(_))));
    rebuild(&shop, &[&ORDERS]).await.unwrap();
    shop.place("bob").await;
    shop.project().await;
    projector::roll_back(&shop.model, &[&ORDERS]).await.unwrap();
    let behind = shop.model.catalog().await.unwrap();
    assert_eq!(behind.iter().find(|entry| entry.name == "orders").unwrap().position, 1);
    shop.project().await;
    shop.assert_sound().await;
    rebuild(&shop, &[&ORDERS]).await.unwrap();
    projector::roll_back(&shop.model, &[&ORDERS]).await.unwrap();
    shop.project().await;
    shop.assert_sound().await;
}

pub async fn rows_of_an_older_build_serve_until_they_are_rebuilt(views: Views) {
    let mut shop = Shop::on(views).await;
    shop.place("ann").await;
    shop.project().await;
    shop.tamper("UPDATE projections SET version = 0 WHERE name = 'sales'").await;
    shop.place("bob").await;
    let projector = shop.follow();
    shop.caught_up().await;
    projector.stop().await;
    let catalog = shop.model.catalog().await.unwrap();
    let sales = catalog.iter().find(|entry| entry.name == "sales").unwrap();
    assert_eq!((sales.version, sales.generation), (1, 2));
    shop.assert_sound().await;
}
