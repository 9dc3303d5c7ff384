//! What only the log can say of an event (its id, its positions, its times) is learned from it once. It is bounded by
//! what is known: when the command was sent and answered, or the time of its import.
//!
//! If a storm took the answer, the log also says whether the command took effect.

use crate::answer::{Checked, Window, ensure, json_of, token};
use crate::request::shown;
use crate::walker::Walker;
use oracle::ask::{Ask, Command};
use oracle::fact::{Event, Fact, Time, read_time};
use oracle::judge::{Right, judge};
use oracle::stream::Stream;
use serde_json::Value;
use system_tests::client::Answer;
use uuid::Uuid;

/// Events on a page of a history, at random up to this.
const LONGEST_PAGE: u64 = 200;

/// When a learned event must have happened.
#[derive(Debug, Clone, Copy)]
pub enum When {
    /// Between sending and answer.
    Live,
    /// At the time of the import.
    At(Time),
}

impl Walker {
    /// Learns the events of an accepted command; returns its order.
    pub async fn learn(
        &mut self,
        mut stream: Stream,
        facts: &[Fact],
        answer: &Answer,
        (window, correlation): (Window, Option<&str>),
    ) -> Checked<Uuid> {
        let body = json_of(answer)?;
        if stream.id.is_nil() {
            stream.id =
                serde_json::from_value(body["order_id"].clone()).map_err(|e| e.to_string())?;
            let made = stream.id.get_version_num();
            ensure(made == 7, || format!("expected an id of version 7\ngot version {made}"))?;
        }
        let (id, last) = (stream.id, token(answer)?);
        if facts.is_empty() {
            return Ok(id);
        }
        let path = format!("/v1/events?after={}&limit={}", last - facts.len() as u64, facts.len());
        let page = self.door.view(&path, last).await?;
        let page = json_of(&page)?;
        let events = page["data"].as_array().cloned().unwrap_or_default();
        ensure(events.len() == facts.len(), || {
            format!("{path}: expected every event\ngot {page}")
        })?;
        for ((event, fact), said) in
            events.iter().zip(facts).zip(body["events"].as_array().into_iter().flatten())
        {
            let event = from_feed(&stream, fact, event)?;
            within(&stream, &event, When::Live, window)?;
            let same = said["event_id"] == event.event_id && said["position"] == event.position;
            ensure(same, || {
                format!("{path}: expected the event of the answer {said}\ngot {event:?}")
            })?;
            ensure(correlation.is_none() || event.correlation.as_deref() == correlation, || {
                format!("expected the correlation id {correlation:?}\ngot {:?}", event.correlation)
            })?;
            stream.push(event);
        }
        self.own(stream);
        Ok(id)
    }

    /// Adds an order's stream.
    pub fn own(&mut self, stream: Stream) {
        if !self.streams.contains_key(&stream.id) {
            self.orders.push(stream.id);
        }
        self.streams.insert(stream.id, stream);
    }

    /// Finds out whether an unanswered command took effect, by a note that certainly comes after it. If the command is
    /// still on its way, the note has taken its version.
    pub async fn settle(&mut self, lost: Command, from: Time) -> Checked<Option<Uuid>> {
        let stream = self.stream(lost.order);
        let window = |to| Window { from, to };
        let rights = judge(&stream, &self.keys, &lost, chrono::Utc::now());
        let facts = rights.into_iter().find_map(|right| match right {
            Right::Done(facts) => Some(facts),
            _ => None,
        });
        let text = format!("settles {}", self.number());
        let mut fence = Command::plain(lost.order, Ask::Note { text: text.clone() });
        fence.key = Some(self.number());
        self.journal.step(&format!("unanswered; then {}", shown(&fence)));
        let mut answer = None;
        for _ in 0..600 {
            answer = self.send(&fence).await?;
            if answer.as_ref().is_some_and(|answer| !answer.text().contains("request-in-progress"))
            {
                break;
            }
        }
        let answer = answer.ok_or_else(|| format!("{} was never answered", shown(&fence)))?;
        self.remember(&fence, &answer);
        self.door.tally.settled.one();
        if stream.version() == 0 {
            ensure(answer.status == 404, || format!("expected 404\ngot {}", answer.text()))?;
            return Ok(None);
        }
        ensure(answer.status == 200, || format!("expected 200\ngot {}", answer.text()))?;
        let note = vec![Fact::Noted { text }];
        let mut ways = vec![note.clone()];
        ways.extend(facts.map(|facts| [facts, note].concat()));
        self.find(lost.order, &ways, window(chrono::Utc::now())).await?;
        Ok(Some(lost.order))
    }

    /// Reads an order's history; its new events must be one of these `ways`.
    pub async fn find(&mut self, order: Uuid, ways: &[Vec<Fact>], window: Window) -> Checked {
        let ways: Vec<Vec<(Fact, When)>> = ways
            .iter()
            .map(|facts| facts.iter().map(|fact| (fact.clone(), When::Live)).collect())
            .collect();
        let position = self.head().await?;
        self.adopt(order, &ways, position, window).await
    }

    pub async fn head(&mut self) -> Checked<u64> {
        let Self { door, rng, .. } = self;
        door.head(rng).await
    }

    /// As [`Walker::find`], at a position, and with the time at which each event happened.
    pub async fn adopt(
        &mut self,
        order: Uuid,
        ways: &[Vec<(Fact, When)>],
        position: u64,
        window: Window,
    ) -> Checked {
        let mut stream = self.stream(order);
        let history = self.history(order, position).await?;
        let known = stream.events.len();
        ensure(history.len() >= known, || {
            format!("history of {order}: expected {known} events at least")
        })?;
        let names: Vec<&str> = history[known..]
            .iter()
            .map(|event| event["type"].as_str().unwrap_or_default())
            .collect();
        let same = |way: &&Vec<(Fact, When)>| {
            way.len() == names.len()
                && way.iter().zip(&names).all(|((fact, _), name)| fact.name() == *name)
        };
        let way = ways.iter().find(same).ok_or_else(|| {
            let names_of = |way: &Vec<(Fact, When)>| {
                way.iter().map(|(fact, _)| fact.name()).collect::<Vec<_>>()
            };
            let expected: Vec<_> = ways.iter().map(names_of).collect();
            format!("history of {order}: after version {known} expected one of {expected:?}\ngot {names:?}")
        })?;
        for ((fact, when), event) in way.iter().zip(&history[known..]) {
            let event = from_history(&stream, fact, event)?;
            within(&stream, &event, *when, window)?;
            stream.push(event);
        }
        if stream.version() > 0 {
            self.own(stream);
        }
        Ok(())
    }

    /// Every event of an order, by pages of random lengths.
    pub async fn history(&mut self, order: Uuid, position: u64) -> Checked<Vec<Value>> {
        let path = format!("/v1/orders/{order}/history");
        let longest = if self.rng.chance(50) { 7 } else { LONGEST_PAGE };
        let Self { door, rng, .. } = self;
        door.pages(&path, position, || 1 + rng.below(longest)).await
    }
}

fn from_feed(stream: &Stream, fact: &Fact, event: &Value) -> Checked<Event> {
    let version = stream.version() + 1;
    let right = event["type"] == fact.name()
        && event["subject"] == format!("order/{}", stream.id)
        && event["streamversion"] == version
        && event["specversion"] == "1.0"
        && event["source"] == "/orderlog"
        && event["datacontenttype"] == "application/json"
        && event["data"].is_object();
    ensure(right, || format!("expected {} as version {version}\ngot {event}", fact.name()))?;
    let text = |member: &str| event[member].as_str().unwrap_or_default().to_owned();
    Ok(Event {
        fact: fact.clone(),
        version,
        position: text("sequence").parse().map_err(|_| format!("no sequence in {event}"))?,
        event_id: text("id"),
        occurred_at: read_time(&text("time"))?,
        recorded_at: read_time(&text("recordedtime"))?,
        correlation: event["correlationid"].as_str().map(str::to_owned),
    })
}

fn from_history(stream: &Stream, fact: &Fact, event: &Value) -> Checked<Event> {
    let version = stream.version() + 1;
    ensure(event["version"] == version, || format!("expected version {version}\ngot {event}"))?;
    let text = |member: &str| event[member].as_str().unwrap_or_default().to_owned();
    Ok(Event {
        fact: fact.clone(),
        version,
        position: event["position"].as_u64().ok_or_else(|| format!("no position in {event}"))?,
        event_id: text("event_id"),
        occurred_at: read_time(&text("occurred_at"))?,
        recorded_at: read_time(&text("recorded_at"))?,
        correlation: event["correlation_id"].as_str().map(str::to_owned),
    })
}

/// Times of an order never go back, and lie between the sending of the command and its answer.
fn within(stream: &Stream, event: &Event, when: When, window: Window) -> Checked {
    let least = stream.last_time().unwrap_or(window.from);
    let (from, to) = match when {
        When::Live => (least.max(window.from), least.max(window.to)),
        When::At(at) => (at, at),
    };
    let occurred = event.occurred_at;
    ensure(from <= occurred && occurred <= to, || {
        format!("expected occurred_at from {from} to {to}\ngot {occurred}: {event:?}")
    })?;
    let recorded = event.recorded_at;
    ensure(window.from <= recorded && recorded <= window.to, || {
        format!("expected recorded_at from {} to {}\ngot {recorded}", window.from, window.to)
    })?;
    let (after, above) =
        stream.events.last().map_or((event.recorded_at, 0), |e| (e.recorded_at, e.position));
    ensure(after <= recorded && above < event.position, || {
        format!("expected an event recorded after {after} and position {above}\ngot {event:?}")
    })
}
