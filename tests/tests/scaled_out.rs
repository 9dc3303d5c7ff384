//! The scaled-out system, started by the script that people use. An order walks through it, tokens mean the same in
//! every service, one of each kind may be killed, rights are no wider than needed, and no process outlives `stop`.

#![allow(clippy::unwrap_used, missing_docs)]

use rig::rng::Rng;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use system_tests::client::Client;
use system_tests::load::{Load, Unanswered};
use system_tests::program::Program;
use system_tests::{checker, orders, system};
use tempfile::TempDir;

/// The services of which there are two.
const KINDS: [&str; 4] = ["command-service", "relay", "projector", "query-service"];
/// Orders for which a view is requested at once, with the answer's token.
const ORDERS: usize = 20;

/// A private system, ended when dropped.
struct Started {
    state: TempDir,
    commands: String,
    views: String,
}

impl Started {
    fn new() -> Self {
        let mut started =
            Self { state: TempDir::new().unwrap(), commands: String::new(), views: String::new() };
        started.start();
        started
    }

    fn start(&mut self) {
        let output = self.script(&["start"]);
        assert!(output.status.success(), "{}", words(&output));
        let said = words(&output);
        let address = |what: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(what));
            line.unwrap_or_else(|| panic!("no {what:?} in {said}")).to_owned()
        };
        self.commands = address("commands on ");
        self.views = address("views on ");
    }

    fn script(&self, verb: &[&str]) -> Output {
        let mut command = Command::new(system::script("scaled-out"));
        command.args(verb).env("ORDERLOG_STATE", self.state.path());
        command.env("ORDERLOG_PROGRAMS", Program::folder()).env_remove("ORDERLOG_BACKENDS");
        command.output().unwrap()
    }

    fn file(&self, path: &str) -> PathBuf {
        self.state.path().join(path)
    }

    /// Every process by its name, including those of PostgreSQL and Kafka.
    fn processes(&self) -> BTreeMap<String, u32> {
        let first_number = |file: &Path| {
            let text = std::fs::read_to_string(file).unwrap();
            text.split_whitespace().next().unwrap().parse().unwrap()
        };
        let mut processes = BTreeMap::from([
            (
                "postgres".to_owned(),
                first_number(&self.file("backends/postgres/data/postmaster.pid")),
            ),
            ("kafka".to_owned(), first_number(&self.file("backends/kafka/broker.pid"))),
        ]);
        for entry in std::fs::read_dir(self.file("pids")).unwrap() {
            let entry = entry.unwrap();
            processes.insert(entry.file_name().into_string().unwrap(), first_number(&entry.path()));
        }
        for worker in children(processes["nginx"]) {
            processes.insert(format!("nginx worker {worker}"), worker);
        }
        processes
    }

    /// The address of a process.
    fn address(&self, name: &str) -> String {
        let log = std::fs::read_to_string(self.file(&format!("log/{name}.log"))).unwrap();
        let line = log.lines().find_map(|line| line.strip_prefix("listening on "));
        line.unwrap().trim_end_matches('/').to_owned()
    }

    /// A connection with the rights of a role.
    async fn connect(&self, role: &str, password: &str, database: &str) -> PgConnection {
        let settings = std::fs::read_to_string(self.file("backends/settings")).unwrap();
        let value = |name: &str| {
            let found = settings.lines().find_map(|line| line.split_once(&format!("{name}=")));
            found.unwrap().1.to_owned()
        };
        let (port, password) = (value("POSTGRES_PORT"), value(password));
        let url = format!("postgres://{role}:{password}@127.0.0.1:{port}/orderlog_{database}");
        PgConnection::connect(&url).await.unwrap()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let ended = self.script(&["stop", "kill"]);
        if let Ok(elsewhere) = std::fs::read_link(self.file("backends/postgres")) {
            let _ = std::fs::remove_dir_all(elsewhere);
        }
        assert!(ended.status.success() || std::thread::panicking(), "{}", words(&ended));
    }
}

fn words(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat()
}

/// Whether the process runs; a zombie does not.
fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn children(pid: u32) -> Vec<u32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    children.unwrap_or_default().split_whitespace().map(|child| child.parse().unwrap()).collect()
}

fn can_run() -> bool {
    let ready = Command::new(system::script("components")).arg("--ready").status().unwrap();
    if !ready.success() {
        println!("NOT TESTED: the scaled-out system; scripts/components says what is missing");
    }
    ready.success()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_system_serves_goes_on_when_one_of_each_dies_and_leaves_nothing_behind() {
    if !can_run() {
        return;
    }
    let mut system = Started::new();
    let again = system.script(&["start"]);
    assert!(!again.status.success() && words(&again).contains("runs already"), "{}", words(&again));
    tokens_mean_the_same_everywhere(&system).await;
    rights_are_no_wider_than_needed(&system).await;
    one_of_each_may_die(&system).await;
    let verified = system.script(&["orderlog", "verify"]);
    assert!(verified.status.success(), "{}", words(&verified));
    what_a_crashed_start_left_is_cleaned(&mut system).await;
    stop_leaves_nothing(&system);
}

async fn tokens_mean_the_same_everywhere(system: &Started) {
    let (write, entry) =
        (Client::checked(&system.commands).await, Client::checked(&system.views).await);
    let (order, placed) = orders::place(&write, "walker").await;
    let path = format!("/v1/orders/{order}");
    assert_eq!(entry.get_at(&path, placed.token()).await.ok()["status"], "placed");
    orders::apply(&write, order, &orders::until_delivery()).await;
    let last = orders::command(&write, order, "deliver", json!({"shipment_id": "ship-1"})).await;
    let shown = entry.get_at(&path, last.token()).await;
    assert_eq!(shown.ok()["status"], "completed");
    assert_eq!(shown.header("ETag"), last.header("ETag"));

    let [first, second] = [1, 2].map(|number| system.address(&format!("query-service-{number}")));
    for service in [Client::unchecked(&first), Client::unchecked(&second), entry] {
        for _ in 0..ORDERS {
            let (order, placed) = orders::place(&write, "token").await;
            let shown = service.get_at(&format!("/v1/orders/{order}"), placed.token()).await;
            assert_eq!(shown.ok()["version"], 1);
            assert!(shown.token() >= placed.token());
        }
    }
}

async fn rights_are_no_wider_than_needed(system: &Started) {
    let mut append = system.connect("orderlog_append", "ORDERLOG_APPEND_PASSWORD", "log").await;
    let mut relay = system.connect("orderlog_relay", "ORDERLOG_RELAY_PASSWORD", "log").await;
    let mut read = system.connect("orderlog_read", "ORDERLOG_READ_PASSWORD", "log").await;
    let mut query = system.connect("orderlog_query", "ORDERLOG_QUERY_PASSWORD", "views").await;
    for (role, connection, statements) in [
        (
            "append",
            &mut append,
            &[
                "UPDATE event_store.events SET actor = 'x'",
                "DELETE FROM event_store.events",
                "TRUNCATE event_store.events",
                "ALTER TABLE event_store.events DISABLE TRIGGER ALL",
                "UPDATE event_store.leases SET epoch = epoch + 1",
            ][..],
        ),
        (
            "relay",
            &mut relay,
            &["DELETE FROM event_store.events", "UPDATE event_store.log_head SET position = 1"],
        ),
        (
            "read",
            &mut read,
            &["INSERT INTO event_store.snapshots SELECT * FROM event_store.snapshots"],
        ),
        ("query", &mut query, &["DELETE FROM orders", "CREATE TABLE mine (id int)"]),
    ] {
        for statement in statements {
            let refused = sqlx::query(*statement).execute(&mut *connection).await;
            let refused = refused.expect_err(&format!("{role} may {statement}"));
            let code = refused.as_database_error().and_then(|error| error.code().map(String::from));
            assert_eq!(code.as_deref(), Some("42501"), "{role}: {statement}: {refused}");
        }
    }
}

async fn one_of_each_may_die(system: &Started) {
    let mut rng = Rng::printed("one of each");
    let views = Client::unchecked(&system.views);
    let before = checker::head(&Client::unchecked(&system.commands)).await;
    let mut load = Load::start(&system.commands, 4, Unanswered::Repeat, &mut rng);
    for kind in KINDS {
        load.progress(40).await;
        let pid = system.processes()[&format!("{kind}-1")];
        assert!(Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap().success());
        load.progress(40).await;
        let write = Client::unchecked(&system.commands);
        let (order, placed) = orders::place(&write, "survivor").await;
        let shown = views.get_at(&format!("/v1/orders/{order}"), placed.token()).await;
        assert_eq!(shown.status, 200, "without one {kind}: {}", shown.text());
    }
    let accepted = load.finish().await;
    let head = checker::head(&Client::unchecked(&system.commands)).await;
    let events = checker::read_log(&views, head).await;
    assert_eq!(events.len() as u64, head);
    checker::is_whole(&events);
    checker::holds_every_answer(&events, &accepted);
    checker::has_no_command_twice(&events);
    let answered: usize =
        accepted.iter().map(|a| a.json()["events"].as_array().unwrap().len()).sum();
    let survivors = KINDS.len() as u64;
    assert_eq!(head - before, answered as u64 + survivors, "an event is stored but in no answer");
    let status = system.script(&["status"]);
    assert!(words(&status).contains("relay-1: ended") && !status.status.success());
}

async fn what_a_crashed_start_left_is_cleaned(system: &mut Started) {
    let left = system.processes();
    // A start makes this file last.
    std::fs::remove_file(system.file("ready")).unwrap();
    system.start();
    for (name, pid) in left.iter().filter(|(name, _)| *name != "postgres" && *name != "kafka") {
        assert!(!lives(*pid), "{name} was left");
    }
    let all = Client::unchecked(&system.views).get("/v1/customers/walker").await.ok();
    assert_eq!(all["orders"], 1, "the data stays");
}

fn stop_leaves_nothing(system: &Started) {
    let processes = system.processes();
    assert_eq!(processes.len(), 13, "{processes:?}");
    let stopped = system.script(&["stop"]);
    assert!(stopped.status.success(), "{}", words(&stopped));
    for (name, pid) in processes {
        assert!(!lives(pid), "{name} outlived stop");
    }
    assert_eq!(system.script(&["status"]).status.code(), Some(3));
}
