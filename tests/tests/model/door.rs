//! The access to the system under test: its present address, and what to do without an answer.
//!
//! In a storm, servers are killed and started again. An unanswered request is then sent again, to the new address. In
//! calm weather every request must be answered.

use crate::answer::Checked;
use crate::lies::{Asked, Liar};
use crate::request::request;
use crate::tally::Tally;
use bytes::Bytes;
use futures::future::join_all;
use oracle::ask::Command;
use reqwest::Method;
use reqwest::header::HeaderMap;
use rig::rng::Rng;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use system_tests::client::{Answer, Client};
use system_tests::events::EventStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

/// How long a walker waits for a new address before it tries the same address again.
const RESTART_PATIENCE: Duration = Duration::from_millis(250);
/// Attempts of one request: longer than any restart.
const MAX_ATTEMPTS: usize = 600;
/// Concurrent imports that a server accepts.
const IMPORTS: usize = 2;

/// Clients of the programs that run now.
#[derive(Debug, Clone)]
pub struct Shop {
    pub writers: Vec<Client>,
    pub reader: Client,
}

/// What all walkers of a walk share.
#[derive(Debug, Clone)]
pub struct Door {
    shop: watch::Receiver<Arc<Shop>>,
    storm: Arc<AtomicBool>,
    imports: Arc<Semaphore>,
    liar: Option<Arc<Liar>>,
    /// Whether an entry point may resend keyed commands by itself.
    entry: bool,
    pub tally: Arc<Tally>,
}

/// The other side of a [`Door`].
#[derive(Debug)]
pub struct Keeper {
    shop: watch::Sender<Arc<Shop>>,
    storm: Arc<AtomicBool>,
}

impl Keeper {
    /// Sets the programs' new addresses.
    pub fn moved(&self, shop: Shop) {
        self.shop.send_replace(Arc::new(shop));
    }

    pub fn storm(&self, rages: bool) {
        self.storm.store(rages, Ordering::SeqCst);
    }
}

impl Door {
    pub fn open(
        (shop, entry): (Shop, bool),
        liar: Option<Arc<Liar>>,
        tally: Arc<Tally>,
    ) -> (Keeper, Self) {
        let (sender, receiver) = watch::channel(Arc::new(shop));
        let storm = Arc::new(AtomicBool::new(false));
        let keeper = Keeper { shop: sender, storm: Arc::clone(&storm) };
        (
            keeper,
            Self {
                shop: receiver,
                storm,
                imports: Arc::new(Semaphore::new(IMPORTS)),
                liar,
                entry,
                tally,
            },
        )
    }

    /// Whether servers may be killed at present.
    pub fn in_storm(&self) -> bool {
        self.storm.load(Ordering::SeqCst)
    }

    /// Whether an answer may be that to a second sending, by the entry point.
    pub fn may_resend(&self) -> bool {
        self.entry && self.in_storm()
    }

    /// Reads a view at this position, until it is answered.
    pub async fn view(&mut self, path: &str, position: u64) -> Checked<Answer> {
        self.view_with(path, position, &[]).await
    }

    /// As [`Door::view`], with headers.
    pub async fn view_with(
        &mut self,
        path: &str,
        position: u64,
        headers: &[(&str, &str)],
    ) -> Checked<Answer> {
        let position = position.to_string();
        let mut all = vec![("Consistency-Token", position.as_str()), ("Prefer", "wait=30")];
        all.extend(headers);
        for _ in 0..MAX_ATTEMPTS {
            let reader = self.shop.borrow().reader.clone();
            let sent = reader.send(Method::GET, path, &all, None).await;
            if let Some(answer) = self.answered(path, sent)? {
                self.tally.checks.one();
                return Ok(self.through((path, &Method::GET, &all, false), answer));
            }
            self.wait().await;
        }
        Err(format!("GET {path} was never answered"))
    }

    /// Sends a command once; `None` if a storm took the answer.
    pub async fn command(
        &mut self,
        rng: &mut Rng,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Checked<Option<Answer>> {
        let writer = rng.pick(&self.shop.borrow().writers).clone();
        let body = Bytes::from(body.to_owned());
        let sent = writer.send(Method::POST, path, headers, Some(body)).await;
        let answer = self.answered(path, sent)?;
        if answer.is_none() {
            self.tally.unanswered.one();
            self.wait().await;
        }
        Ok(answer.map(|answer| self.through((path, &Method::POST, headers, false), answer)))
    }

    /// Sends an import once; a server accepts few at a time.
    pub async fn import(&mut self, rng: &mut Rng, lines: &str) -> Checked<Option<Answer>> {
        let imports = Arc::clone(&self.imports);
        let _place = imports.acquire().await.expect("never closed");
        let typed = [("Content-Type", "application/x-ndjson")];
        let answer = self.command(rng, "/v1/import", &typed, lines).await?;
        // Other imports may still be running, or a stop has ended this one early: then it is sent again.
        let cut = |answer: &Answer| self.in_storm() && !answer.text().contains("\"summary\"");
        let again = answer.as_ref().is_some_and(|answer| answer.status == 503 || cut(answer));
        if again {
            self.wait().await;
        }
        Ok(answer.filter(|_| !again))
    }

    /// The answer, unless a storm took it.
    fn answered(
        &self,
        path: &str,
        sent: Result<Answer, reqwest::Error>,
    ) -> Checked<Option<Answer>> {
        match sent {
            // A stopping or half-started server says that it is unavailable; so does a server whose view is behind in a
            // storm.
            Ok(answer) if answer.status == 503 && self.in_storm() => Ok(None),
            Ok(answer) => Ok(Some(answer)),
            Err(_) if self.in_storm() => Ok(None),
            Err(error) => Err(format!("{path}: expected an answer\ngot {error:?}")),
        }
    }

    /// The answer as walkers receive it: of several `racing` requests, or of a single one.
    fn through(
        &self,
        (path, method, headers, racing): (&str, &Method, &[(&str, &str)], bool),
        answer: Answer,
    ) -> Answer {
        match &self.liar {
            Some(liar) => liar.twist(&Asked { path, method, headers, racing }, answer),
            None => answer,
        }
    }

    /// Sends commands at the same moment, each to some writer.
    pub async fn race(&self, rng: &mut Rng, commands: &[Command]) -> Checked<Vec<Answer>> {
        let sent = commands.iter().map(|command| {
            let writer = rng.pick(&self.shop.borrow().writers).clone();
            async move {
                let (path, headers) = request(command);
                let headers: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
                let body = Bytes::from(command.body.clone());
                let sent = writer.send(Method::POST, &path, &headers, Some(body)).await;
                sent.map(|answer| self.through((&path, &Method::POST, &headers, true), answer))
            }
        });
        let answers = join_all(sent.collect::<Vec<_>>()).await;
        self.tally.commands.more(commands.len() as u64);
        let answers: Result<Vec<_>, _> = answers.into_iter().collect();
        answers.map_err(|error| format!("a race: expected answers\ngot {error:?}"))
    }

    /// Opens the event stream after a position; `None` if a storm has taken the servers.
    pub async fn listen(&self, after: u64) -> Checked<Option<EventStream>> {
        let stormy = self.in_storm();
        let reader = self.shop.borrow().reader.clone();
        // The position goes by either of the two ways.
        let begun = match after.is_multiple_of(2) {
            true => {
                let last = after.to_string();
                reader.begin("/v1/events/stream", &[("Last-Event-ID", &last)]).await
            }
            false => reader.begin(&format!("/v1/events/stream?after={after}"), &[]).await,
        };
        let stormy = stormy || self.in_storm();
        match begun {
            Ok(response) if response.status() == 200 => Ok(Some(EventStream::new(response))),
            Ok(response) if response.status().is_server_error() && stormy => Ok(None),
            Ok(response) => Err(format!("expected a stream\ngot {}", response.status())),
            Err(_) if stormy => Ok(None),
            Err(error) => Err(format!("expected a stream\ngot {error:?}")),
        }
    }

    /// An event of the stream as walkers receive it; `None` if the liar holds it back.
    pub fn heard(&self, event: Value) -> Checked<Option<Value>> {
        if self.liar.is_none() {
            return Ok(Some(event));
        }
        let path = "/v1/events/stream";
        let (asked, headers) = (format!("GET {path}"), HeaderMap::new());
        let answer = Answer { asked, status: 200, headers, body: event.to_string().into() };
        let passed = self.through((path, &Method::GET, &[], false), answer);
        crate::answer::json_of(&passed).map(|event| (!event.is_null()).then_some(event))
    }

    /// Waits for a new address of the programs, or for a while.
    pub async fn wait(&mut self) {
        // Without a new address, the old one is tried again.
        let _ = timeout(RESTART_PATIENCE, self.shop.changed()).await;
    }

    /// The end of the log, from the answer to a dry run.
    pub async fn head(&mut self, rng: &mut Rng) -> Checked<u64> {
        let body = serde_json::json!({"customer": {"id": "probe"}, "currency": "USD", "draft": true,
            "lines": []});
        for _ in 0..MAX_ATTEMPTS {
            let sent = self.command(rng, "/v1/orders?dry_run=true", &[], &body.to_string()).await?;
            if let Some(answer) = sent {
                return crate::answer::token(&answer);
            }
        }
        Err("no dry run was ever answered".to_owned())
    }

    /// Every element of a list, page by page; `limit` gives the length of each page.
    pub async fn pages(
        &mut self,
        path: &str,
        position: u64,
        mut limit: impl FnMut() -> u64,
    ) -> Checked<Vec<Value>> {
        let join = if path.contains('?') { '&' } else { '?' };
        let (mut rows, mut cursor) = (Vec::new(), String::new());
        for _ in 0..MAX_PAGES {
            let limit = limit();
            let page = format!("{path}{join}limit={limit}{cursor}");
            let answer = self.view(&page, position).await?;
            if answer.status != 200 {
                return Err(format!(
                    "{page}: expected 200\ngot {} {}",
                    answer.status,
                    answer.text()
                ));
            }
            let body = crate::answer::json_of(&answer)?;
            let data = body["data"].as_array().cloned().unwrap_or_default();
            if data.len() as u64 > limit {
                return Err(format!("{page}: expected at most {limit}\ngot {}", data.len()));
            }
            rows.extend(data);
            match body["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(rows),
            }
        }
        Err(format!("{path} has no end"))
    }
}

/// More pages than any walk fills.
const MAX_PAGES: usize = 5_000;
