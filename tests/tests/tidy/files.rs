//! Files: at most [`MAX_LINES`] lines, a first line that says what the file is, and a target that builds it.

use crate::modules::Modules;
use crate::workspace::Workspace;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The most lines of a file.
const MAX_LINES: usize = 400;

/// The findings about the workspace's Rust files.
pub fn findings(workspace: &Workspace) -> Vec<String> {
    let built = built(workspace);
    let mut findings = Vec::new();
    for file in &workspace.files {
        findings.extend(of_one(workspace, file, &std::fs::read_to_string(file).unwrap()));
        if !built.contains(file) {
            findings.push(format!(
                "{} is built by no target. Name it in a `mod`, or delete it.",
                workspace.shown(file)
            ));
        }
    }
    findings
}

/// The files that some target reaches through its modules.
fn built(workspace: &Workspace) -> BTreeSet<PathBuf> {
    let targets = workspace.packages.iter().flat_map(|package| package.targets());
    let modules = targets.flat_map(|(_, root)| Modules::read(&root).all.into_values());
    modules.map(|module| module.file).collect()
}

fn of_one(workspace: &Workspace, file: &Path, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let lines = text.lines().count();
    let file = workspace.shown(file);
    if lines > MAX_LINES {
        findings.push(format!(
            "{file} has {lines} lines. A file has {MAX_LINES} at most: move what belongs together into a file of its own."
        ));
    }
    if !text.starts_with("//!") {
        findings.push(format!(
            "{file} does not open with `//!`. Let its first line say its place: what it is for and who calls it."
        ));
    }
    findings
}
