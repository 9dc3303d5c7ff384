//! Imports: lines with their own times, out of business order between orders, some of which must be refused. Some files
//! are imported again; what they applied must then be unchanged.
//!
//! In a storm every line is one that must be applied, so that the file can be sent until it is answered.

use crate::answer::{Checked, Window, ensure};
use crate::generate;
use crate::learn::When;
use crate::line::Line;
use crate::spoil::spoil;
use crate::walker::{Walker, not_before};
use chrono::{Duration, NaiveDate, SubsecRound, TimeZone, Utc};
use oracle::ask::{Ask, Command};
use oracle::decide::Refusal;
use oracle::fact::{Event, Fact, Time, wire};
use oracle::judge::{Keys, Right, judge};
use oracle::money::BYGONE;
use oracle::stream::Stream;
use rig::rng::Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use system_tests::client::Answer;
use uuid::Uuid;

/// Days on which imported orders are placed: few, so that they meet in reports.
const DAYS: [(i32, u32, u32); 6] =
    [(2014, 12, 30), (2016, 12, 31), (2017, 1, 1), (2017, 11, 24), (2020, 2, 29), (2024, 6, 15)];
/// Files that may be imported again.
const REMEMBERED: usize = 10;
/// Attempts of one file.
const MAX_ATTEMPTS: usize = 600;

/// The expected outcome of a line.
#[derive(Debug, Clone)]
enum Fate {
    Applied,
    Unchanged,
    /// One of these refusals.
    Refused(Vec<Refusal>),
}

/// The expected effect of a file, computed before it is sent.
struct Plan {
    fates: Vec<Fate>,
    events: BTreeMap<Uuid, Vec<(Fact, When)>>,
}

impl Walker {
    /// Imports a file, new or again; returns one of its orders.
    pub async fn import(&mut self) -> Checked<Option<Uuid>> {
        let again = self.rng.chance(25) && !self.files.is_empty() && !self.door.in_storm();
        let lines = match again {
            true => self.rng.pick(&self.files).clone(),
            false => self.file(),
        };
        if lines.is_empty() {
            return Ok(None);
        }
        let plan = self.plan(&lines);
        let order = lines[0].command.order;
        let mut text = lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n");
        if self.rng.chance(20) {
            text.insert(0, '\u{feff}');
        }
        self.journal.step(&format!("import {text}"));
        let sent = self.send_file(&lines, &plan, &text).await;
        sent.map_err(|why| format!("import of\n{text}\n{why}"))?;
        if !again && self.files.len() < REMEMBERED {
            self.files.push(lines);
        }
        Ok(Some(order).filter(|order| self.streams.contains_key(order)))
    }

    async fn send_file(&mut self, lines: &[Line], plan: &Plan, text: &str) -> Checked {
        let from = Utc::now().trunc_subsecs(6);
        let mut resent = false;
        for _ in 0..MAX_ATTEMPTS {
            let Self { door, rng, .. } = self;
            let Some(answer) = door.import(rng, text).await? else {
                resent = true;
                continue;
            };
            self.door.tally.imports.one();
            self.door.tally.imported_lines.more(lines.len() as u64);
            let position = is_answer(lines, plan, &answer, resent)
                .map_err(|why| format!("{why}\nanswer: {} {}", answer.status, answer.text()))?;
            let window = Window { from, to: Utc::now() };
            for (order, events) in &plan.events {
                self.adopt(*order, std::slice::from_ref(events), position, window).await?;
            }
            let fates = lines.iter().zip(&plan.fates);
            let taken = fates.filter(|(_, fate)| !matches!(fate, Fate::Refused(_)));
            self.imported.extend(taken.map(|(line, _)| line.id.clone()));
            return Ok(());
        }
        Err("was never answered".to_owned())
    }

    /// Lines of one or two orders, in time order for each order.
    fn file(&mut self) -> Vec<Line> {
        let mut lines = Vec::new();
        for _ in 0..1 + self.rng.below(2) {
            let old = self.some_order().filter(|_| self.rng.chance(40));
            if old.is_some_and(|old| lines.iter().any(|line: &Line| line.command.order == old)) {
                continue;
            }
            let order = old.unwrap_or_else(|| self.rng.uuid());
            let mut stream = self.stream(order);
            let mut at = match old {
                Some(_) => not_before(&stream, stream.last_time().unwrap_or_default()),
                None => moment(&mut self.rng),
            };
            for _ in 0..1 + self.rng.below(7) {
                let line = self.line(&stream, at);
                let right = line.rights(&stream);
                if let [Right::Done(facts)] = right.as_slice() {
                    foretell(&mut stream, facts, line.at);
                    at = line.at + self.later(&stream, line.at);
                } else if self.door.in_storm() {
                    continue;
                }
                lines.push(line);
            }
        }
        lines
    }

    /// Some time later, but not in the future.
    fn later(&mut self, stream: &Stream, at: Time) -> Duration {
        let step = match self.rng.below(4) {
            0 => Duration::zero(),
            1 => Duration::microseconds(1),
            2 => Duration::hours(1 + i64::try_from(self.rng.below(40)).expect("small")),
            _ => Duration::seconds(i64::try_from(self.rng.below(90_000)).expect("small")),
        };
        let last = not_before(stream, at);
        if last + step > Utc::now() { Duration::zero() } else { step }
    }

    fn line(&mut self, stream: &Stream, at: Time) -> Line {
        let ask = match stream.order() {
            None => Ask::Create(generate::creation(&mut self.rng, currency_of(at))),
            // A repeated quantity may be recorded or not.
            Some(order) => match generate::next(&mut self.rng, order) {
                Ask::ChangeQuantity { .. } => Ask::Confirm,
                ask => ask,
            },
        };
        let mut command = Command::plain(stream.id, ask);
        command.body = command.ask.body().to_string();
        let calm = !self.door.in_storm();
        if calm && self.rng.chance(8) && stream.version() > 0 {
            spoil(&mut self.rng, &mut command);
            command.unreadable = false;
            if command.broken.is_empty() {
                command.body = command.ask.body().to_string();
            }
        }
        let at = match self.rng.below(30) {
            0 if calm => Utc::now().trunc_subsecs(0) + Duration::days(1),
            1 if calm => at - Duration::seconds(1),
            _ => at,
        };
        let body: Value = serde_json::from_str(&command.body).expect("a line holds JSON");
        let mut line = json!({"order_id": stream.id, "at": written(&mut self.rng, at),
            "command": command.ask.name(), "body": body});
        // A line that may be refused and sent again is identified by its text alone.
        let named = self.rng.chance(30);
        let id = named.then(|| self.number());
        if let Some(id) = &id {
            line["id"] = json!(id);
        }
        let text = line.to_string();
        Line { id: id.unwrap_or_else(|| text.clone()), text, command, at }
    }

    /// The expected outcome of each line, in turn.
    fn plan(&self, lines: &[Line]) -> Plan {
        let mut streams: BTreeMap<Uuid, Stream> = BTreeMap::new();
        let mut plan = Plan { fates: vec![], events: BTreeMap::new() };
        let mut known = self.imported.clone();
        for line in lines {
            let id = line.command.order;
            let stream = streams.entry(id).or_insert_with(|| self.stream(id));
            let mut rights = line.rights(stream);
            let fate = if known.contains(&line.id) {
                Fate::Unchanged
            } else if let [Right::Done(facts)] = rights.as_slice() {
                foretell(stream, facts, line.at);
                let events = facts.iter().map(|fact| (fact.clone(), When::At(line.at)));
                plan.events.entry(id).or_default().extend(events);
                known.insert(line.id.clone());
                if facts.is_empty() { Fate::Unchanged } else { Fate::Applied }
            } else {
                Fate::Refused(rights.drain(..).filter_map(refusal).collect())
            };
            plan.fates.push(fate);
        }
        plan
    }
}

fn refusal(right: Right) -> Option<Refusal> {
    match right {
        Right::Refused(refusal) => Some(refusal),
        _ => None,
    }
}

impl Line {
    /// The order's right answers; an impossible time is a broken field.
    fn rights(&self, stream: &Stream) -> Vec<Right> {
        let mut rights = judge(stream, &Keys::default(), &self.command, self.at);
        let early = stream.last_time().is_some_and(|last| self.at < last);
        if early || self.at > Utc::now() {
            rights.retain(|right| matches!(right, Right::Refused(_)));
            rights.push(Right::Refused(Refusal::new(422, "validation")));
        }
        rights
    }
}

/// Moves a scratch copy on; positions and ids do not matter.
fn foretell(stream: &mut Stream, facts: &[Fact], at: Time) {
    for fact in facts {
        stream.push(Event {
            fact: fact.clone(),
            version: stream.version() + 1,
            position: stream.position() + 1,
            event_id: String::new(),
            occurred_at: at,
            recorded_at: at,
            correlation: None,
        });
    }
}

/// A moment of one of the days; the first and the last moment of a day are as likely as others.
fn moment(rng: &mut Rng) -> Time {
    let (year, month, day) = *rng.pick(&DAYS);
    let date = NaiveDate::from_ymd_opt(year, month, day).expect("a day of the calendar");
    let midnight = Utc.from_utc_datetime(&date.and_hms_opt(0, 0, 0).expect("midnight"));
    midnight
        + match rng.below(5) {
            0 => Duration::zero(),
            1 => Duration::days(1) - Duration::microseconds(1),
            _ => Duration::microseconds(i64::try_from(rng.below(86_400_000_000)).expect("fits")),
        }
}

/// A currency in use then.
fn currency_of(at: Time) -> &'static str {
    use chrono::Datelike;
    let bygone = BYGONE.iter().find(|(_, year)| *year >= at.year());
    match bygone.filter(|_| at.timestamp() % 3 == 0) {
        Some((code, _)) => code,
        None => ["USD", "EUR", "JPY", "BHD"]
            [usize::try_from(at.timestamp().rem_euclid(4)).expect("small")],
    }
}

/// The same moment in one of the forms of RFC 3339.
fn written(rng: &mut Rng, at: Time) -> String {
    let whole = at.timestamp_subsec_nanos() == 0;
    match rng.below(5) {
        0 => (at + Duration::hours(2)).format("%Y-%m-%dT%H:%M:%S%.6f+02:00").to_string(),
        1 => (at - Duration::minutes(210)).format("%Y-%m-%dT%H:%M:%S%.6f-03:30").to_string(),
        // The last minute of a year may have 61 seconds; its leap second is the moment that follows it.
        2 if whole && wire(at).ends_with("-01-01T00:00:00.000000Z") => {
            (at - Duration::seconds(1)).format("%Y-%m-%dT23:59:60Z").to_string()
        }
        3 if whole => at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        _ => wire(at),
    }
}

/// Compares the answer with the plan; returns the position to read at.
fn is_answer(lines: &[Line], plan: &Plan, answer: &Answer, resent: bool) -> Checked<u64> {
    ensure(answer.status == 200, || "expected 200".to_owned())?;
    let said: Result<Vec<Value>, _> = answer.text().lines().map(serde_json::from_str).collect();
    let said = said.map_err(|error| format!("expected NDJSON: {error}"))?;
    let Some((summary, refused)) = said.split_last() else {
        return Err("expected a summary".into());
    };
    let mut refused = refused.iter();
    for ((fate, line), number) in plan.fates.iter().zip(lines).zip(1_u64..) {
        let Fate::Refused(refusals) = fate else { continue };
        let got = refused.next().ok_or_else(|| format!("expected a refusal of line {number}"))?;
        let problem = as_of_a_body(got["problem"].clone());
        let right = got["line"] == number
            && got["order_id"] == line.command.order.to_string()
            && refusals.iter().any(|refusal| refusal.is_told_by(&problem).is_ok());
        ensure(right, || {
            let codes: Vec<_> =
                refusals.iter().map(|refusal| (refusal.status, refusal.code)).collect();
            format!("expected line {number} to be refused with one of {codes:?}\ngot {got}")
        })?;
    }
    ensure(refused.next().is_none(), || "expected no more refusals".to_owned())?;
    let count = |of: fn(&Fate) -> bool| plan.fates.iter().filter(|fate| of(fate)).count();
    let summary = &summary["summary"];
    let (applied, unchanged) =
        (count(|f| matches!(f, Fate::Applied)), count(|f| matches!(f, Fate::Unchanged)));
    let mut expected = json!({"lines": lines.len(), "applied": applied, "unchanged": unchanged,
        "failed": count(|f| matches!(f, Fate::Refused(_))),
        "events": plan.events.values().map(Vec::len).sum::<usize>(),
        "position": summary["position"], "seconds": summary["seconds"]});
    if resent {
        // The lines that an unanswered attempt has applied are now unchanged.
        let sum =
            summary["applied"].as_u64().unwrap_or(0) + summary["unchanged"].as_u64().unwrap_or(0);
        ensure(sum == (applied + unchanged) as u64, || format!("expected {expected}"))?;
        for member in ["applied", "unchanged", "events"] {
            expected[member] = summary[member].clone();
        }
    }
    ensure(expected == *summary, || format!("expected {expected}\ngot {summary}"))?;
    summary["position"].as_u64().ok_or_else(|| "expected a position".to_owned())
}

/// The problem as if the line's body had been sent by itself: pointers begin there.
fn as_of_a_body(mut problem: Value) -> Value {
    for error in problem["errors"].as_array_mut().into_iter().flatten() {
        let within = error["pointer"].as_str().and_then(|pointer| pointer.strip_prefix("/body"));
        if let Some(within) = within {
            error["pointer"] = json!(within);
        }
    }
    problem
}
