//! Projection `products`: adds and takes back, needs no memory. An order counts once for a product, however many of its
//! lines name it.

use super::{ORDER_STREAMS, OrderSums};
use crate::projection::{Projection, Streams};
use domain::order::OrderEvent;
use event_store::RecordedEvent;
use read_model::write::named::Named;
use read_model::write::products::{self, ProductDelta, ProductSalesDelta, ProductsChanges};
use std::collections::HashMap;

/// The projection.
pub static PRODUCTS: Projection = Projection {
    name: "products",
    version: 1,
    tables: products::TABLES,
    streams: Streams::Of(ORDER_STREAMS),
    keeps_events: false,
    fold: |_| Box::new(ProductsFold::default()),
};

written_by!(ProductsChanges, write_products);

/// The fold.
#[derive(Debug, Default)]
pub(super) struct ProductsFold {
    products: HashMap<String, ProductDelta>,
    sales: HashMap<(String, &'static str), ProductSalesDelta>,
}

/// What one line adds or takes back.
struct Line<'a> {
    product: &'a str,
    name: Option<&'a str>,
    units: i64,
    revenue: i128,
}

impl OrderSums for ProductsFold {
    type Changes = ProductsChanges;

    fn fold(&mut self, event: &OrderEvent, recorded: &RecordedEvent) {
        match event {
            OrderEvent::OrderPlaced { lines, currency, .. } => {
                let lines = lines.iter().map(|line| Line {
                    product: line.product_id.as_str(),
                    name: Some(line.name.as_str()),
                    units: line.quantity.into(),
                    revenue: i128::from(line.unit_price.minor()) * i128::from(line.quantity),
                });
                self.add(lines.collect(), currency.code(), 1, recorded);
            }
            OrderEvent::OrderCancelled { lines, total, .. } => {
                let lines = lines.iter().map(|line| Line {
                    product: line.product_id.as_str(),
                    name: None,
                    units: -i64::from(line.quantity),
                    revenue: -i128::from(line.line_total.minor()),
                });
                self.add(lines.collect(), total.currency().code(), -1, recorded);
            }
            _ => {}
        }
    }

    fn changes(&mut self) -> ProductsChanges {
        let mut products: Vec<_> = self.products.drain().map(|(_, delta)| delta).collect();
        products.sort_unstable_by(|a, b| a.product_id.cmp(&b.product_id));
        let mut sales: Vec<_> = self.sales.drain().map(|(_, delta)| delta).collect();
        sales
            .sort_unstable_by(|a, b| (&a.product_id, a.currency).cmp(&(&b.product_id, b.currency)));
        ProductsChanges { products, sales }
    }
}

impl ProductsFold {
    /// Adds an order's lines; `orders` once for each product.
    fn add(
        &mut self,
        mut lines: Vec<Line<'_>>,
        currency: &'static str,
        orders: i64,
        recorded: &RecordedEvent,
    ) {
        let at = recorded.occurred_at.timestamp_micros();
        // Lines for one product stay in their order: the name on the last of them stands.
        lines.sort_by(|a, b| a.product.cmp(b.product));
        let mut before = None;
        for line in lines {
            let orders = if before == Some(line.product) { 0 } else { orders };
            before = Some(line.product);
            let product = self.product(line.product);
            product.orders += orders;
            product.units += line.units;
            if let Some(name) = line.name {
                Named::keep_last(&mut product.named, name, at, recorded.position);
            }
            let sales = self.sales(line.product, currency);
            sales.orders += orders;
            sales.units += line.units;
            sales.revenue += line.revenue;
        }
    }

    fn product(&mut self, id: &str) -> &mut ProductDelta {
        if !self.products.contains_key(id) {
            let product_id = id.to_owned();
            let delta = ProductDelta { product_id, named: None, orders: 0, units: 0 };
            self.products.insert(id.to_owned(), delta);
        }
        self.products.get_mut(id).expect("inserted above if it was missing")
    }

    fn sales(&mut self, id: &str, currency: &'static str) -> &mut ProductSalesDelta {
        self.sales.entry((id.to_owned(), currency)).or_insert_with(|| ProductSalesDelta {
            product_id: id.to_owned(),
            currency,
            orders: 0,
            units: 0,
            revenue: 0,
        })
    }
}
