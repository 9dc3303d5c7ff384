//! Everything that one seed drives.

pub mod group;
pub mod jobs;
pub mod log;
pub mod refused;
pub mod relays;
pub mod services;

use crate::account::Account;
use crate::chance::Chance;
use crate::trace::Trace;
use event_store::{Access, Capacities, EventStore, MemoryLog};
use group::{Group, MemberProcess};
use jobs::Job;
use log::{Backend, Log};
pub use oracle::Checked;
use read_model::ReadModel;
use refused::Refused;
use relay::simulation::SimulatedTopic;
use relays::RelayProcess;
use rig::postgres::database_or_say;
use services::Service;
use stage::{Actor, Arm, Hand, Verdict};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;
use tempfile::TempDir;

pub const PARTITIONS: u32 = 3;
/// When every seed begins: 2026-03-03, in microseconds.
pub const BEGINNING: i64 = 1_772_496_000_000_000;
/// The furthest that the wall clock is turned from its natural time, in microseconds.
const MAX_JUMP: i64 = 86_400_000_000;

/// The source of the projectors' events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    Log,
    Topic,
}

pub struct World {
    pub hand: Hand,
    pub chance: Chance,
    pub trace: Trace,
    pub log: Log,
    /// Reads the log for the checks and for the projectors.
    pub eye: EventStore,
    /// Another program, which appends to the same log.
    pub other: EventStore,
    pub folder: TempDir,
    pub model: ReadModel,
    pub topic: SimulatedTopic,
    pub services: Vec<Service>,
    pub relays: Vec<RelayProcess>,
    pub members: Vec<MemberProcess>,
    pub group: Group,
    pub job: Option<Job>,
    pub account: Account,
    pub away: bool,
    /// The refused rows: a kept generation may still have their events parked.
    pub refused: Vec<Refused>,
    /// What projectors follow.
    pub feed: Feed,
    pub counts: BTreeMap<String, u64>,
    actors: Actor,
    /// How far the wall clock has been turned.
    turned: i64,
    scratches: u64,
}

impl World {
    pub async fn open(seed: u64, backend: Backend) -> Self {
        let hand = Hand::take(BEGINNING);
        let mut chance = Chance::of(seed);
        let folder = tempfile::Builder::new().prefix("simulation-").tempdir_in(shelf()).unwrap();
        let log = match backend {
            Backend::Memory => Log::Memory(MemoryLog::default()),
            Backend::Sqlite => {
                std::fs::copy(templates().join("log.db"), folder.path().join("log.db")).unwrap();
                let url = format!("sqlite://{}", folder.path().join("log.db").display());
                Log::Stored(url, None)
            }
            Backend::Postgres => {
                let database = database_or_say("the simulation over PostgreSQL").await;
                let database = database.expect("there is a server to play on");
                Log::Stored(database.url(), Some(database))
            }
        };
        // The first handle on a PostgreSQL log creates its tables.
        let other = log.open(Access::ReadWrite, Capacities::default()).await;
        let eye = log.open(Access::ReadOnly, Capacities::default()).await;
        std::fs::copy(templates().join("views.db"), folder.path().join("views.db")).unwrap();
        let model = open_views(&folder.path().join("views.db")).await;
        let account = Account::new(&mut chance);
        let feed = if chance.percent(30) { Feed::Log } else { Feed::Topic };
        Self {
            hand,
            chance,
            trace: Trace::default(),
            log,
            eye,
            other,
            folder,
            model,
            topic: SimulatedTopic::new(PARTITIONS),
            services: Vec::new(),
            relays: Vec::new(),
            members: Vec::new(),
            group: Group::default(),
            job: None,
            account,
            away: false,
            refused: Vec::new(),
            feed,
            counts: BTreeMap::new(),
            actors: 0,
            turned: 0,
            scratches: 0,
        }
    }

    pub fn new_actor(&mut self) -> Actor {
        self.actors += 1;
        self.actors
    }

    pub fn count(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }

    pub fn note(&mut self, line: impl Into<String>) {
        self.trace.note(line.into());
    }

    /// The verdict for the next driven actor, if any: at one of these points, or at any.
    pub fn arm(&mut self, points: &[&'static str]) -> Option<Arm> {
        let verdict = match self.chance.below(100) {
            0..12 => Verdict::Fail,
            12..24 => Verdict::Wait,
            24..32 => Verdict::Die,
            _ => return None,
        };
        let point = self.chance.percent(60).then(|| self.chance.pick(points));
        let after = if point.is_some() { self.chance.below(2) } else { self.chance.below(7) };
        Some(Arm { point, after, verdict })
    }

    /// Time passes, for timers and the wall clock.
    pub async fn advance(&mut self, millis: u64) {
        self.hand.turn_clock(i64::try_from(millis).unwrap() * 1_000);
        tokio::time::advance(Duration::from_millis(millis)).await;
    }

    /// The wall clock jumps, within a day of its natural time.
    pub fn jump(&mut self) {
        let aim = i64::try_from(self.chance.below(2 * MAX_JUMP.unsigned_abs())).unwrap() - MAX_JUMP;
        self.hand.turn_clock(aim - self.turned);
        self.turned = aim;
        self.account.turned(server::clock::now());
        self.note(format!("the wall clock is {} s off", aim / 1_000_000));
        self.count("the wall clock jumps");
    }

    /// Opens the views' file again, like a new process.
    pub async fn reopen_views(&mut self) {
        self.model = open_views(&self.folder.path().join("views.db")).await;
    }

    /// Empty views in a new file.
    pub fn scratch(&mut self) -> PathBuf {
        self.scratches += 1;
        let path = self.folder.path().join(format!("scratch-{}.db", self.scratches));
        std::fs::copy(templates().join("views.db"), &path).unwrap();
        path
    }
}

pub async fn open_views(path: &Path) -> ReadModel {
    let url = format!("sqlite://{}", path.display());
    ReadModel::open(&url, read_model::Access::ReadWrite).await.unwrap()
}

/// The folder for files: in memory, if there is such a place.
fn shelf() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

/// Migrated storage, which is copied for each seed.
fn templates() -> &'static Path {
    static TEMPLATES: OnceLock<TempDir> = OnceLock::new();
    TEMPLATES
        .get_or_init(|| {
            let folder =
                tempfile::Builder::new().prefix("simulation-").tempdir_in(shelf()).unwrap();
            let path = folder.path().to_owned();
            let make = async move {
                let url = format!("sqlite://{}", path.join("log.db").display());
                EventStore::open(&url, Access::ReadWrite).await.unwrap().close().await;
                open_views(&path.join("views.db")).await.close().await;
            };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            std::thread::spawn(move || runtime.unwrap().block_on(make)).join().unwrap();
            folder
        })
        .path()
}
