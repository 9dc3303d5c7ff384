//! Lists of orders in quiet, by random filters and sorts, at present or in the past; and orders with everything
//! composed in.

use crate::answer::{Checked, ensure, json_of, problem};
use crate::generate;
use crate::quiet::Quiet;
use chrono::Duration;
use oracle::compose::{differences, sorted};
use oracle::figures;
use oracle::history::is_history;
use oracle::lists::{Asked, check};
use oracle::order::{FULFILLMENT_STATUSES, Order, PAYMENT_STATUSES, STATUSES};
use oracle::stream::Stream;
use rig::rng::Rng;
use serde_json::Value;

impl Quiet<'_> {
    /// Reads one list to its end.
    pub async fn list(&mut self) -> Checked {
        let mut asked = self.asked();
        let customer = asked.customer.clone().filter(|_| self.rng.chance(50));
        let all = self.world.at(asked.as_of);
        let base = match &customer {
            Some(id) => format!("/v1/customers/{id}/orders"),
            None => "/v1/orders".to_owned(),
        };
        let query = match customer.is_some() {
            true => Asked { customer: None, ..asked.clone() }.query(),
            false => asked.query(),
        };
        let path = format!("{base}?{query}");
        let path = path.trim_end_matches('?');
        self.journal.step(&format!("quiet: GET {path} at {}", self.head));
        let matching = all.iter().filter(|then| asked.holds(then)).count() as u64;
        let longest = (matching / 4).clamp(1, 199) + 1;
        let Self { door, rng, .. } = self;
        let rows = door.pages(path, self.head, || 1 + rng.below(longest)).await?;
        if asked.sort.is_empty() {
            asked.sort = "-placed_at";
        }
        check(&all, &asked, &rows).map_err(Self::at(path))?;
        self.unsortable().await
    }

    /// Totals of several currencies have no order.
    async fn unsortable(&mut self) -> Checked {
        if !self.rng.chance(10) {
            return Ok(());
        }
        let sign = if self.rng.chance(50) { "-" } else { "" };
        let path = format!("/v1/orders?sort={sign}total");
        let answer = self.door.view(&path, self.head).await?;
        problem(&answer, 400, "invalid-parameter", "/v1/orders").map_err(Self::at(&path))
    }

    fn asked(&mut self) -> Asked {
        let moments = self.world.moments();
        let offset = Duration::microseconds(self.offset());
        let rng = &mut *self.rng;
        let moment = |rng: &mut Rng, percent| {
            (!moments.is_empty() && rng.chance(percent)).then(|| *rng.pick(&moments) + offset)
        };
        let past = moment(rng, 35);
        let statuses = some(rng, 45, &STATUSES);
        let unplaced = statuses.iter().any(|name| matches!(*name, "draft" | "discarded"));
        // The contract does not say whether an order without a time of placing is before or after a bound.
        let bound = if unplaced { 0 } else { 20 };
        let (from, to) = (moment(rng, bound), moment(rng, bound));
        let currency = rng.chance(30).then(|| generate::live_currency(rng).to_owned());
        let sorts: &[&'static str] = match currency.is_some() {
            true => &["", "-placed_at", "placed_at", "-total", "total"],
            false => &["", "-placed_at", "placed_at"],
        };
        Asked {
            statuses,
            payment_statuses: some(rng, 20, &PAYMENT_STATUSES),
            fulfillment_statuses: some(rng, 20, &FULFILLMENT_STATUSES),
            customer: rng.chance(30).then(|| generate::customer_id(rng)),
            product: rng.chance(25).then(|| generate::product_id(rng)),
            currency,
            placed_from: from,
            placed_to: to,
            sort: rng.pick::<&str>(sorts),
            as_of: past.filter(|at| *at <= chrono::Utc::now()),
        }
    }

    /// `?include=`: the order, its customer's and products' figures, its history.
    pub async fn included(&mut self) -> Checked {
        let ids: Vec<_> = self.world.0.keys().copied().collect();
        if ids.is_empty() {
            return Ok(());
        }
        let stream = self.world.0[self.rng.pick(&ids)].clone();
        let parts = some(self.rng, 100, &["customer", "products", "timeline"]);
        if parts.is_empty() {
            return Ok(());
        }
        let path = format!("/v1/orders/{}?include={}", stream.id, parts.join(","));
        self.journal.step(&format!("quiet: GET {path} at {}", self.head));
        let answer = self.door.view(&path, self.head).await?;
        ensure(answer.status == 200, || format!("{path}: expected 200\ngot {}", answer.text()))?;
        let mut body = json_of(&answer)?;
        let included = body.as_object_mut().and_then(|body| body.remove("included"));
        let included = included.ok_or_else(|| format!("{path}: expected `included`"))?;
        let unlike = differences(&stream.document(stream.version()), &sorted(body));
        unlike.map_or(Ok(()), |unlike| Err(format!("{path}: {unlike}")))?;
        let plain = format!("\"{}\"", stream.version());
        ensure(answer.header("ETag").is_some_and(|tag| tag != plain), || {
            format!("{path}: expected another ETag than {plain}\ngot {:?}", answer.header("ETag"))
        })?;
        for part in parts {
            let held = self.composed_in(&stream, part, &included[part]);
            held.map_err(|why| format!("{path}: {part}: {why}"))?;
        }
        Ok(())
    }

    /// One part of what is composed in.
    fn composed_in(&self, stream: &Stream, part: &str, got: &Value) -> Checked {
        let all = self.world.at(None);
        let order = stream.order().expect("it exists");
        match part {
            "customer" => {
                let got = (!got.is_null()).then_some(got);
                figures::customer(&all, &order.customer.id, got)
            }
            "timeline" => is_history(stream, got.as_array().map_or(&[], Vec::as_slice)),
            _ => {
                got.as_array().into_iter().flatten().try_for_each(|product| {
                    let id = product["product_id"].as_str().unwrap_or_default();
                    let holds = order.lines.iter().any(|line| line.product_id == id);
                    ensure(holds, || format!("not in the order: {product}"))?;
                    figures::product(&all, id, Some(product))
                })?;
                if order.placed_at.is_some() { all_products(got, order) } else { Ok(()) }
            }
        }
    }
}

/// Each product of a placed order is among the composed ones.
fn all_products(got: &Value, order: &Order) -> Checked {
    let got = got.as_array().cloned().unwrap_or_default();
    let named = |id: &str| got.iter().any(|product| product["product_id"] == id);
    let missing = order.lines.iter().find(|line| !named(&line.product_id));
    missing.map_or(Ok(()), |line| Err(format!("expected {} among the products", line.product_id)))
}

/// Some of the names, each with this chance; sometimes all of them.
fn some(rng: &mut Rng, percent: u64, names: &[&'static str]) -> Vec<&'static str> {
    if !rng.chance(percent) {
        return vec![];
    }
    let share = 20 + rng.below(60);
    names.iter().copied().filter(|_| rng.chance(share)).collect()
}
