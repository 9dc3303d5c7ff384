//! What the figures must be: customers, products, sales, counts. An order counts from its placing on; cancelled orders
//! are counted separately.

use super::compose::differences;
use super::fact::{Time, wire};
use super::money::show;
use super::order::{FULFILLMENT_STATUSES, PAYMENT_STATUSES, STATUSES, Status};
use super::world::Then;
use super::{Checked, ensure};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Sums by currency, as on the wire: one object each. A sum of zero may be present or not.
fn amounts(sums: &BTreeMap<&str, i128>) -> BTreeSet<String> {
    let shown = sums.iter().filter(|(_, sum)| **sum != 0);
    shown.map(|(code, sum)| format!("{code} {}", show(*sum, code))).collect()
}

fn same_amounts(member: &str, expected: &BTreeMap<&str, i128>, got: &Value) -> Checked {
    let entry = |entry: &Value| {
        let text = |member: &str| entry[member].as_str().unwrap_or_default().to_owned();
        format!("{} {}", text("currency"), text("amount"))
    };
    let got: Vec<String> = got[member].as_array().into_iter().flatten().map(entry).collect();
    let shown: BTreeSet<String> = got.iter().filter(|entry| !is_zero(entry)).cloned().collect();
    let expected = amounts(expected);
    ensure(shown == expected, || format!("`{member}`: expected {expected:?}\n     got {got:?}"))
}

/// `USD 0.00`
fn is_zero(entry: &str) -> bool {
    entry.split_once(' ').is_some_and(|(_, amount)| amount.chars().all(|c| matches!(c, '0' | '.')))
}

/// Among the orders that count, the one placed last: by business time, then by position.
fn last<'a>(orders: impl Iterator<Item = &'a Then>) -> Option<&'a Then> {
    orders.filter(|then| then.counts()).max_by_key(|then| then.placed())
}

/// `GET /v1/customers/{id}`; no figures = no order of a customer with this id was placed.
pub fn customer(all: &[Then], id: &str, got: Option<&Value>) -> Checked {
    let of = || all.iter().filter(|then| then.order.customer.id == id && then.counts());
    let Some(newest) = last(of()) else {
        return ensure(got.is_none(), || "expected 404: no order was placed".into());
    };
    let Some(got) = got else { return Err("expected the customer's figures".into()) };
    let kept: Vec<&Then> = of().filter(|then| !then.is_cancelled()).collect();
    let mut lifetime = BTreeMap::new();
    for then in &kept {
        *lifetime.entry(then.order.currency.as_str()).or_default() += then.order.total();
    }
    let times: Vec<String> = of().filter_map(|then| then.order.placed_at).map(wire).collect();
    let expected = json!({"customer_id": id, "orders": kept.len(), "name": got["name"],
        "cancelled_orders": of().count() - kept.len(), "lifetime": got["lifetime"],
        "first_order_at": times.iter().min(), "last_order_at": times.iter().max()});
    if let Some(unlike) = differences(&expected, got) {
        return Err(unlike);
    }
    same_amounts("lifetime", &lifetime, got)?;
    // An order without a name may keep the name of the order before, or have none.
    let named = last(of().filter(|then| then.order.customer.name.is_some()));
    let names = [&newest.order.customer.name, &named.unwrap_or(newest).order.customer.name];
    let right = names.iter().any(|name| json!(name) == got["name"]);
    ensure(right, || {
        format!("`name`: expected {:?}, of the order placed last\n     got {}", names, got["name"])
    })
}

/// `GET /v1/products/{id}`.
pub fn product(all: &[Then], id: &str, got: Option<&Value>) -> Checked {
    let holds = |then: &Then| then.order.lines.iter().any(|line| line.product_id == id);
    let of = || all.iter().filter(|then| then.counts() && holds(then));
    let Some(newest) = last(of()) else {
        return ensure(got.is_none(), || "expected 404: no placed order holds it".into());
    };
    let Some(got) = got else { return Err("expected the product's figures".into()) };
    let kept: Vec<&Then> = of().filter(|then| !then.is_cancelled()).collect();
    let expected = json!({"product_id": id, "name": got["name"], "orders": kept.len(),
        "units": units(&kept, id), "revenue": got["revenue"]});
    if let Some(unlike) = differences(&expected, got) {
        return Err(unlike);
    }
    same_amounts("revenue", &revenue(&kept, id), got)?;
    // One order may have the product under several names.
    let lines = newest.order.lines.iter().filter(|line| line.product_id == id);
    let names: Vec<&str> = lines.map(|line| line.name.as_str()).collect();
    let right = names.iter().any(|name| got["name"] == **name);
    ensure(right, || {
        format!("`name`: expected {names:?}, of the order placed last\n     got {}", got["name"])
    })
}

fn units(kept: &[&Then], product: &str) -> u64 {
    let lines = kept.iter().flat_map(|then| &then.order.lines);
    lines.filter(|line| line.product_id == product).map(|line| line.quantity).sum()
}

fn revenue<'a>(kept: &[&'a Then], product: &str) -> BTreeMap<&'a str, i128> {
    let mut sums = BTreeMap::new();
    for then in kept {
        for line in then.order.lines.iter().filter(|line| line.product_id == product) {
            *sums.entry(then.order.currency.as_str()).or_default() += line.total();
        }
    }
    sums
}

/// `GET /v1/products`: every product sold (in this currency), each once, the best first.
pub fn best_sellers(all: &[Then], currency: Option<&str>, sort: &str, got: &[Value]) -> Checked {
    let matches = |then: &&Then| currency.is_none_or(|currency| then.order.currency == currency);
    let kept: Vec<&Then> =
        all.iter().filter(|then| then.counts() && !then.is_cancelled()).filter(matches).collect();
    let lines = kept.iter().flat_map(|then| &then.order.lines);
    let mut sold: BTreeSet<&str> = lines.map(|line| line.product_id.as_str()).collect();
    let mut ranks = Vec::new();
    for product in got {
        let id = product["product_id"].as_str().unwrap_or_default();
        let units = units(&kept, id);
        // Products sold only in other currencies may be at the end.
        ensure(sold.remove(id) || units == 0, || format!("not sold, or twice on the list: {id}"))?;
        let sums = revenue(&kept, id);
        ensure(product["units"] == units, || {
            format!("{id}: expected {units} units\ngot {product}")
        })?;
        same_amounts("revenue", &sums, product)?;
        let rank = currency.and_then(|currency| sums.get(currency).copied()).unwrap_or_default();
        ranks.push(if sort == "-units" { i128::from(units) } else { rank });
    }
    ensure(sold.is_empty(), || format!("left out: {sold:?}"))?;
    ensure(ranks.is_sorted_by(|a, b| a >= b), || format!("not sorted by {sort}: {ranks:?}"))
}

/// The parameters of a sales report.
#[derive(Debug, Clone)]
pub struct Sales<'a> {
    pub interval: &'a str,
    /// Days, half-open.
    pub from: Option<&'a str>,
    pub to: Option<&'a str>,
    pub currency: Option<&'a str>,
    pub as_of: Option<Time>,
}

impl Sales<'_> {
    pub fn query(&self) -> String {
        let as_of = self.as_of.map(wire);
        let pairs = [
            ("from", self.from),
            ("to", self.to),
            ("currency", self.currency),
            ("as_of", as_of.as_deref()),
        ];
        let given = pairs.iter().filter_map(|(name, value)| Some(format!("&{name}={}", (*value)?)));
        format!("interval={}{}", self.interval, given.collect::<String>())
    }
}

/// `GET /v1/reports/sales` over orders at that time.
pub fn sales(all: &[Then], asked: &Sales<'_>, got: &Value) -> Checked {
    let mut expected: BTreeMap<(String, &str), [i128; 5]> = BTreeMap::new();
    for then in all.iter().filter(|then| then.counts()) {
        let day = then.period("day").expect("what counts was placed");
        let within = asked.from.is_none_or(|from| day.as_str() >= from)
            && asked.to.is_none_or(|to| day.as_str() < to)
            && asked.currency.is_none_or(|currency| then.order.currency == currency);
        if !within {
            continue;
        }
        let period = then.period(asked.interval).expect("what counts was placed");
        let sums = expected.entry((period, then.order.currency.as_str())).or_default();
        let (total, units) = (then.order.total(), i128::from(then.order.units()));
        let added = if then.is_cancelled() { [0, 0, 0, 1, total] } else { [1, units, total, 0, 0] };
        sums.iter_mut().zip(added).for_each(|(sum, added)| *sum += added);
    }
    let row = |((period, currency), sums): (&(String, &str), &[i128; 5])| {
        json!({"period": period, "currency": currency, "orders": number(sums[0]), "units": number(sums[1]),
            "revenue": show(sums[2], currency), "cancelled_orders": number(sums[3]),
            "cancelled_revenue": show(sums[4], currency)})
    };
    let key = |row: &Value| row.to_string();
    let mut expected: Vec<Value> = expected.iter().map(row).collect();
    let mut rows = got["data"].as_array().cloned().unwrap_or_default();
    // A period without orders may be shown or not.
    rows.retain(|row| row["orders"] != 0 || row["cancelled_orders"] != 0);
    expected.sort_by_key(key);
    rows.sort_by_key(key);
    ensure(expected == rows, || {
        let shown = |rows: &[Value], other: &[Value]| {
            let only = rows.iter().filter(|row| !other.contains(row));
            only.map(Value::to_string).collect::<Vec<_>>().join("\n  ")
        };
        format!("expected\n  {}\ngot\n  {}", shown(&expected, &rows), shown(&rows, &expected))
    })
}

fn number(count: i128) -> Value {
    json!(i64::try_from(count).expect("tests count little"))
}

/// `GET /v1/reports/status-counts` over orders at that time.
pub fn status_counts(all: &[Then], got: &Value) -> Checked {
    let open = |then: &&Then| {
        matches!(then.order.status, Status::Placed | Status::Confirmed | Status::Completed)
    };
    let count = |names: &[&str], of: Vec<&str>| -> Value {
        let counts = names.iter().map(|name| {
            let count = of.iter().filter(|found| *found == name).count();
            ((*name).to_owned(), json!(count))
        });
        Value::Object(counts.collect::<Map<_, _>>())
    };
    let statuses = all.iter().map(|then| then.order.status.name()).collect();
    let payments = all.iter().filter(open).map(|then| then.order.payment_status()).collect();
    let arrivals = all.iter().filter(open).map(|then| then.order.fulfillment_status()).collect();
    let expected = json!({"as_of": got["as_of"], "counts": count(&STATUSES, statuses),
        "payment_counts": count(&PAYMENT_STATUSES, payments),
        "fulfillment_counts": count(&FULFILLMENT_STATUSES, arrivals)});
    differences(&expected, got).map_or(Ok(()), Err)
}
