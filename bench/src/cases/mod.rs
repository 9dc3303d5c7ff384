//! The cases by name.

pub mod ceiling;
mod commands;
mod hot;
mod import;
mod rebuild;
mod visibility;

use crate::Options;
use anyhow::bail;

/// A case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// axum without storage: the HTTP ceiling.
    Ceiling,
    /// Five-step orders at 1, 64 and 256 clients.
    Commands,
    /// One order, 64 clients.
    Hot,
    /// From 2xx to visible in the view.
    Visibility,
    /// All projections from the log.
    Rebuild,
    /// Orders from a file.
    Import,
}

const ALL: [(&str, Case); 6] = [
    ("ceiling", Case::Ceiling),
    ("commands", Case::Commands),
    ("hot", Case::Hot),
    ("visibility", Case::Visibility),
    ("rebuild", Case::Rebuild),
    ("import", Case::Import),
];

/// The cases that `names` choose; all when there are none.
///
/// # Errors
/// When a name is no case's.
pub fn chosen(names: &[String]) -> anyhow::Result<Vec<Case>> {
    if names.is_empty() {
        return Ok(ALL.iter().map(|(_, case)| *case).collect());
    }
    names
        .iter()
        .map(|name| match ALL.iter().find(|(known, _)| known == name) {
            Some((_, case)) => Ok(*case),
            None => bail!("no case is called {name:?}; there are {:?}", ALL.map(|(name, _)| name)),
        })
        .collect()
}

/// Runs a case and prints its rows.
///
/// # Errors
/// When the program fails, or an answered command is missing or doubled.
pub async fn run(case: Case, options: &Options) -> anyhow::Result<()> {
    match case {
        Case::Ceiling => ceiling::run(options).await,
        Case::Commands => commands::run(options).await,
        Case::Hot => hot::run(options).await,
        Case::Visibility => visibility::run(options).await,
        Case::Rebuild => rebuild::run(options).await,
        Case::Import => import::run(options).await,
    }
}
