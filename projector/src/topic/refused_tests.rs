//! Rows that the database refuses, fed from a topic: their order is parked; its partition and all others go on.

#![allow(clippy::unwrap_used)]

use super::apply::{Applier, Ends};
use super::arrival_tests::{ORDERS, PARTITIONS, batch, log};
use super::checkpoints::Topic;
use crate::projections::{CUSTOMERS, HISTORY, PRODUCTS, SALES};
use crate::registry::Registry;
use crate::retry::retry_parked;
use read_model::{Access, ReadModel};
use rig::views::Views;
use sqlx::{Connection, PgConnection, SqliteConnection};

pub(super) async fn alter(views: &Views, sql: &'static str) {
    match views {
        Views::Sqlite(_) => {
            let mut connection = SqliteConnection::connect(&views.url()).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        }
        Views::Postgres(_) => {
            let mut connection = PgConnection::connect(&views.url()).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        }
    }
}

async fn play(views: Views) {
    // The first and the fourth order share a partition and a customer, whom the second has as well; the third has
    // another.
    let births = [0, 0, 1, 0].map(|customer| (customer, 1, 0, 0, false));
    let births: Vec<_> = births.into_iter().cycle().take(ORDERS).collect();
    let deeds = [(0, 0, 0), (3, 0, 0), (1, 0, 0), (2, 0, 0), (3, 9, 0), (0, 9, 0), (2, 9, 0)];
    let log = log(&births, &deeds);
    let model = ReadModel::open(&views.url(), Access::ReadWrite).await.unwrap();
    for projection in Registry::standard().projections() {
        model.register(projection.name, projection.version, 0).await.unwrap();
    }
    alter(&views, "CREATE UNIQUE INDEX obstacle ON orders (customer_id)").await;
    let topic = Topic { name: "orders".into(), partitions: PARTITIONS };
    let mut applier = Applier::new(model.clone(), Registry::standard(), None, topic);
    applier.load().await.unwrap();
    let all = || {
        let each = 0..PARTITIONS.cast_signed();
        each.map(|number| batch(number, &mut 0, (0, u8::MAX), &log)).collect::<Vec<_>>()
    };
    let Ends { applied, failure } = applier.apply(all()).await;
    let refused = failure.unwrap();
    assert!(refused.is_refusal(), "{refused}");
    assert!(applied.is_empty() && model.parked_streams("orders", 1).await.unwrap().is_empty());

    applier.set_apart(0..PARTITIONS.cast_signed());
    applier.forget().await.unwrap();
    let Ends { applied, failure } = applier.apply(all()).await;
    assert!(failure.is_none(), "{failure:?}");
    assert_eq!(applied.len(), PARTITIONS as usize);
    let parked = model.parked_streams("orders", 1).await.unwrap();
    assert_eq!(parked.len(), 2, "of the three orders of one customer one stays");
    for projection in [&CUSTOMERS, &PRODUCTS, &SALES, &HISTORY] {
        assert!(
            model.parked_streams(projection.name, 1).await.unwrap().is_empty(),
            "{}",
            projection.name
        );
    }
    assert_eq!(model.customer("ann").await.unwrap().found.unwrap().orders, 3);

    alter(&views, "DROP INDEX obstacle").await;
    let registry = Registry::standard();
    let retried = retry_parked(&registry, &model, registry.projections()).await.unwrap();
    assert_eq!(retried.parked, 0);
    for event in &log {
        let order = model.order(event.stream.id).await.unwrap().found.unwrap();
        assert!(order.version >= event.version);
    }
}

#[tokio::test]
async fn refused_rows_park_their_orders_and_every_partition_goes_on_on_sqlite() {
    play(Views::sqlite()).await;
}

#[tokio::test]
async fn refused_rows_park_their_orders_and_every_partition_goes_on_on_postgres() {
    if let Some(views) = Views::postgres("refused rows in PostgreSQL, fed from a topic").await {
        play(views).await;
    }
}
