//! One log on the reference and on the backends compared with it, and the handles that are open on it.
//!
//! Every step is made on all of them, the reference first; what they answer and where their logs end must be the same.

use crate::call::{self, Answer, Call};
use crate::scene::Scene;
use crate::steps::{HANDLES, Step};
use event_store::{Access, Capacities, EventStore, MemoryLog};
use rig::postgres::{Database, database_or_say};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use std::fmt;
use std::path::Path;
use tempfile::TempDir;

/// A folder in memory, on systems that have one: the test is about answers, not about disks.
const IN_MEMORY: &str = "/dev/shm";
/// So much of an answer is shown.
const SHOWN: usize = 3_000;
const ROWS: &str = "SELECT (SELECT COUNT(*) FROM events), (SELECT COUNT(*) FROM idempotency),
    (SELECT COUNT(*) FROM snapshots), (SELECT COUNT(*) FROM leases)";
/// Of the handle that checks what is stored: nothing is kept from one question to the next.
const COLD: Capacities = Capacities {
    known_streams: 0,
    tail_events: 0,
    tail_bytes: 0,
    bulk_statements: 0,
    sqlite_statements: 0,
    postgres_statements: 0,
};

/// Which backends are compared with the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    Sqlite,
    SqliteAndPostgres,
}

/// A backend's storage.
enum Backend {
    Sqlite(TempDir),
    Postgres(Database),
}

impl Backend {
    fn sqlite() -> Self {
        let folder = match Path::new(IN_MEMORY).is_dir() {
            true => tempfile::tempdir_in(IN_MEMORY),
            false => tempfile::tempdir(),
        };
        Self::Sqlite(folder.unwrap())
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    async fn open(&self, access: Access, capacities: Capacities) -> EventStore {
        let url = match self {
            Self::Sqlite(folder) => format!("sqlite://{}/events.db", folder.path().display()),
            Self::Postgres(database) => database.url(),
        };
        EventStore::open_with(&url, access, capacities).await.unwrap()
    }

    /// Events, answers, snapshots and leases, counted past the store.
    async fn rows(&self) -> (i64, i64, i64, i64) {
        match self {
            Self::Sqlite(folder) => {
                let options = SqliteConnectOptions::new().filename(folder.path().join("events.db"));
                let mut connection = options.connect().await.unwrap();
                let rows = sqlx::query_as(ROWS).fetch_one(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                rows
            }
            Self::Postgres(database) => {
                let url = format!("{}?options=-csearch_path%3Devent_store", database.url());
                let mut connection = PgConnection::connect(&url).await.unwrap();
                let rows = sqlx::query_as(ROWS).fetch_one(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                rows
            }
        }
    }

    /// Whether it may answer so, where the reference answers otherwise: PostgreSQL hints at the appends of other handles,
    /// too, when word of them comes.
    fn may_say(&self, reference: &Answer, answer: &Answer) -> bool {
        match (self, reference, answer) {
            (Self::Postgres(_), Answer::Hint(reference), Answer::Hint(hint)) => hint >= reference,
            _ => reference == answer,
        }
    }
}

/// One handle on each of the logs, the reference's first.
type Handle = Vec<EventStore>;

/// A handle that is open, or was closed.
struct Opened {
    stores: Handle,
    /// Whether the next sequence may go on with it.
    lasts: bool,
}

/// The log, everywhere.
pub struct World {
    reference: MemoryLog,
    backends: Vec<Backend>,
    handles: [Option<Opened>; HANDLES],
    cold: Handle,
    sequences: u32,
}

impl World {
    /// A log that is empty; `None`: there is no PostgreSQL here, and that was said.
    pub async fn new(compared: Compared) -> Option<Self> {
        let mut backends = vec![Backend::sqlite()];
        if compared == Compared::SqliteAndPostgres {
            let database = database_or_say("PostgreSQL's answers against the reference's");
            backends.push(Backend::Postgres(database.await?));
        }
        let reference = MemoryLog::default();
        let handles = [const { None }; HANDLES];
        let mut world = Self { reference, backends, handles, cold: Vec::new(), sequences: 0 };
        // Storage is created by who may write to it.
        world.handle(0).await;
        world.cold = world.open(Access::ReadOnly, COLD).await;
        Some(world)
    }

    /// Makes the steps, and looks at what is stored after them.
    ///
    /// # Errors
    /// What differs.
    pub async fn run(&mut self, steps: &[Step]) -> Result<(), String> {
        let observer = self.reference.open(Access::ReadOnly);
        self.let_go_of_handles().await;
        let start = self.reference.rows().events;
        let mut scene = Scene::new(observer, self.sequences);
        self.sequences += 1;
        for (number, step) in steps.iter().enumerate() {
            let made = self.make(&mut scene, step.clone()).await;
            made.map_err(|difference| format!("step {}: {difference}", number + 1))?;
        }
        self.compare_storage(start).await.map_err(|difference| format!("at the end: {difference}"))
    }

    /// Closes everything.
    pub async fn close(self) {
        for store in
            self.handles.iter().flatten().flat_map(|opened| &opened.stores).chain(&self.cold)
        {
            store.close().await;
        }
    }

    async fn make(&mut self, scene: &mut Scene, step: Step) -> Result<(), String> {
        match step {
            Step::Ask(handle, ask) => {
                let call = scene.call(ask).await;
                self.compare(handle, call).await?;
                self.compare(handle, Call::Head).await
            }
            Step::Close(handle) => {
                let opened = self.handle(handle).await;
                opened.lasts = false;
                for store in &opened.stores {
                    store.close().await;
                }
                Ok(())
            }
            Step::Open { handle, access, capacities, closed } => {
                let before = self.handles[handle].take();
                for store in before.iter().flat_map(|opened| &opened.stores).filter(|_| closed) {
                    store.close().await;
                }
                self.open_as(handle, access, capacities).await;
                Ok(())
            }
        }
    }

    async fn compare(&mut self, handle: usize, call: Call) -> Result<(), String> {
        self.handle(handle).await;
        let opened = self.handles[handle].as_ref().expect("it was opened");
        self.compare_on(&opened.stores, call).await
    }

    async fn compare_on(&self, handle: &Handle, call: Call) -> Result<(), String> {
        let expected = call::make(&handle[0], call.clone()).await;
        for (backend, store) in self.backends.iter().zip(&handle[1..]) {
            let answer = call::make(store, call.clone()).await;
            if !backend.may_say(&expected, &answer) {
                let (reference, name) = (shown(&expected), backend.name());
                let (call, answer) = (shown(&call), shown(&answer));
                return Err(format!("{call}\n  reference: {reference}\n  {name}: {answer}"));
            }
        }
        Ok(())
    }

    /// What is stored, as a handle finds it that has kept nothing, and as its rows are counted.
    async fn compare_storage(&mut self, start: u64) -> Result<(), String> {
        let rows = self.reference.rows();
        let signed = |number: u64| i64::try_from(number).expect("it is small");
        let expected = [rows.events, rows.answers, rows.snapshots, rows.leases].map(signed);
        for backend in &self.backends {
            let rows: [i64; 4] = backend.rows().await.into();
            if rows != expected {
                let name = backend.name();
                return Err(format!("rows: reference {expected:?}, {name} {rows:?}"));
            }
        }
        for call in [Call::Head, Call::ReadFeed(start, usize::MAX), Call::Verify] {
            self.compare_on(&self.cold, call).await?;
        }
        let report = self.cold[0].verify(|_, _| {}).await.expect("the reference answers");
        if !report.defects.is_empty() {
            return Err(format!("the reference is not sound: {report:?}"));
        }
        Ok(())
    }

    /// Every sequence opens its own handles, so that what it finds does not hang on the one before. On PostgreSQL that
    /// would cost more than all the rest: what still appends goes on, and grows older.
    async fn let_go_of_handles(&mut self) {
        let is_costly = |backend: &Backend| matches!(backend, Backend::Postgres(_));
        let lasting = self.backends.iter().any(is_costly);
        for place in &mut self.handles {
            let gone = place.take_if(|opened| !(lasting && opened.lasts));
            for store in gone.iter().flat_map(|opened| &opened.stores) {
                store.close().await;
            }
        }
    }

    async fn handle(&mut self, handle: usize) -> &mut Opened {
        if self.handles[handle].is_none() {
            self.open_as(handle, Access::ReadWrite, Capacities::default()).await;
        }
        self.handles[handle].as_mut().expect("it was opened just now")
    }

    async fn open_as(&mut self, handle: usize, access: Access, capacities: Capacities) {
        let stores = self.open(access, capacities).await;
        self.handles[handle] = Some(Opened { stores, lasts: access == Access::ReadWrite });
    }

    async fn open(&self, access: Access, capacities: Capacities) -> Handle {
        let mut handle = vec![self.reference.open(access)];
        for backend in &self.backends {
            handle.push(backend.open(access, capacities).await);
        }
        handle
    }
}

fn shown(what: &impl fmt::Debug) -> String {
    let text = format!("{what:?}");
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text,
    }
}
