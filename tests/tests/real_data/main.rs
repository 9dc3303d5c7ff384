//! Nineteen thousand real orders: imported on the command line, then every figure of the views is compared, cell by
//! cell, with one computed independently from the raw rows.
//!
//! Runs when `ORDERLOG_REAL_DATA` names the folder with `online-retail.ndjson.gz` and `online-retail.reference.json`.
//! Otherwise it prints that real data was not tested.

#![allow(clippy::unwrap_used, missing_docs)]

mod facts;
mod figures;
mod moments;

use facts::Facts;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use system_tests::checker;
use system_tests::client::Client;
use system_tests::program::Program;
use system_tests::server::{Launch, Server};
use tempfile::TempDir;

const FILE: &str = "online-retail.ndjson.gz";
const REFERENCE: &str = "online-retail.reference.json";

/// The input of every comparison.
pub struct Shop {
    pub client: Client,
    pub reference: Value,
    /// The facts of the import file, read without the system.
    pub facts: Facts,
    /// The whole log as served.
    pub events: Vec<Value>,
    pub head: u64,
}

impl Shop {
    pub async fn get(&self, path: &str) -> Value {
        self.client.get_at(path, self.head).await.ok()
    }
}

/// `12345` minor units of GBP as the wire has them: `123.45`.
pub fn pounds(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// The reverse of [`pounds`].
pub fn pence(amount: &Value) -> i64 {
    let text = amount.as_str().expect("an amount is a text");
    let (whole, fraction) = text.split_once('.').expect("GBP has two digits");
    assert_eq!(fraction.len(), 2, "{text}");
    whole.parse::<i64>().unwrap() * 100 + fraction.parse::<i64>().unwrap()
}

async fn import(file: &Path, base: &str) -> Value {
    let run = Launch::new(Program::Orderlog).args(["import"]).args([file]).args(["--url", base]);
    let output = run.run().await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    println!("{}", text.trim());
    let summary = text.lines().find_map(|line| serde_json::from_str::<Value>(line).ok());
    summary.expect("the import prints its summary")["summary"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_figure_equals_the_reference() {
    let Some(folder) = std::env::var_os("ORDERLOG_REAL_DATA").map(PathBuf::from) else {
        println!("NOT TESTED: real data, because ORDERLOG_REAL_DATA names no folder with {FILE}");
        return;
    };
    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let file = folder.join(FILE);
    let summary = import(&file, server.base()).await;
    let shop = open(&server, &folder).await;
    assert_eq!(shop.head, shop.reference["counts"]["events"].as_u64().unwrap());
    assert_eq!((&summary["applied"], &summary["failed"]), (&json!(shop.head), &json!(0)));
    checker::is_whole(&shop.events);
    everything(&shop).await;

    let again = import(&file, server.base()).await;
    assert_eq!((&again["unchanged"], &again["events"]), (&json!(shop.head), &json!(0)));
    assert_eq!(checker::head(&shop.client).await, shop.head, "a second import appends nothing");
    let rebuilt = Launch::on_storage(data.path(), "--rebuild").run().await;
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    everything(&shop).await;
    server.stop().await;
    let verify = Launch::on_storage(data.path(), "verify").run().await;
    assert!(verify.status.success(), "verify passes: {verify:?}");
}

async fn open(server: &Server, folder: &Path) -> Shop {
    let client = server.client().await;
    let head = checker::head(&client).await;
    let reference = std::fs::read(folder.join(REFERENCE)).unwrap();
    Shop {
        reference: serde_json::from_slice(&reference).unwrap(),
        facts: Facts::read(&folder.join(FILE)),
        events: checker::read_log(&client, head).await,
        client,
        head,
    }
}

/// Every section of the reference.
async fn everything(shop: &Shop) {
    let mut cells = figures::counts(shop).await;
    cells += figures::sales(shop).await;
    cells += figures::products(shop).await;
    cells += figures::customers(shop).await;
    cells += moments::figures_as_of(shop).await;
    cells += moments::orders_as_of(shop).await;
    println!("{cells} cells equal the reference");
}
