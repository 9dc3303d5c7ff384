//! Measures orderlog on this machine, compared with the limits of the same machine in the same run.
//!
//! `cargo run --release -p bench -- [CASE …]` starts the real programs, drives them over HTTP, and prints a table. It
//! fails if an answered command is missing or duplicated. `--json` keeps the figures; `--page` writes them into the
//! documentation, with pictures.

mod audit;
mod case;
mod cases;
mod client;
mod machine;
mod options;
mod orders;
mod peer;
mod program;
mod reference;
mod report;
mod stats;

use clap::Parser;
use machine::Machine;
use options::Options;
use report::results::Results;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    if options.serve_reference {
        return reference::serve(options.keyed.as_deref()).await;
    }
    if !options.render {
        measure(&options).await?;
    }
    if let (Some(file), Some(page)) = (&options.json, &options.page) {
        report::document::refresh(page, &Results::read(file)?)?;
    }
    Ok(())
}

async fn measure(options: &Options) -> anyhow::Result<()> {
    let machine = Machine::look(&std::env::temp_dir())?;
    println!("{machine}\n\n{}", report::table::HEAD);
    let mut results = match &options.json {
        Some(file) if file.exists() => Results::read(file)?,
        _ => Results::of(machine.clone()),
    };
    results.machine = machine;
    for case in options.chosen() {
        results.put(cases::run(*case, options).await?);
        if let Some(file) = &options.json {
            results.write(file)?;
        }
    }
    Ok(())
}
