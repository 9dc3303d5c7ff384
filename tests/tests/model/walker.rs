//! A client with orders of its own: it sends random commands, and compares each answer and the views with the oracle.
//! No other client touches its orders, so every answer can be predicted.

use crate::answer::{Checked, Window, check};
use crate::door::Door;
use crate::generate;
use crate::journal::Journal;
use crate::line::Line;
use crate::request::{request, shown};
use crate::spoil::spoil;
use chrono::{SubsecRound, Utc};
use oracle::ask::{Ask, Command, Condition};
use oracle::fact::{Fact, Time};
use oracle::judge::{Keys, Right, Use, judge};
use oracle::stream::Stream;
use rig::rng::Rng;
use std::collections::{BTreeMap, BTreeSet};
use system_tests::client::Answer;
use uuid::Uuid;

/// Orders that get most of the commands.
const HOT: usize = 3;
/// Keyed requests that may be sent again.
const REMEMBERED: usize = 60;
/// Attempts of one keyed command.
const MAX_ATTEMPTS: usize = 600;

#[derive(Debug)]
pub struct Walker {
    pub number: u64,
    pub rng: Rng,
    pub door: Door,
    pub streams: BTreeMap<Uuid, Stream>,
    pub journal: Journal,
    pub keys: Keys,
    /// Orders in the order of their creation.
    pub orders: Vec<Uuid>,
    /// Keyed requests that were answered.
    pub sent: Vec<Command>,
    /// The ids of the lines that imports have applied.
    pub imported: BTreeSet<String>,
    /// Files that were imported.
    pub files: Vec<Vec<Line>>,
    used: u64,
}

impl Walker {
    pub fn new(number: u64, rng: Rng, door: Door) -> Self {
        Self {
            number,
            rng,
            door,
            streams: BTreeMap::new(),
            journal: Journal::default(),
            keys: Keys::default(),
            orders: vec![],
            sent: vec![],
            imported: BTreeSet::new(),
            files: vec![],
            used: 0,
        }
    }

    /// One step: a command, an import or a race, then a look at the views of it.
    pub async fn step(&mut self) -> Checked {
        let order = match self.rng.below(100) {
            0..=9 => self.import().await?,
            10..=15 if !self.door.in_storm() && !self.orders.is_empty() => self.race().await?,
            _ => {
                let command = self.next_command();
                self.perform(command).await?
            }
        };
        if let Some(order) = order.filter(|_| !self.rng.chance(25)) {
            self.look(order).await?;
        }
        Ok(())
    }

    /// A number that no other key, note or id of this walker has.
    pub fn number(&mut self) -> String {
        self.used += 1;
        format!("w{}-{}", self.number, self.used)
    }

    /// An existing order, most often one of the newest.
    pub fn some_order(&mut self) -> Option<Uuid> {
        let hot = self.orders.len().saturating_sub(HOT);
        match self.orders.is_empty() {
            true => None,
            false if self.rng.chance(60) => Some(*self.rng.pick(&self.orders[hot..])),
            false => Some(*self.rng.pick(&self.orders)),
        }
    }

    fn next_command(&mut self) -> Command {
        if self.rng.chance(8) && !self.sent.is_empty() {
            return self.again();
        }
        let order = self.some_order().filter(|_| !self.rng.chance(12));
        let mut command = match order.and_then(|order| self.streams[&order].order()) {
            Some(order_now) => {
                let ask = generate::next(&mut self.rng, order_now);
                Command::plain(order.expect("it was found"), ask)
            }
            None => self.beginning(),
        };
        if self.rng.chance(10) {
            spoil(&mut self.rng, &mut command);
        }
        if self.rng.chance(12) {
            command.dry_run = true;
        }
        self.condition(&mut command);
        self.identify(&mut command);
        command
    }

    /// The creation of an order: mostly a new one, sometimes under a used id; or a command to a missing order.
    fn beginning(&mut self) -> Command {
        let taken = self.rng.chance(10).then(|| self.some_order()).flatten();
        let order = taken.unwrap_or_else(|| self.rng.uuid());
        if self.rng.chance(4) && taken.is_none() {
            return Command::plain(order, Ask::Confirm);
        }
        let currency = generate::live_currency(&mut self.rng);
        let mut command =
            Command::plain(order, Ask::Create(generate::creation(&mut self.rng, currency)));
        if self.rng.chance(15) && taken.is_none() {
            // The server chooses the id; the request has a key, so that an unanswered one can be found again.
            command.order = Uuid::nil();
            command.body = command.ask.body().to_string();
            command.key = Some(self.number());
        }
        command
    }

    fn condition(&mut self, command: &mut Command) {
        if command.creates() || !self.rng.chance(20) {
            return;
        }
        let version = self.streams.get(&command.order).map_or(0, Stream::version);
        let stale = version.saturating_sub(1 + self.rng.below(2));
        let choice = self.rng.below(8);
        command.condition = Some(match choice {
            0 => Condition::Star,
            1 if stale > 0 => Condition::Tags(vec![(stale, false)]),
            2 => Condition::Tags(vec![(version + 1, false)]),
            4 => Condition::Tags(vec![(version + 7, false), (version.max(1), false)]),
            5 => Condition::Tags(vec![(version.max(1), true)]),
            6 => Condition::Tags(vec![(version + 7, false), (version + 8, false)]),
            7 => Condition::Tags(vec![(version.max(1), true), (version.max(1), false)]),
            _ => Condition::Tags(vec![(version.max(1), false)]),
        });
    }

    fn identify(&mut self, command: &mut Command) {
        if self.rng.chance(30) {
            command.correlation = Some(format!("walk-{}", self.number()));
        }
        if command.key.is_none() && !command.dry_run && self.rng.chance(50) {
            let kept: Vec<String> = self.keys.kept().cloned().collect();
            let reused = !kept.is_empty() && self.rng.chance(8);
            command.key = Some(if reused { self.rng.pick(&kept).clone() } else { self.number() });
        }
    }

    /// A request that was sent before, with the same key; or another one with a key that was left free.
    fn again(&mut self) -> Command {
        let mut command = self.rng.pick(&self.sent).clone();
        let key = command.key.clone().unwrap_or_default();
        let free = self.keys.get(&key).is_none();
        if free && self.rng.chance(70) {
            let fresh = match command.order.is_nil() {
                true => self.beginning(),
                false => Command::plain(command.order, command.ask.clone()),
            };
            command = Command { key: Some(key), ..fresh };
        }
        command.correlation = None;
        command
    }

    /// Sends a command until its outcome is known, and compares that with the oracle.
    pub async fn perform(&mut self, command: Command) -> Checked<Option<Uuid>> {
        self.journal.step(&shown(&command));
        let from = Utc::now().trunc_subsecs(6);
        let mut resent = command.key.is_some() && self.door.may_resend();
        for _ in 0..MAX_ATTEMPTS {
            let Some(answer) = self.send(&command).await? else {
                if command.key.is_none() && !command.dry_run && !command.creates() {
                    return self.settle(command, from).await;
                }
                resent = true;
                continue;
            };
            let running =
                resent && answer.status == 409 && answer.text().contains("request-in-progress");
            if running {
                continue;
            }
            let window = Window { from, to: Utc::now() };
            let taken = self.take(&command, &answer, window, resent).await;
            let order = taken.map_err(|why| {
                let known = self.known(command.order);
                let asked = shown(&command);
                format!("{asked}\n{why}\nanswer: {} {}\n{known}", answer.status, answer.text())
            })?;
            return Ok(Some(order).filter(|order| self.streams.contains_key(order)));
        }
        Err(format!("{} was never answered", shown(&command)))
    }

    /// The events of an order, for reports.
    fn known(&self, order: Uuid) -> String {
        let stream = self.stream(order);
        let events = stream
            .events
            .iter()
            .map(|event| format!("{} {} at {}", event.version, event.fact.name(), event.position));
        format!("known of {order}: {}", events.collect::<Vec<_>>().join(", "))
    }

    pub async fn send(&mut self, command: &Command) -> Checked<Option<Answer>> {
        self.door.tally.commands.one();
        let (path, headers) = request(command);
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let Self { door, rng, .. } = self;
        door.command(rng, &path, &headers, &command.body).await
    }

    /// The stream of an order; an empty one if there is none.
    pub fn stream(&self, order: Uuid) -> Stream {
        self.streams.get(&order).cloned().unwrap_or_else(|| Stream::empty(order))
    }

    /// Compares an answer with every right one, and learns its effect.
    async fn take(
        &mut self,
        command: &Command,
        answer: &Answer,
        window: Window,
        resent: bool,
    ) -> Checked<Uuid> {
        let stream = self.stream(command.order);
        let rights = judge(&stream, &self.keys, command, window.to);
        if resent && command.creates() && command.key.is_none() && stream.version() == 0 {
            let exists = answer.status == 409 && answer.text().contains("order-already-exists");
            if let (true, Some(Right::Done(facts))) = (exists, rights.first()) {
                self.door.tally.settled.one();
                return self
                    .find(command.order, std::slice::from_ref(facts), window)
                    .await
                    .map(|()| command.order);
            }
        }
        let right = self.right(&stream, command, &rights, (answer, window))?;
        let again = answer.header("Idempotent-Replayed").is_some();
        if again && !resent && !matches!(right, Right::Again(_)) {
            return Err("expected no replay: Idempotent-Replayed".to_owned());
        }
        self.remember(command, answer);
        match right {
            Right::Done(facts) if !command.dry_run => {
                self.door.tally.accepted.one();
                self.learn(stream, &facts, answer, (window, command.correlation.as_deref())).await
            }
            Right::Done(_) => Ok(self.counted(|tally| &tally.dry_runs, command.order)),
            Right::Refused(_) => Ok(self.counted(|tally| &tally.refused, command.order)),
            Right::Again(_) => Ok(self.counted(|tally| &tally.replays, command.order)),
        }
    }

    fn counted(
        &self,
        which: fn(&crate::tally::Tally) -> &crate::tally::Count,
        order: Uuid,
    ) -> Uuid {
        which(&self.door.tally).one();
        order
    }

    /// The right answer that was given; otherwise the objection of each right answer.
    fn right(
        &self,
        stream: &Stream,
        command: &Command,
        rights: &[Right],
        given: (&Answer, Window),
    ) -> Checked<Right> {
        let mut against = Vec::new();
        for right in rights {
            match check(stream, command, right, given) {
                Ok(()) => return Ok(right.clone()),
                Err(why) => against.push(format!("not {}: {why}", briefly(right))),
            }
        }
        Err(against.join("\n"))
    }

    /// Records the use of a key.
    pub fn remember(&mut self, command: &Command, answer: &Answer) {
        let Some(key) = &command.key else { return };
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let code = body["code"].as_str().unwrap_or_default();
        self.keys.note(command, answer.status, code, &answer.body);
        let useful = !matches!(self.keys.get(key), Some(Use::Unsaid)) && !command.dry_run;
        if useful && self.sent.len() < REMEMBERED {
            self.sent.push(command.clone());
        } else if useful {
            let index = usize::try_from(self.rng.below(REMEMBERED as u64)).expect("fits");
            self.sent[index] = command.clone();
        }
    }
}

fn briefly(right: &Right) -> String {
    match right {
        Right::Done(facts) => format!("{:?}", facts.iter().map(Fact::name).collect::<Vec<_>>()),
        Right::Refused(refusal) => format!("{} {}", refusal.status, refusal.code),
        Right::Again(kept) => format!("again {}", kept.status),
    }
}

/// A time that is not before the order's last event.
pub fn not_before(stream: &Stream, time: Time) -> Time {
    stream.last_time().map_or(time, |last| last.max(time))
}
