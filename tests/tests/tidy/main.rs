//! The shape of the source: no circles between modules, no dependency up between crates, short files that say their
//! place.
//!
//! It starts no program: it reads the workspace's own sources. [`workspace`] finds packages and the files of each
//! target, [`imports`] reads the names in a file. [`circles`], [`layers`], [`effects`] and [`files`] check one rule each.
//! [`planted`] breaks every rule on purpose, to prove that each rule finds something.
//!
//! The exceptions are in this file: [`LAYERS`] and [`STILL_ALLOWED`].

#![allow(clippy::unwrap_used, missing_docs)]

mod circles;
mod effects;
mod files;
mod imports;
mod layers;
mod modules;
mod planted;
mod workspace;

use circles::Allowed;
use std::path::{Path, PathBuf};
use workspace::Workspace;

/// The workspace from bottom to top. A member depends on members of lower layers only.
const LAYERS: &[(&str, &[&str])] = &[
    (
        "tools, which know nothing of the product",
        &["faults", "oracle", "rig", "sandbox", "simulation"],
    ),
    (
        "libraries",
        &[
            "domain",
            "event-bytes",
            "framing-guard",
            "migrations",
            "personal-data",
            "pg-connect",
            "pg-hints",
            "sqlite-file",
            "transparency",
        ],
    ),
    ("stores and the edges", &["event-store", "outside", "read-model", "server"]),
    ("callers", &["identity"]),
    ("their keys", &["key-store"]),
    ("what secures a program", &["security"]),
    ("services that write and carry", &["command-service", "relay"]),
    ("services that derive and show", &["projector", "query-service"]),
    ("programs and what drives them", &["bench", "fuzz", "orderlog", "system-tests", "voucher"]),
];

/// The members that fold events: they must not reach [`OUTSIDE`].
const FOLDING: &[&str] =
    &["domain", "event-store", "projector", "query-service", "read-model", "relay"];

/// The only member that calls the world outside.
const OUTSIDE: &str = "outside";

/// Circles that still exist. To cut one, delete its line; the test fails on a line that is not needed.
const STILL_ALLOWED: &[Allowed<'_>] = &[];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Fails with all findings; each says what to do.
fn nothing_in(findings: &[String]) {
    assert!(findings.is_empty(), "\n\n{}\n", findings.join("\n\n"));
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    nothing_in(&circles::findings(&Workspace::read(&root()), STILL_ALLOWED));
}

#[test]
fn no_crate_depends_on_one_above_it() {
    nothing_in(&layers::findings(&Workspace::read(&root()), LAYERS));
}

#[test]
fn nothing_that_folds_reaches_the_world_outside() {
    nothing_in(&effects::findings(&Workspace::read(&root()), FOLDING, OUTSIDE));
}

#[test]
fn every_file_is_short_and_says_its_place() {
    nothing_in(&files::findings(&Workspace::read(&root())));
}
