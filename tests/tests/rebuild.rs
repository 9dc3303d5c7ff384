//! Rebuilds while a server works: killed half-way, started again, started twice; no reader notices.
//!
//! `ORDERLOG_REBUILD_COMMANDS` is the number of commands in the log (600).

#![allow(clippy::unwrap_used, missing_docs)]

use rig::rng::Rng;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use system_tests::client::Client;
use system_tests::load::{Load, Unanswered};
use system_tests::program::Program;
use system_tests::server::{Launch, Server};
use system_tests::views::everything;
use system_tests::{checker, size};
use tempfile::TempDir;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// The number of kills of a rebuild, each later than the one before.
const KILLS: u32 = 4;
/// The paths that the reader repeats.
const READ: [&str; 6] = [
    "/v1/orders?limit=20",
    "/v1/products?currency=USD&sort=-units",
    "/v1/reports/sales?interval=day",
    "/v1/reports/status-counts",
    "/v1/events?after=0&limit=10",
    "/v1/projections",
];

fn rebuild(data: &Path, names: &str) -> Launch {
    Launch::new(Program::Orderlog)
        .args([format!("--rebuild{names}").as_str(), "--data-dir"])
        .args([data])
}

async fn verify_passes(data: &Path) {
    let verify = Launch::new(Program::Orderlog).args(["verify", "--data-dir"]).args([data]);
    let output = verify.run().await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Reads views without pause; every answer must be a 200.
struct Reader {
    stop: CancellationToken,
    answers: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Reader {
    fn start(client: Client) -> Self {
        let (stop, answers) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
        let (stopped, counted) = (stop.clone(), Arc::clone(&answers));
        let task = tokio::spawn(async move {
            while !stopped.is_cancelled() {
                for path in READ {
                    client.get(path).await.ok();
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Self { stop, answers, task }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.expect("no GET failed while views were rebuilt");
        println!("{} GETs meanwhile, all 200", self.answers.load(Ordering::Relaxed));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_under_load_killed_resumed_and_started_twice_changes_nothing() {
    let mut rng = Rng::printed("rebuild");
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let client = server.client().await;
    let mut load = Load::start(server.base(), 8, Unanswered::Repeat, &mut rng);
    load.progress(size("ORDERLOG_REBUILD_COMMANDS", 600)).await;
    let reader = Reader::start(client.clone());
    for kill in 0..KILLS {
        let running = rebuild(data.path(), "").spawn();
        // The moment is the input: from the beginning of the rebuild to nearly its end.
        sleep_until(Instant::now() + Duration::from_millis(20 + 60 * u64::from(kill))).await;
        running.kill().await;
    }
    let resumed = rebuild(data.path(), "").run().await;
    assert!(resumed.status.success(), "{resumed:?}");
    let (one, other) = tokio::join!(rebuild(data.path(), "").run(), rebuild(data.path(), "").run());
    assert!(one.status.success() || other.status.success(), "{one:?} {other:?}");
    load.progress(50).await;
    load.finish().await;
    reader.stop().await;

    let head = checker::head(&client).await;
    let before = everything(&client, head).await;
    let named = rebuild(data.path(), "=orders,sales").run().await;
    assert!(named.status.success(), "{named:?}");
    let all = rebuild(data.path(), "").run().await;
    assert!(all.status.success(), "{all:?}");
    assert!(before == everything(&client, head).await, "a rebuild changed a view");
    server.stop().await;
    verify_passes(data.path()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_are_rebuilt_without_a_server_and_from_nothing() {
    let mut rng = Rng::printed("rebuild from nothing");
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let client = server.client().await;
    let mut load = Load::start(server.base(), 8, Unanswered::Repeat, &mut rng);
    load.progress(200).await;
    load.finish().await;
    let head = checker::head(&client).await;
    let before = everything(&client, head).await;
    server.stop().await;
    let alone = rebuild(data.path(), "").run().await;
    assert!(alone.status.success(), "{alone:?}");
    verify_passes(data.path()).await;

    for entry in std::fs::read_dir(data.path()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().starts_with("views.db") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    let server = Server::start(data.path()).await;
    let client = server.client().await;
    assert!(before == everything(&client, head).await, "new views differ");
    server.stop().await;
}

#[tokio::test]
async fn a_projection_that_is_not_there_is_refused_by_name() {
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let refused = rebuild(data.path(), "=orders,moods").run().await;
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("moods"), "{said}");
    server.stop().await;
}
