//! The facts of the import file, read without the system: orders, customers, times, amounts.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Every order of the file, in its order.
pub struct Facts {
    pub orders: Vec<Order>,
}

/// An order as the file has it.
pub struct Order {
    pub id: String,
    pub customer: String,
    pub placed: DateTime<Utc>,
    pub cancelled: Option<DateTime<Utc>>,
    pub total_minor: i64,
}

impl Facts {
    pub fn read(file: &Path) -> Self {
        let file = std::fs::File::open(file).unwrap();
        let lines = BufReader::new(flate2::read::MultiGzDecoder::new(file)).lines();
        let (mut orders, mut places): (Vec<Order>, HashMap<String, usize>) = Default::default();
        for line in lines {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let id = line["order_id"].as_str().unwrap().to_owned();
            let at = line["at"].as_str().unwrap().parse().unwrap();
            if line["command"] == "cancel" {
                orders[places[&id]].cancelled = Some(at);
                continue;
            }
            let body = &line["body"];
            let lines = body["lines"].as_array().unwrap();
            let total_minor = lines.iter().map(line_total).sum();
            let customer = body["customer"]["id"].as_str().unwrap().to_owned();
            places.insert(id.clone(), orders.len());
            orders.push(Order { id, customer, placed: at, cancelled: None, total_minor });
        }
        Self { orders }
    }

    /// The orders that a row of `orders_as_of` can mean. The row names an invoice, but the file names ids, so an order
    /// is found by its times and its total. If several fit, all of them must show what the row says.
    pub fn meant_by(&self, row: &Value) -> Vec<&Order> {
        self.orders.iter().filter(|order| order.fits(row)).collect()
    }
}

impl Order {
    fn fits(&self, row: &Value) -> bool {
        let at: DateTime<Utc> = row["t"].as_str().unwrap().parse().unwrap();
        let last = self.cancelled.unwrap_or(self.placed);
        let expected = match row["kind"].as_str().unwrap() {
            "halfway" => self.placed + (last - self.placed) / 2,
            "a second before the last event" => last - TimeDelta::seconds(1),
            "exactly the last event" => last,
            "a second before placed" => self.placed - TimeDelta::seconds(1),
            "exactly placed" => self.placed,
            "a day after the last event" => last + TimeDelta::days(1),
            kind => panic!("a kind of moment that this test does not know: {kind}"),
        };
        let near = (expected - at).abs() < TimeDelta::seconds(1);
        let events =
            [Some(self.placed), self.cancelled].iter().flatten().filter(|t| **t <= at).count();
        let total = row["total_minor"].as_i64().is_none_or(|total| total == self.total_minor);
        near && total && row["events"] == events
    }
}

/// Quantity × unit price in pence.
pub fn line_total(line: &Value) -> i64 {
    let price = line["unit_price"].as_str().unwrap();
    let (whole, fraction) = price.split_once('.').unwrap_or((price, ""));
    let pence =
        whole.parse::<i64>().unwrap() * 100 + format!("{fraction:0<2}").parse::<i64>().unwrap();
    line["quantity"].as_i64().unwrap() * pence
}
