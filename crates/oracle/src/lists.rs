//! What lists of orders must hold: each matching order once, sorted, and nothing else; its summary agrees with the
//! order.

use super::compose::compose;
use super::fact::{Time, read_time, wire};
use super::world::Then;
use super::{Checked, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The parameters of a list.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    pub statuses: Vec<&'static str>,
    pub payment_statuses: Vec<&'static str>,
    pub fulfillment_statuses: Vec<&'static str>,
    pub customer: Option<String>,
    pub product: Option<String>,
    pub currency: Option<String>,
    pub placed_from: Option<Time>,
    pub placed_to: Option<Time>,
    pub sort: &'static str,
    pub as_of: Option<Time>,
}

impl Asked {
    /// Query without limit and cursor.
    pub fn query(&self) -> String {
        let names = |names: &[&str]| (!names.is_empty()).then(|| names.join(","));
        let time = |time: Option<Time>| time.map(wire);
        let pairs = [
            ("status", names(&self.statuses)),
            ("payment_status", names(&self.payment_statuses)),
            ("fulfillment_status", names(&self.fulfillment_statuses)),
            ("customer_id", self.customer.clone()),
            ("product_id", self.product.clone()),
            ("currency", self.currency.clone()),
            ("placed_from", time(self.placed_from)),
            ("placed_to", time(self.placed_to)),
            ("sort", (!self.sort.is_empty()).then(|| self.sort.to_owned())),
            ("as_of", time(self.as_of)),
        ];
        let given =
            pairs.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
        given.collect::<Vec<_>>().join("&")
    }

    pub fn holds(&self, then: &Then) -> bool {
        let order = &then.order;
        let named = |names: &[&str], name: &str| names.is_empty() || names.contains(&name);
        let shown = match self.statuses.is_empty() {
            true => then.counts(),
            false => self.statuses.contains(&order.status.name()),
        };
        let since = |from: Time| order.placed_at.is_some_and(|placed| placed >= from);
        let before = |to: Time| order.placed_at.is_some_and(|placed| placed < to);
        shown
            && named(&self.payment_statuses, order.payment_status())
            && named(&self.fulfillment_statuses, order.fulfillment_status())
            && self.customer.as_ref().is_none_or(|id| order.customer.id == *id)
            && self
                .product
                .as_ref()
                .is_none_or(|id| order.lines.iter().any(|l| l.product_id == *id))
            && self.currency.as_ref().is_none_or(|code| order.currency == *code)
            && self.placed_from.is_none_or(since)
            && self.placed_to.is_none_or(before)
    }

    fn key(&self, then: &Then) -> i128 {
        match self.sort.ends_with("total") {
            true => then.order.total(),
            false => i128::from(then.listed_at().timestamp_micros()),
        }
    }
}

/// Compares the rows of all pages of a list with the orders at that time.
pub fn check(all: &[Then], asked: &Asked, rows: &[Value]) -> Checked {
    let mut expected: BTreeMap<String, &Then> = all
        .iter()
        .filter(|then| asked.holds(then))
        .map(|then| (then.id.to_string(), then))
        .collect();
    let mut keys = Vec::new();
    for row in rows {
        let id = row["order_id"].as_str().unwrap_or_default();
        let then = expected.remove(id);
        let then = then.ok_or_else(|| format!("does not belong on the list, or twice: {row}"))?;
        summary(then, row)?;
        keys.push(asked.key(then));
    }
    ensure(expected.is_empty(), || {
        let left =
            expected.values().map(|then| format!("{} ({})", then.id, then.order.status.name()));
        format!("left out: {}", left.collect::<Vec<_>>().join(", "))
    })?;
    ensure(is_sorted(asked.sort, &keys), || format!("not sorted: {keys:?}"))
}

/// Compares the rows of a list whose pages were read while others wrote with the orders before. Each of these must come
/// once, others at most once, and all in order. Only for filters by customer and currency and sorts by time, which
/// never change once an order is placed.
pub fn check_meanwhile(before: &[Then], asked: &Asked, rows: &[Value]) -> Checked {
    let mut seen = BTreeSet::new();
    let mut keys = Vec::new();
    for row in rows {
        let id = row["order_id"].as_str().unwrap_or_default();
        ensure(seen.insert(id), || format!("shown again: {row}"))?;
        let named = |asked: &Option<String>, got: &Value| asked.as_ref().is_none_or(|id| got == id);
        let matches = named(&asked.currency, &row["currency"])
            && named(&asked.customer, &row["customer"]["id"]);
        ensure(matches, || format!("not asked for: {row}"))?;
        keys.push(read_time(row["placed_at"].as_str().unwrap_or_default())?);
    }
    let missing = before
        .iter()
        .filter(|then| asked.holds(then))
        .find(|then| !seen.contains(then.id.to_string().as_str()));
    ensure(missing.is_none(), || {
        let id = missing.map(|then| then.id).unwrap_or_default();
        format!("lost meanwhile: {id}, which was there before")
    })?;
    ensure(is_sorted(asked.sort, &keys), || format!("out of order: {keys:?}"))
}

fn is_sorted<K: PartialOrd>(sort: &str, keys: &[K]) -> bool {
    let rising = matches!(sort, "placed_at" | "total");
    keys.is_sorted_by(|a, b| if rising { a <= b } else { a >= b })
}

/// Each member of a summary equals that of the order document.
fn summary(then: &Then, row: &Value) -> Checked {
    let whole = compose(then.id, then.version, 0, &then.order);
    let members = row.as_object().ok_or("a summary is an object")?;
    for (name, got) in members.iter().filter(|(name, _)| *name != "position") {
        let Some(expected) = whole.get(name) else { continue };
        if got.is_array() {
            continue;
        }
        // A summary may show less of the customer.
        let same = match (expected.as_object(), got.as_object()) {
            (Some(expected), Some(got)) => {
                got.iter().all(|(name, got)| expected.get(name) == Some(got))
            }
            _ => expected == got,
        };
        ensure(same, || format!("{}: `{name}`: expected {expected}\n     got {got}", then.id))?;
    }
    let named =
        ["order_id", "status", "total", "currency"].iter().all(|name| members.contains_key(*name));
    ensure(named, || format!("a summary says which order, its status and its total: {row}"))
}
