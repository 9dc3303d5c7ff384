//! Several commands to one order at the same moment. There must be an order of them in which every answer is right.

use crate::answer::{Checked, Window, check, json_of};
use crate::generate;
use crate::request::shown;
use crate::texts;
use crate::walker::Walker;
use chrono::{SubsecRound, Utc};
use oracle::ask::{Ask, Command, Condition};
use oracle::fact::Event;
use oracle::judge::{Keys, Right, judge};
use oracle::stream::Stream;
use system_tests::client::Answer;
use uuid::Uuid;

/// The most commands of one race: every order of them may have to be tried.
const RIVALS: u64 = 5;

/// A command, and its answer.
type Answered = (Command, Answer);

impl Walker {
    /// Races on one order; returns it.
    pub async fn race(&mut self) -> Checked<Option<Uuid>> {
        let Some(order) = self.some_order() else { return Ok(None) };
        let commands = self.rivals(order);
        for command in &commands {
            self.journal.step(&format!("racing: {}", shown(command)));
        }
        let from = Utc::now().trunc_subsecs(6);
        let Self { door, rng, .. } = self;
        let answers = door.race(rng, &commands).await?;
        let window = Window { from, to: Utc::now() };
        self.door.tally.races.one();
        let raced: Vec<Answered> = commands.into_iter().zip(answers).collect();
        let tells = |(command, answer): &Answered| {
            format!("{}\n  {} {}", shown(command), answer.status, answer.text())
        };
        let serial =
            serialized(&self.stream(order), &self.keys, &raced, window).ok_or_else(|| {
                let all: Vec<String> = raced.iter().map(tells).collect();
                format!(
                    "expected some order in which all of these are right, from version {}\ngot\n{}",
                    self.stream(order).version(),
                    all.join("\n")
                )
            })?;
        for (index, right) in serial {
            let (command, answer) = &raced[index];
            self.remember(command, answer);
            if let (Right::Done(facts), false) = (right, command.dry_run) {
                let stream = self.stream(order);
                self.learn(stream, &facts, answer, (window, command.correlation.as_deref()))
                    .await?;
            }
        }
        Ok(Some(order))
    }

    fn rivals(&mut self, order: Uuid) -> Vec<Command> {
        let version = self.streams[&order].version();
        let kind = self.rng.below(4);
        let twin = self.number();
        let mut commands: Vec<Command> = Vec::new();
        for _ in 0..2 + self.rng.below(RIVALS - 1) {
            let now = self.streams[&order].order().expect("it exists").clone();
            let ask = match kind {
                0 => Ask::Note { text: texts::note(&mut self.rng, 2_000) },
                _ => generate::next(&mut self.rng, &now),
            };
            let mut command = Command::plain(order, ask);
            match kind {
                0 | 1 => command.condition = Some(Condition::Tags(vec![(version, false)])),
                2 => command.key = Some(twin.clone()),
                _ => command.key = self.rng.chance(50).then(|| self.number()),
            }
            // Most twins are the same request.
            let same = self.rng.chance(80);
            if kind == 2 && !commands.is_empty() && same {
                command = commands[0].clone();
            }
            commands.push(command);
        }
        commands
    }
}

/// Finds an order of the commands in which every answer is right, by trying them all.
fn serialized(
    stream: &Stream,
    keys: &Keys,
    raced: &[Answered],
    window: Window,
) -> Option<Vec<(usize, Right)>> {
    let open = (0..raced.len()).collect();
    search((stream.clone(), keys.clone()), open, raced, window)
}

fn search(
    (stream, keys): (Stream, Keys),
    open: Vec<usize>,
    raced: &[Answered],
    window: Window,
) -> Option<Vec<(usize, Right)>> {
    if open.is_empty() {
        return Some(vec![]);
    }
    for &index in &open {
        let (command, answer) = &raced[index];
        let rest: Vec<usize> = open.iter().copied().filter(|other| *other != index).collect();
        if gave_up(command, answer, raced) {
            return search((stream, keys), rest, raced, window);
        }
        for right in judge(&stream, &keys, command, window.to) {
            if check(&stream, command, &right, (answer, window)).is_err() {
                continue;
            }
            let (mut stream, mut keys) = (stream.clone(), keys.clone());
            let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            keys.note(
                command,
                answer.status,
                body["code"].as_str().unwrap_or_default(),
                &answer.body,
            );
            moved(&mut stream, &right, answer, window);
            if let Some(found) = search((stream, keys), rest.clone(), raced, window) {
                return Some([vec![(index, right)], found].concat());
            }
        }
    }
    None
}

/// Refused because of the race itself: a twin is still running, or other commands kept winning.
fn gave_up(command: &Command, answer: &Answer, raced: &[Answered]) -> bool {
    if answer.status != 409 {
        return false;
    }
    let twins = raced.iter().filter(|(other, _)| other.key == command.key).count();
    let code = json_of(answer).unwrap_or_default()["code"].clone();
    code == "concurrent-update"
        || command.key.is_some() && twins > 1 && code == "request-in-progress"
}

fn moved(stream: &mut Stream, right: &Right, answer: &Answer, window: Window) {
    let Right::Done(facts) = right else { return };
    let body = json_of(answer).unwrap_or_default();
    for (fact, said) in facts.iter().zip(body["events"].as_array().into_iter().flatten()) {
        stream.push(Event {
            fact: fact.clone(),
            version: stream.version() + 1,
            position: said["position"].as_u64().unwrap_or(0),
            event_id: String::new(),
            occurred_at: window.to,
            recorded_at: window.to,
            correlation: None,
        });
    }
}
