//! `orderlog verify`: the log is whole, every stream folds, the views equal a fresh fold of the log.
//!
//! Each finding is one line that names the place. Exit code 1 when there is any.

use crate::settings::Settings;
use crate::storage::Storage;
use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use projector::Source;
use std::process::ExitCode;

/// Checks everything and prints what it found.
///
/// # Errors
/// When a storage cannot be read.
pub async fn verify(settings: &Settings) -> anyhow::Result<ExitCode> {
    let storage = Storage::open_to_read(settings).await?;
    let bar = bar("log");
    let log = storage.log.verify(|position, head| show(&bar, position, head)).await;
    bar.finish_and_clear();
    let log = log.context("cannot read the log")?;
    for defect in &log.defects {
        println!("log: {defect}");
    }
    if !log.defects.is_empty() {
        println!("the log is damaged; the views were not compared with it");
        return Ok(ExitCode::FAILURE);
    }
    println!("log: {} events, contiguous, every hash fits the one before", log.events);
    let sound = views(&storage).await?;
    storage.close().await;
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn views(storage: &Storage) -> anyhow::Result<bool> {
    let scratch = tempfile::Builder::new().prefix("orderlog-verify-").tempdir()?;
    let file = scratch.path().join("views.db");
    let source = Source::Log(storage.log.clone());
    let bar = bar("views");
    let progress = |position, target| show(&bar, position, target);
    let report = projector::verify_views(&source, &storage.views, &file, progress).await;
    bar.finish_and_clear();
    let report = report.context("cannot compare the views with a fresh fold")?;
    for finding in report.unfoldable.iter().chain(&report.differences) {
        println!("views: {finding}");
    }
    if report.is_sound() {
        println!("views: {} rows equal a fresh fold of {} events", report.rows, report.events);
    } else {
        println!("the views differ from the log; `orderlog --rebuild` makes them anew");
    }
    Ok(report.is_sound())
}

/// A bar on a terminal, nothing elsewhere.
fn bar(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:40} {human_pos}/{human_len}  {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style).with_message(what)
}

fn show(bar: &ProgressBar, position: u64, target: u64) {
    bar.set_length(target);
    bar.set_position(position);
}
