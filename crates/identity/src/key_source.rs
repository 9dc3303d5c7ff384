//! Where an issuer's keys come from, and how they stay current.
//!
//! One task reads them: at the start, at intervals, and when a token names a key that is not there. It keeps the last
//! good set while the source cannot be read. Unknown key ids cannot make it ask the issuer more often than
//! [`MIN_PAUSE`], however many tokens name them.

use crate::key_set::KeySet;
use server::Readiness;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::task::AbortOnDropHandle;

/// The pause between two readings of a file.
const FILE_EVERY: Duration = Duration::from_secs(2);
/// The pause between two readings of a URL that nobody asks for: a key that the issuer withdraws is refused after it.
const URL_EVERY: Duration = Duration::from_secs(300);
/// The pause between two readings after a failure.
const RETRY_EVERY: Duration = Duration::from_secs(5);
/// The shortest pause between two readings that tokens ask for.
pub const MIN_PAUSE: Duration = Duration::from_secs(2);
/// How long a token with an unknown key waits for a newer set.
const WAIT: Duration = Duration::from_secs(3);
/// How long the issuer may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// The most bytes of a set.
const MAX_BYTES: usize = 256 * 1024;

/// A file or a URL with a JSON Web Key Set.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A file, read again when it changes.
    File(PathBuf),
    /// An `https` URL; `http` on loopback only.
    Url(reqwest::Url),
}

/// Why keys could not be read. Names what to do; holds no key.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the keys of the token issuer cannot be read from {place}: {reason}")]
pub struct SourceError {
    place: String,
    reason: String,
}

impl KeySource {
    /// Reads `--auth-jwks FILE|URL`.
    ///
    /// # Errors
    /// When it is a URL without encryption to another machine.
    pub fn parse(given: &str) -> Result<Self, SourceError> {
        let url = match reqwest::Url::parse(given) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => url,
            _ => return Ok(Self::File(given.into())),
        };
        let host = url.host_str().unwrap_or_default();
        let is_here = host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse()
                .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        if url.scheme() == "http" && !is_here {
            let reason = "somebody in between could put in a key; write https".to_owned();
            return Err(SourceError { place: given.to_owned(), reason });
        }
        Ok(Self::Url(url))
    }

    fn every(&self) -> Duration {
        match self {
            Self::File(_) => FILE_EVERY,
            Self::Url(_) => URL_EVERY,
        }
    }

    fn place(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Url(url) => url.origin().ascii_serialization(),
        }
    }

    async fn read(&self, client: &reqwest::Client) -> Result<KeySet, SourceError> {
        let text = match self {
            Self::File(path) => tokio::fs::read(path).await.map_err(|error| error.to_string()),
            Self::Url(url) => fetch(client, url.clone()).await,
        };
        let parsed = text.and_then(|text| KeySet::parse(&text).map_err(|error| error.to_string()));
        parsed.map_err(|reason| SourceError { place: self.place(), reason })
    }
}

async fn fetch(client: &reqwest::Client, url: reqwest::Url) -> Result<Vec<u8>, String> {
    let failed = |error: reqwest::Error| error.without_url().to_string();
    let mut response = client.get(url).send().await.map_err(failed)?;
    if !response.status().is_success() {
        return Err(format!("it answers {}", response.status()));
    }
    let mut text = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(failed)? {
        if text.len() + piece.len() > MAX_BYTES {
            return Err(format!("it sends more than {MAX_BYTES} bytes"));
        }
        text.extend_from_slice(&piece);
    }
    Ok(text)
}

/// The newest set, with the count of sets before it.
#[derive(Clone, Default)]
pub struct Current {
    /// The keys.
    pub keys: Arc<KeySet>,
    /// Rises with each set that differs from the one before: what was checked with an older set is checked again.
    pub generation: u64,
    /// Rises with each reading, whatever it found.
    round: u64,
    /// Why the last reading failed.
    pub failed: Option<String>,
}

impl Current {
    /// Why no token can be checked; `None` while there are keys.
    fn missing(&self) -> Option<String> {
        let why = || self.failed.clone().unwrap_or_else(|| "no key was read yet".to_owned());
        self.keys.is_empty().then(why)
    }
}

/// The current keys of an issuer. The task behind it ends with the last handle.
#[derive(Clone)]
pub struct IssuerKeys {
    current: watch::Receiver<Current>,
    wanted: mpsc::Sender<()>,
    _task: Arc<AbortOnDropHandle<()>>,
}

impl IssuerKeys {
    /// Reads the keys once, and from then on in a task. A source that cannot be read is no error: there are no keys until
    /// it can, and [`Current::failed`] says so.
    pub async fn follow(source: KeySource) -> Self {
        let client = reqwest::Client::builder()
            .timeout(ANSWER_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap_or_default();
        let (sender, current) = watch::channel(Current::default());
        let (wanted, asked) = mpsc::channel(1);
        let mut reader = Reader { source, client, sender };
        reader.read().await;
        let task = tokio::spawn(reader.run(asked));
        Self { current, wanted, _task: Arc::new(AbortOnDropHandle::new(task)) }
    }

    /// The keys of a shared secret: they never change.
    pub fn fixed(keys: KeySet) -> Self {
        let (sender, current) =
            watch::channel(Current { keys: Arc::new(keys), ..Current::default() });
        let (wanted, mut asked) = mpsc::channel(1);
        let task = tokio::spawn(async move {
            while asked.recv().await.is_some() {
                sender.send_modify(|current| current.round += 1);
            }
        });
        Self { current, wanted, _task: Arc::new(AbortOnDropHandle::new(task)) }
    }

    /// The newest set.
    pub fn current(&self) -> Current {
        self.current.borrow().clone()
    }

    /// Reports in the readiness whether there are keys, until it drains.
    pub async fn watch(self, readiness: Readiness) {
        let (draining, mut current) = (readiness.draining(), self.current.clone());
        loop {
            let missing = current.borrow_and_update().missing();
            readiness.set("token-keys", missing.map_or(Ok(()), Err));
            let changed = tokio::select! {
                changed = current.changed() => changed.is_ok(),
                () = draining.cancelled() => false,
            };
            if !changed {
                return;
            }
        }
    }

    /// Waits, within a bound, for a reading that begins after this call, unless the last one is younger than
    /// [`MIN_PAUSE`].
    pub async fn newer(&self) -> Current {
        let mut current = self.current.clone();
        let round = current.borrow_and_update().round;
        // Full means that a reading is asked for already.
        let _ = self.wanted.try_send(());
        let _ = timeout(WAIT, current.wait_for(|current| current.round > round)).await;
        self.current()
    }
}

struct Reader {
    source: KeySource,
    client: reqwest::Client,
    sender: watch::Sender<Current>,
}

impl Reader {
    async fn run(mut self, mut asked: mpsc::Receiver<()>) {
        let mut last = Instant::now();
        loop {
            let failed = self.sender.borrow().failed.is_some();
            let pause = if failed { RETRY_EVERY } else { self.source.every() };
            let mut tick = interval(pause);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            tick.reset();
            tokio::select! {
                _ = tick.tick() => {}
                wanted = asked.recv() => match wanted {
                    None => return,
                    Some(()) if last.elapsed() < MIN_PAUSE => {
                        self.sender.send_modify(|current| current.round += 1);
                        continue;
                    }
                    Some(()) => {}
                },
            }
            self.read().await;
            last = Instant::now();
        }
    }

    async fn read(&mut self) {
        let read = self.source.read(&self.client).await;
        self.sender.send_modify(|current| {
            current.round += 1;
            match read {
                Ok(keys) => {
                    if keys != *current.keys {
                        current.generation += 1;
                        current.keys = Arc::new(keys);
                        tracing::info!(keys = current.keys.len(), "the token issuer's keys are read");
                    }
                    current.failed = None;
                }
                Err(error) => {
                    tracing::warn!(%error, "the token issuer's keys are not current; the last good ones stay");
                    current.failed = Some(error.to_string());
                }
            }
        });
    }
}

#[cfg(test)]
#[path = "key_source_tests.rs"]
mod tests;
