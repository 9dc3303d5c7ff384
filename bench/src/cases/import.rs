//! Import of a file of orders into a running server.

use crate::orders::create_body;
use crate::program::Program;
use crate::{Options, row};
use anyhow::Context;
use std::io::Write;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Orders in the file that the case makes when there is no real one.
const MADE_ORDERS: usize = 20_000;

pub(super) async fn run(options: &Options) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (file, name) = match &options.real_data {
        Some(folder) => (folder.join("online-retail.ndjson.gz"), "online-retail"),
        None => (make_orders(folder.path())?, "made two-line orders"),
    };
    let file = file.to_str().context("the file's path is not UTF-8")?;
    let (mut rates, mut seconds) = (Vec::new(), Vec::new());
    for _ in 0..options.runs {
        let program = Program::start().await?;
        let url = format!("http://{}", program.host);
        let took = program.run(&["import", file, "--url", &url]).await?.as_secs_f64();
        rates.push(MADE_ORDERS.max(lines(options)) as f64 / took);
        seconds.push(took);
    }
    row(&format!("import of {name}"), &rates, "commands/s");
    row(&format!("import of {name}, whole file"), &seconds, "s");
    Ok(())
}

/// Lines of the real file (19,959 orders and 100 cancellations); 0 when there is none.
fn lines(options: &Options) -> usize {
    options.real_data.as_ref().map_or(0, |_| 20_059)
}

fn make_orders(folder: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join("orders.ndjson");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
    for number in 0..MADE_ORDERS {
        let order_id = Uuid::now_v7();
        let body = create_body(order_id, number);
        let body = body.replacen(&format!(r#""order_id":"{order_id}","#), "", 1);
        writeln!(
            file,
            r#"{{"order_id":"{order_id}","at":"2024-01-01T00:00:00Z","command":"create","body":{body}}}"#
        )?;
    }
    file.flush()?;
    Ok(path)
}
