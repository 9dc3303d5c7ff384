//! `orderlog verify`: the log is whole, its sealed texts have their keys, every stream folds, the views equal a fresh fold of
//! the log.
//!
//! Each finding is one line that names the place; the exit code is 1 if there is any. Views that do not exist yet or
//! are behind the log are named, but are not a finding: existing views are compared at their own position.

use crate::checkpoints::{self, Signatures};
use crate::sealed_keys;
use crate::settings::{Settings, Verify};
use crate::stock_audit;
use crate::storage::{open_log_to_read, open_views_to_read};
use anyhow::Context;
use event_store::EventStore;
use indicatif::{ProgressBar, ProgressStyle};
use projector::{Registry, Source, ViewsReport};
use read_model::{Access, ReadModel};
use server::Output;
use std::path::Path;
use std::process::ExitCode;

/// Checks everything and prints what it found.
///
/// # Errors
/// When a storage cannot be read.
pub async fn verify(settings: &Settings, against: &Verify) -> anyhow::Result<ExitCode> {
    let kept = checkpoints::read(against)?;
    let log = open_log_to_read(settings).await?;
    let mut output = Output::default();
    // Also a log whose own chain is broken is compared with the checkpoints: they say from where on it is another.
    let whole = check_log(&log, &mut output).await?;
    let continues = checkpoints::check(&kept, Signatures::of(against), &log, &mut output).await?;
    let readable = !whole || sealed_keys::check(settings, &log, &mut output).await?;
    let sound = whole && check_views(settings, &log, &mut output).await? && continues && readable;
    let sells = whole && settings.checkout.policy().is_some();
    let sound = (!sells || stock_audit::check(&log, &mut output).await?) && sound;
    log.close().await;
    Ok(output.code("orderlog", if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }))
}

async fn check_log(log: &EventStore, output: &mut Output) -> anyhow::Result<bool> {
    let bar = bar("log");
    let report = log.verify(|position, head| show(&bar, position, head)).await;
    bar.finish_and_clear();
    let report = report.context("cannot read the log")?;
    for defect in &report.defects {
        output.line(format!("log: {defect}"));
    }
    if report.defects.is_empty() {
        let events = report.events;
        output.line(format!("log: {events} events, contiguous, every hash fits the one before"));
        return Ok(true);
    }
    output.line("the log is damaged; the views were not compared with it");
    Ok(false)
}

async fn check_views(
    settings: &Settings,
    log: &EventStore,
    output: &mut Output,
) -> anyhow::Result<bool> {
    let scratch = tempfile::Builder::new().prefix("orderlog-verify-").tempdir()?;
    let found = open_views_to_read(settings).await?;
    let is_there = found.is_some();
    // Without views every stream must still fold: empty views equal the fold of an empty log.
    let views = match found {
        Some(views) => views,
        None => open_scratch(&scratch.path().join("none.db")).await?,
    };
    let registry = settings.checkout.registry();
    let report = compare(log, registry, &views, &scratch.path().join("fresh.db")).await;
    views.close().await;
    let report = report.context("cannot compare the views with a fresh fold")?;
    for finding in report.unfoldable.iter().chain(&report.differences) {
        output.line(format!("views: {finding}"));
    }
    let (rows, events) = (report.rows, report.events);
    if !is_there {
        output.line(format!(
            "views: there are none; {events} events fold. A server or `orderlog --rebuild` makes them"
        ));
        return Ok(report.is_sound());
    }
    for behind in &report.behind {
        output.line(format!("views: {behind}; a server that runs brings them up to date"));
    }
    output.line(match (report.is_sound(), report.behind.is_empty()) {
        (true, true) => format!("views: {rows} rows equal a fresh fold of {events} events"),
        (true, false) => format!("views: {rows} rows equal a fresh fold up to where they stand"),
        (false, _) => {
            "the views differ from the log; `orderlog --rebuild` makes them new".to_owned()
        }
    });
    Ok(report.is_sound())
}

async fn open_scratch(file: &Path) -> anyhow::Result<ReadModel> {
    let url = sqlite_file::url_of(file)?;
    Ok(ReadModel::open(&url, Access::ReadWrite).await?)
}

async fn compare(
    log: &EventStore,
    registry: Registry,
    views: &ReadModel,
    fresh: &Path,
) -> anyhow::Result<ViewsReport> {
    let source = Source::new(log.clone(), registry);
    let bar = bar("views");
    let progress = |position, target| show(&bar, position, target);
    let report = projector::verify_views(&source, views, fresh, progress).await;
    bar.finish_and_clear();
    Ok(report?)
}

/// A progress bar on a terminal, nothing elsewhere.
fn bar(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:40} {human_pos}/{human_len}  {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style).with_message(what)
}

fn show(bar: &ProgressBar, position: u64, target: u64) {
    bar.set_length(target);
    bar.set_position(position);
}
