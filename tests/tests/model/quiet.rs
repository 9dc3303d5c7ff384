//! Between phases no client sends commands: then every view of all orders together is exact, and is compared with the
//! oracle.

use crate::answer::{Checked, ensure, json_of, problem};
use crate::door::Door;
use crate::generate;
use crate::journal::Journal;
use crate::listener::Listener;
use chrono::{Duration, Utc};
use oracle::fact::{Event, Time, wire};
use oracle::figures::{self, Sales};
use oracle::history::is_in_feed;
use oracle::money::LIVE;
use oracle::stream::Stream;
use oracle::world::World;
use rig::rng::Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The number of past moments in one quiet at which figures and lists are read.
const MOMENTS: usize = 3;
/// Lists in one quiet.
const LISTS: usize = 10;

/// What is checked, and how.
pub struct Quiet<'a> {
    pub world: &'a World,
    pub door: &'a mut Door,
    pub rng: &'a mut Rng,
    pub journal: &'a Journal,
    /// The end of the log.
    pub head: u64,
    /// The client that has listened meanwhile.
    pub listener: &'a Listener,
    /// The number of events that were compared with the feed before.
    pub fed: &'a mut u64,
}

impl Quiet<'_> {
    /// Checks everything that all orders together must show.
    pub async fn holds(&mut self) -> Checked {
        let events = self.world.events();
        ensure(events == self.head, || {
            format!("expected {events} events, all that was answered\ngot a log of {}", self.head)
        })?;
        self.feed().await?;
        self.projections().await?;
        self.customers().await?;
        self.products().await?;
        self.counts_and_sales(None).await?;
        for _ in 0..LISTS {
            self.list().await?;
        }
        self.included().await?;
        let moments = self.world.moments();
        for _ in 0..MOMENTS.min(moments.len()) {
            let moment = *self.rng.pick(&moments) + Duration::microseconds(self.offset());
            self.counts_and_sales(Some(moment)).await?;
        }
        Ok(())
    }

    /// One microsecond before, exactly at, or one after.
    pub fn offset(&mut self) -> i64 {
        i64::try_from(self.rng.below(3)).expect("small") - 1
    }

    /// A view that must exist.
    pub async fn get(&mut self, path: &str) -> Checked<Value> {
        self.get_if(path).await?.ok_or_else(|| format!("{path}: expected 200\ngot 404"))
    }

    /// A view, or `None` for a `not-found`.
    async fn get_if(&mut self, path: &str) -> Checked<Option<Value>> {
        self.journal.step(&format!("quiet: GET {path} at {}", self.head));
        let answer = self.door.view(path, self.head).await?;
        let bare = path.split('?').next().unwrap_or_default();
        match answer.status {
            200 => json_of(&answer).map(Some),
            404 => problem(&answer, 404, "not-found", bare)
                .map(|()| None)
                .map_err(|why| format!("{path}: {why}\ngot {}", answer.text())),
            _ => Err(format!("{path}: expected 200\ngot {} {}", answer.status, answer.text())),
        }
    }

    pub fn at(path: &str) -> impl Fn(String) -> String {
        let path = path.to_owned();
        move |why| format!("{path}: {why}")
    }

    /// Reads `/v1/events` in pages of random lengths: every answered event in its place, and no other.
    async fn feed(&mut self) -> Checked {
        let by_position = self.events_by_position();
        let mut heard = self.listener.up_to(self.head).await?;
        let mut after = if self.rng.chance(30) { 0 } else { *self.fed };
        while after < self.head {
            let longest = if self.rng.chance(50) { 20 } else { 1_000 };
            let limit = 1 + self.rng.below(longest);
            let path = format!("/v1/events?after={after}&limit={limit}");
            let page = self.get(&path).await?;
            let data = page["data"].as_array().cloned().unwrap_or_default();
            let length = data.len() as u64;
            ensure(0 < length && length <= limit, || {
                format!("{path}: expected 1 to {limit} events")
            })?;
            for (event, position) in data.iter().zip(after + 1..) {
                let known = by_position
                    .get(&position)
                    .ok_or_else(|| format!("{path}: not answered: {event}"))?;
                is_in_feed(known.0, &known.1, event).map_err(Self::at(&path))?;
                let heard = heard.remove(&position).filter(|heard| heard != event);
                ensure(heard.is_none(), || {
                    format!("/v1/events/stream: expected {event}\ngot {heard:?}")
                })?;
            }
            after += length;
            ensure(page["next_after"] == after, || {
                format!("{path}: expected next_after {after}\ngot {}", page["next_after"])
            })?;
            ensure(page["head"] == self.head, || {
                format!("{path}: expected head {}\ngot {}", self.head, page["head"])
            })?;
        }
        *self.fed = self.head;
        ensure(heard.is_empty(), || format!("/v1/events/stream: more than the feed: {heard:?}"))?;
        self.beyond_the_feed().await
    }

    /// After the end the feed is empty, and `next_after` never points beyond it.
    async fn beyond_the_feed(&mut self) -> Checked {
        let far = self.rng.below(1_000_000);
        let path = format!("/v1/events?after={}", self.head + far);
        let page = self.get(&path).await?;
        let right = page["data"] == json!([]) && page["next_after"] == self.head;
        ensure(right, || format!("{path}: expected nothing after {}\ngot {page}", self.head))
    }

    fn events_by_position(&self) -> BTreeMap<u64, (Uuid, Event)> {
        let of = |stream: &Stream| {
            let (order, events) = (stream.id, stream.events.clone().into_iter());
            events.map(move |event| (event.position, (order, event))).collect::<Vec<_>>()
        };
        self.world.0.values().flat_map(of).collect()
    }

    /// No projection lags, and none has parked a stream.
    async fn projections(&mut self) -> Checked {
        let path = "/v1/projections";
        let got = self.get(path).await?;
        let all = got.as_array().cloned().unwrap_or_default();
        ensure(!all.is_empty(), || format!("{path}: expected projections\ngot {got}"))?;
        for one in all {
            let right = one["state"] == "live"
                && one["position"] == self.head
                && one["head"] == self.head
                && one["lag_events"] == 0
                && one["lag_ms"] == 0
                && one["parked_streams"] == 0
                && one["rebuild"].is_null();
            ensure(right, || {
                format!("{path}: expected {} applied, nothing parked\ngot {one}", self.head)
            })?;
        }
        Ok(())
    }

    async fn customers(&mut self) -> Checked {
        let all = self.world.at(None);
        for id in generate::shared().0 {
            let path = format!("/v1/customers/{id}");
            let got = self.get_if(&path).await?;
            figures::customer(&all, &id, got.as_ref()).map_err(Self::at(&path))?;
        }
        Ok(())
    }

    async fn products(&mut self) -> Checked {
        let all = self.world.at(None);
        for id in generate::shared().1 {
            let path = format!("/v1/products/{id}");
            let got = self.get_if(&path).await?;
            figures::product(&all, &id, got.as_ref()).map_err(Self::at(&path))?;
        }
        let currency = self.rng.chance(70).then(|| generate::live_currency(self.rng));
        let sort = if currency.is_some() && self.rng.chance(50) { "-revenue" } else { "-units" };
        let named = currency.map(|currency| format!("&currency={currency}")).unwrap_or_default();
        let path = format!("/v1/products?sort={sort}{named}");
        self.journal.step(&format!("quiet: GET {path} at {}", self.head));
        let Self { door, rng, .. } = self;
        let got = door.pages(&path, self.head, || 1 + rng.below(10)).await?;
        figures::best_sellers(&all, currency, sort, &got).map_err(Self::at(&path))
    }

    /// The reports, at present or in the past.
    async fn counts_and_sales(&mut self, as_of: Option<Time>) -> Checked {
        let as_of = as_of.filter(|at| *at <= Utc::now());
        let all = self.world.at(as_of);
        let then = as_of.map(|at| format!("as_of={}", wire(at))).unwrap_or_default();
        let path = format!("/v1/reports/status-counts?{then}");
        let got = self.get(path.trim_end_matches('?')).await?;
        figures::status_counts(&all, &got).map_err(Self::at(&path))?;
        if let Some(at) = as_of {
            ensure(got["as_of"] == wire(at), || format!("{path}: expected as_of {at}\ngot {got}"))?;
        }
        for interval in ["day", "month"] {
            let (from, to) = self.days();
            let currency = self.rng.chance(30).then(|| *self.rng.pick(&LIVE));
            let (from, to) = (from.as_deref(), to.as_deref());
            let asked = Sales { interval, from, to, currency, as_of };
            let path = format!("/v1/reports/sales?{}", asked.query());
            let got = self.get(&path).await?;
            figures::sales(&all, &asked, &got).map_err(Self::at(&path))?;
        }
        Ok(())
    }

    /// Two of the days on which something happened, or no bound.
    fn days(&mut self) -> (Option<String>, Option<String>) {
        let moments = self.world.moments();
        let day = |rng: &mut Rng| {
            let moment = (!moments.is_empty() && rng.chance(35)).then(|| *rng.pick(&moments));
            moment.map(|moment| wire(moment)[..10].to_owned())
        };
        let (from, to) = (day(self.rng), day(self.rng));
        match (&from, &to) {
            (Some(a), Some(b)) if a > b => (to, from),
            _ => (from, to),
        }
    }
}
