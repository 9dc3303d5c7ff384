//! Known sequences of commands and the rows that they must leave.

use crate::shop::{Shop, create};
use domain::money::MAX_PUBLIC_MINOR;
use domain::order::OrderCommand;
use domain::{Name, Note, Reason, Reference};
use read_model::read::products::{ProductPage, ProductRank};
use read_model::read::reports::SalesFilter;
use rig::views::Views;
use uuid::Uuid;

fn draft(command: OrderCommand) -> OrderCommand {
    match command {
        OrderCommand::Create { customer, currency, lines, note, .. } => {
            OrderCommand::Create { customer, currency, lines, draft: true, note }
        }
        other => other,
    }
}

pub async fn a_placed_and_a_cancelled_order_leave_their_rows(views: Views) {
    let mut shop = Shop::on(views).await;
    let kept = shop.place("ann").await;
    let gone = shop.place("ann").await;
    let reason = Reason::parse("changed my mind").unwrap();
    assert!(shop.command(gone, &OrderCommand::Cancel { reason }).await);
    shop.project().await;

    let orders: Vec<(Uuid, i64, i16, i64)> =
        shop.rows("SELECT order_id, version, status, total FROM orders ORDER BY position").await;
    assert_eq!(orders, [(kept, 1, 1, 1899), (gone, 2, 4, 1899)]);
    let customers: Vec<(String, String, i64, i64)> =
        shop.rows("SELECT customer_id, name, orders, cancelled_orders FROM customers").await;
    assert_eq!(customers, [("ann".into(), "Customer ann".into(), 1, 1)]);
    let products: Vec<(String, i64, i64, i64)> = shop
        .rows(
            "SELECT product_id, orders, units, revenue_low FROM product_sales ORDER BY product_id",
        )
        .await;
    assert_eq!(products, [("cup".into(), 1, 1, 999), ("tea".into(), 1, 2, 900)]);
    let sales: Vec<(i64, i64, i64, i64, i64)> = shop
        .rows(
            "SELECT CAST(SUM(orders) AS BIGINT), CAST(SUM(units) AS BIGINT), CAST(SUM(revenue_low) AS BIGINT), \
             CAST(SUM(cancelled_orders) AS BIGINT), CAST(SUM(cancelled_revenue_low) AS BIGINT) FROM sales_days",
        )
        .await;
    assert_eq!(sales, [(1, 3, 1899, 1, 1899)]);
    let history: Vec<(i64,)> = shop.rows("SELECT COUNT(*) FROM history").await;
    assert_eq!(history, [(3,)]);
}

pub async fn a_draft_is_found_by_the_products_it_has_now(views: Views) {
    let mut shop = Shop::on(views).await;
    let order = Uuid::now_v7();
    shop.command(order, &draft(create("bob", &[("tea", 1, 100), ("tea", 2, 100), ("cup", 1, 5)])))
        .await;
    shop.project().await;
    assert_eq!(found_by(&shop).await, ["cup", "tea"]);

    shop.command(order, &OrderCommand::RemoveLine { line_id: 1 }).await;
    shop.project().await;
    assert_eq!(found_by(&shop).await, ["cup", "tea"]);
    shop.command(order, &OrderCommand::RemoveLine { line_id: 2 }).await;
    shop.project().await;
    assert_eq!(found_by(&shop).await, ["cup"]);

    assert!(shop.command(order, &OrderCommand::Place { expected_total: None }).await);
    shop.project().await;
    assert_eq!(found_by(&shop).await, ["cup"]);
    let same: Vec<(i64,)> = shop
        .rows(
            "SELECT COUNT(*) FROM order_products JOIN orders USING (order_id, listed_at) WHERE placed_at = listed_at",
        )
        .await;
    assert_eq!(same, [(1,)]);
    shop.assert_sound().await;
}

async fn found_by(shop: &Shop) -> Vec<String> {
    let rows: Vec<(String,)> =
        shop.rows("SELECT product_id FROM order_products ORDER BY product_id").await;
    rows.into_iter().map(|(product,)| product).collect()
}

pub async fn a_product_on_two_lines_counts_once_and_a_note_changes_no_list(views: Views) {
    let mut shop = Shop::on(views).await;
    let order = Uuid::now_v7();
    shop.command(order, &create("eve", &[("tea", 1, 100), ("tea", 2, 50)])).await;
    for text in ["first", "second"] {
        let text = Note::parse(text).unwrap();
        assert!(shop.command(order, &OrderCommand::AddNote { text }).await);
    }
    shop.project().await;
    let sales: Vec<(i64, i64, i64)> =
        shop.rows("SELECT orders, units, revenue_low FROM product_sales").await;
    assert_eq!(sales, [(1, 3, 200)]);
    let versions: Vec<(i64,)> = shop.rows("SELECT COUNT(*) FROM order_versions").await;
    assert_eq!(versions, [(1,)]);
    let notes: Vec<(i64, String)> =
        shop.rows("SELECT version, note FROM order_notes ORDER BY version").await;
    assert_eq!(notes.len(), 2);
    assert_eq!(notes[1].0, 3);
    assert!(notes[1].1.contains("\"second\""));
}

/// What an order calls its customer and its one product.
fn calling(customer: Option<&str>, product: &str) -> OrderCommand {
    match create("ann", &[("tea", 1, 100)]) {
        OrderCommand::Create { customer: given, currency, mut lines, draft, note } => {
            let name = customer.map(|name| Name::parse(name).unwrap());
            lines[0].name = Name::parse(product).unwrap();
            let customer = domain::order::Customer { name, ..given };
            OrderCommand::Create { customer, currency, lines, draft, note }
        }
        other => other,
    }
}

/// The customer's and the product's name; and when the customer ordered first and last.
async fn called(shop: &Shop) -> (Option<String>, String, i64, i64) {
    let customer = shop.model.customer("ann").await.unwrap().found.unwrap();
    let product = shop.model.product("tea").await.unwrap().found.unwrap();
    (customer.name, product.name, customer.first_order_at, customer.last_order_at)
}

pub async fn names_are_those_of_the_order_placed_last_whenever_it_is_imported(views: Views) {
    let mut shop = Shop::on(views).await;
    let at = |year: i32| format!("{year}-03-03T00:00:00Z").parse::<chrono::DateTime<_>>().unwrap();
    let micros = |year| (at(year) + chrono::Duration::minutes(7)).timestamp_micros();
    let named = |name: &str, first, last| {
        (Some(format!("Ann {name}")), format!("Tea {name}"), micros(first), micros(last))
    };
    // The year, the names, and which names are right by then: by times, then by positions.
    for (year, name, expected) in [
        (2020, "Jones", named("Jones", 2020, 2020)),
        (2015, "Smith", named("Jones", 2015, 2020)),
        (2020, "Brown", named("Brown", 2015, 2020)),
        (2014, "Black", named("Brown", 2014, 2020)),
    ] {
        shop.now = at(year);
        let command = calling(Some(&format!("Ann {name}")), &format!("Tea {name}"));
        assert!(shop.command(Uuid::now_v7(), &command).await);
        shop.project().await;
        assert_eq!(called(&shop).await, expected, "after {year}");
    }
    // A draft counts from when it is placed; an order without a name removes none.
    let late = Uuid::now_v7();
    shop.now = at(2010);
    assert!(shop.command(late, &draft(calling(Some("Ann Late"), "Tea Late"))).await);
    shop.project().await;
    assert_eq!(called(&shop).await, named("Brown", 2014, 2020));
    shop.now = at(2021);
    assert!(shop.command(late, &OrderCommand::Place { expected_total: None }).await);
    shop.now = at(2022);
    assert!(shop.command(Uuid::now_v7(), &calling(None, "Tea Late")).await);
    shop.project().await;
    assert_eq!(called(&shop).await, named("Late", 2014, 2022));
    shop.assert_sound().await;
}

pub async fn the_summary_has_what_lists_show(views: Views) {
    let mut shop = Shop::on(views).await;
    let order = shop.place("zoë".replace('ë', "e").as_str()).await;
    let payment = OrderCommand::RecordPayment {
        payment_id: Reference::parse("p1").unwrap(),
        amount: "5".into(),
        currency: None,
        method: None,
    };
    assert!(shop.command(order, &payment).await);
    shop.project().await;
    let summaries: Vec<(String,)> = shop.rows("SELECT summary FROM orders").await;
    let summary: serde_json::Value = serde_json::from_str(&summaries[0].0).unwrap();
    let name = Name::parse("Customer zoe").unwrap();
    let expected = serde_json::json!({
        "order_id": order, "status": "placed", "payment_status": "partially_paid",
        "fulfillment_status": "unfulfilled", "version": 2,
        "customer": {"id": "zoe", "name": name.as_str()}, "currency": "EUR",
        "total": "18.99", "paid": "5.00", "refunded": "0.00", "balance_due": "13.99",
        "line_count": 2, "units": 3,
        "created_at": "2026-03-03T22:07:00.000000Z", "placed_at": "2026-03-03T22:07:00.000000Z",
        "updated_at": "2026-03-03T22:14:00.000000Z",
    });
    assert_eq!(summary, expected);
}

/// Largest orders whose sum no 64-bit integer holds; two pages of the projector.
const LARGEST_ORDERS: i128 = 1_030;

pub async fn sums_larger_than_64_bits_are_exact(views: Views) {
    let mut shop = Shop::on(views).await;
    let largest = create("ann", &[("gold", 1, MAX_PUBLIC_MINOR)]);
    for number in 0..LARGEST_ORDERS {
        assert!(shop.command(Uuid::now_v7(), &largest).await);
        if number == 3 {
            shop.project().await;
        }
    }
    shop.place("ann").await;
    shop.project().await;
    let gold = LARGEST_ORDERS * i128::from(MAX_PUBLIC_MINOR);
    assert!(gold > i128::from(i64::MAX));
    let customer = shop.model.customer("ann").await.unwrap().found.unwrap();
    assert_eq!(customer.lifetime[0].amount, gold + 1899);
    let product = shop.model.product("gold").await.unwrap().found.unwrap();
    assert_eq!((product.units, product.revenue[0].amount), (1_030, gold));
    let days = shop.model.sales(&SalesFilter::default()).await.unwrap().found;
    assert_eq!(days.iter().map(|day| day.revenue).sum::<i128>(), gold + 1899);

    // Best sellers go on after a place that 64 bits do not hold.
    let rank = ProductRank::RevenueIn("EUR".into());
    let after = Some((gold, "gold".to_owned()));
    let next = shop.model.best_sellers(&rank, &ProductPage { after, limit: 10 }).await.unwrap();
    let next: Vec<_> = next.found.iter().map(|ranked| ranked.product.product_id.as_str()).collect();
    assert_eq!(next, ["cup", "tea"]);
    shop.assert_sound().await;
}
