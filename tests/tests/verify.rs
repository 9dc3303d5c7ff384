//! `orderlog verify` passes on the files of a busy server, and names the place of a manual change.

#![allow(clippy::unwrap_used, missing_docs)]

use rig::rng::Rng;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use std::path::{Path, PathBuf};
use system_tests::load::{Load, Unanswered};
use system_tests::program::Program;
use system_tests::server::{Launch, Server};
use system_tests::{checker, size};
use tempfile::TempDir;

/// A manual change, its statements, and the text of the finding.
type Tampering = (&'static str, &'static [&'static str], &'static str);

const NO_UPDATE: &str = "DROP TRIGGER events_are_never_updated";
const NO_DELETE: &str = "DROP TRIGGER events_are_never_deleted";
const NO_REPLACE: &str = "DROP TRIGGER events_are_never_replaced";
const NO_HEAD: &str = "DROP TRIGGER log_head_is_the_last_event";
const CUT: &str = "DELETE FROM events WHERE position > (SELECT max(position) - 3 FROM events)";
const AGREE: &str = "UPDATE log_head SET position = (SELECT max(position) FROM events), \
                     hash = (SELECT hash FROM events ORDER BY position DESC LIMIT 1)";
const A_BYTE: &str = "UPDATE events SET payload = payload || ' ' WHERE position = 6";
const ONE_MORE: &str = "INSERT INTO events SELECT position + 1, stream_type, stream_id, partition_key, version + 1000, \
                        event_id, event_type, schema_version, occurred_at, recorded_at, correlation_id, causation_id, \
                        traceparent, actor, payload, hash FROM events ORDER BY position DESC LIMIT 1";

const TAMPERINGS: [Tampering; 10] = [
    ("a byte of a payload", &[NO_UPDATE, A_BYTE], "log: position 6 "),
    (
        "a time",
        &[NO_UPDATE, "UPDATE events SET occurred_at = occurred_at + 1 WHERE position = 7"],
        "log: position 7 ",
    ),
    (
        "a type",
        &[NO_UPDATE, "UPDATE events SET event_type = 'OrderExploded' WHERE position = 8"],
        "log: position 8 ",
    ),
    (
        "an actor",
        &[NO_UPDATE, "UPDATE events SET actor = 'nobody' WHERE position = 9"],
        "log: position 9 ",
    ),
    ("a row removed", &[NO_DELETE, "DELETE FROM events WHERE position = 10"], "log: position 10:"),
    (
        "the first row removed",
        &[NO_DELETE, "DELETE FROM events WHERE position = 1"],
        "log: position 1:",
    ),
    (
        "two rows swapped",
        &[
            NO_UPDATE,
            "UPDATE events SET position = -1 WHERE position = 11",
            "UPDATE events SET position = 11 WHERE position = 12",
            "UPDATE events SET position = 12 WHERE position = -1",
        ],
        "log: position 11 ",
    ),
    ("a row put in after the end", &[NO_REPLACE, ONE_MORE], "log: position "),
    ("the tail cut", &[NO_DELETE, CUT], "log: position "),
    // The chain cannot show this change; the views can, because they have applied more than the log holds.
    (
        "the tail cut and the head with it",
        &[NO_DELETE, CUT, NO_HEAD, AGREE],
        "the views were not made from this log: they have seen ",
    ),
];

const VIEW_TAMPERINGS: [(&str, &str); 9] = [
    (
        "orders",
        "UPDATE orders SET total = total + 1 WHERE order_id = (SELECT min(order_id) FROM orders)",
    ),
    ("orders", "DELETE FROM orders WHERE order_id = (SELECT max(order_id) FROM orders)"),
    ("order_versions", "UPDATE order_versions SET paid = paid + 1 WHERE version = 3"),
    ("history", "UPDATE history SET data = data || ' ' WHERE position = 5"),
    (
        "customers",
        "UPDATE customers SET orders = orders + 1 WHERE customer_id = (SELECT min(customer_id) FROM customers)",
    ),
    (
        "product_sales",
        "UPDATE product_sales SET revenue_low = revenue_low + 1 WHERE product_id = 'tea'",
    ),
    ("sales_days", "UPDATE sales_days SET units = units - 1"),
    ("log_hashes", "UPDATE log_hashes SET hash = zeroblob(32) WHERE place = 7"),
    (
        "order_notes",
        "INSERT INTO order_notes (order_id, version, note) VALUES (zeroblob(16), 1, '{}')",
    ),
];

async fn verify(folder: &Path) -> (Option<i32>, String) {
    let verify = Launch::new(Program::Orderlog).args(["verify", "--data-dir"]).args([folder]);
    let output = verify.run().await;
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output.status.code(), text)
}

/// The folder of a server that has worked for a while.
async fn used_folder() -> TempDir {
    let mut rng = Rng::printed("verify");
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let mut load = Load::start(server.base(), 8, Unanswered::Repeat, &mut rng);
    load.progress(size("ORDERLOG_VERIFY_COMMANDS", 300)).await;
    load.finish().await;
    let client = server.client().await;
    let head = checker::head(&client).await;
    client.get_at("/v1/events?after=0&limit=1", head).await.ok();
    client.get_at("/v1/orders?limit=1", head).await.ok();
    server.stop().await;
    data
}

/// A copy of the folder for one change: its files, without those of a running process.
fn copied(folder: &Path, to: &Path) -> PathBuf {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().contains(".db") {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
    to.to_owned()
}

async fn tamper(file: &Path, statements: &[&'static str]) {
    let url = format!("sqlite://{}", file.display());
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    let mut changed = 0;
    for statement in statements {
        changed = sqlx::query(AssertSqlSafe(*statement))
            .execute(&mut database)
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error}"))
            .rows_affected();
    }
    assert!(changed > 0, "{statements:?} changed nothing");
    database.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_passes_after_load_and_names_the_place_where_a_hand_has_been() {
    let folder = used_folder().await;
    let scratch = TempDir::new().unwrap();
    let (code, text) = verify(folder.path()).await;
    assert_eq!(code, Some(0), "{text}");
    for (number, (what, statements, finding)) in TAMPERINGS.into_iter().enumerate() {
        let copy = copied(folder.path(), &scratch.path().join(format!("log-{number}")));
        tamper(&copy.join("events.db"), statements).await;
        let (code, text) = verify(&copy).await;
        assert_eq!(code, Some(1), "{what}: {text}");
        let found = text.lines().find(|line| line.contains(finding));
        println!("{what}: {}", found.unwrap_or_else(|| panic!("{what}: no {finding:?} in {text}")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_row_that_differs_is_named_and_a_rebuild_mends_it() {
    let folder = used_folder().await;
    let scratch = TempDir::new().unwrap();
    for (number, (table, statement)) in VIEW_TAMPERINGS.into_iter().enumerate() {
        let copy = copied(folder.path(), &scratch.path().join(format!("view-{number}")));
        tamper(&copy.join("views.db"), &[statement]).await;
        let (code, text) = verify(&copy).await;
        assert_eq!(code, Some(1), "{table}: {text}");
        assert!(text.contains(table), "{table} is not named: {text}");
        println!("{}", text.lines().find(|line| line.contains(table)).unwrap_or_default());
        let rebuild =
            Launch::new(Program::Orderlog).args(["--rebuild", "--data-dir"]).args([&copy]);
        let output = rebuild.run().await;
        assert!(output.status.success(), "{output:?}");
        let (code, text) = verify(&copy).await;
        assert_eq!(code, Some(0), "after the rebuild: {text}");
    }
}
