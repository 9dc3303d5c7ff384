//! command-service, projector and query-service as three processes over two SQLite files: the same walk, and tokens
//! with one meaning across processes.

#![allow(clippy::unwrap_used, missing_docs)]

use rig::rng::Rng;
use serde_json::json;
use std::path::Path;
use std::time::Duration;
use system_tests::client::Client;
use system_tests::load::{Load, Unanswered};
use system_tests::program::Program;
use system_tests::server::{Launch, Server};
use system_tests::{checker, orders};
use tempfile::TempDir;

fn url(data: &Path, file: &str) -> String {
    format!("sqlite://{}", data.join(file).display())
}

fn commands(data: &Path) -> Launch {
    let store = url(data, "events.db");
    Launch::new(Program::CommandService).args(["--listen", "127.0.0.1:0", "--event-store", &store])
}

fn projections(data: &Path) -> Launch {
    let (source, model) = (url(data, "events.db"), url(data, "views.db"));
    let listen = ["--listen", "127.0.0.1:0", "--source", &source, "--read-model", &model];
    Launch::new(Program::Projector).args(listen)
}

fn queries(data: &Path) -> Launch {
    let model = url(data, "views.db");
    Launch::new(Program::QueryService).args(["--listen", "127.0.0.1:0", "--read-model", &model])
}

struct Three {
    commands: Server,
    projections: Server,
    queries: Server,
}

impl Three {
    async fn start(data: &Path) -> Self {
        let commands = commands(data).serve().await;
        let projections = projections(data).serve().await;
        let queries = queries(data).serve().await;
        Self { commands, projections, queries }
    }

    async fn clients(&self) -> (Client, Client) {
        (self.commands.client().await, self.queries.client().await)
    }

    async fn stop(self) {
        self.commands.stop().await;
        self.projections.stop().await;
        self.queries.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_walks_through_three_processes() {
    let data = TempDir::new().unwrap();
    let three = Three::start(data.path()).await;
    let (write, read) = three.clients().await;
    let (order, placed) = orders::place(&write, "c-1").await;
    let path = format!("/v1/orders/{order}");
    assert_eq!(read.get_at(&path, placed.token()).await.ok()["status"], "placed");
    orders::apply(&write, order, &orders::until_delivery()).await;
    let last = orders::command(&write, order, "deliver", json!({"shipment_id": "ship-1"})).await;
    let shown = read.get_at(&path, last.token()).await;
    assert_eq!(shown.ok()["status"], "completed");
    assert_eq!(shown.header("ETag"), last.header("ETag"));
    assert!(shown.token() >= last.token());
    assert_eq!(read.get(&format!("{path}?version=1")).await.ok()["status"], "placed");
    assert_eq!(read.get("/v1/customers/c-1").await.ok()["orders"], 1);
    let events = checker::read_log(&read, last.token()).await;
    checker::is_whole(&events);
    assert_eq!(events.len(), 6);
    // Each service serves its own half.
    write.get(&path).await.problem(404, "not-found");
    for client in [&write, &read] {
        client.get("/readyz").await.ok();
    }
    three.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_process_may_be_killed_while_the_others_go_on() {
    let mut rng = Rng::printed("three processes");
    let data = TempDir::new().unwrap();
    let mut three = Three::start(data.path()).await;
    let mut load = Load::start(three.commands.base(), 8, Unanswered::Repeat, &mut rng);
    load.progress(50).await;
    three.projections.kill().await;
    load.progress(50).await;
    three.projections = projections(data.path()).serve().await;
    load.progress(20).await;
    three.commands.kill().await;
    three.queries.kill().await;
    three.commands = commands(data.path()).serve().await;
    load.moved_to(three.commands.base());
    three.queries = queries(data.path()).serve().await;
    load.progress(50).await;
    let accepted = load.finish().await;
    let (write, read) = three.clients().await;
    let events = checker::read_log(&read, checker::head(&write).await).await;
    checker::is_whole(&events);
    checker::holds_every_answer(&events, &accepted);
    checker::has_nothing_unanswered(&events, &accepted);
    three.stop().await;
    let verify = Launch::new(Program::Orderlog).args(["verify", "--data-dir"]).args([data.path()]);
    let output = verify.run().await;
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_query_service_waits_for_a_read_model_that_is_not_there_yet() {
    let data = TempDir::new().unwrap();
    let queries = queries(data.path()).serve().await;
    let read = queries.client().await;
    read.get("/healthz").await.ok();
    read.get("/readyz").await.problem(503, "unavailable");
    read.get("/v1/orders").await.problem(503, "unavailable");
    let commands = commands(data.path()).serve().await;
    let write = commands.client().await;
    let (order, placed) = orders::place(&write, "c").await;
    let projections = projections(data.path()).serve().await;
    let shown = loop {
        let answer = read.get_at(&format!("/v1/orders/{order}"), placed.token()).await;
        if answer.status != 503 {
            break answer;
        }
    };
    assert_eq!(shown.ok()["status"], "placed");
    let rebuilt = Launch::new(Program::Projector)
        .args([
            "--rebuild",
            "--source",
            &url(data.path(), "events.db"),
            "--read-model",
            &url(data.path(), "views.db"),
        ])
        .spawn();
    assert!(rebuilt.exit(Duration::from_secs(60)).await.success());
    for server in [queries, commands, projections] {
        server.stop().await;
    }
}
