//! Effects: no member that folds events reaches the world outside, however long the way.
//!
//! So a rebuild, a replay, a check or an export cannot send anything. It follows the dependencies of libraries and
//! programs; what only tests have does not count.

use crate::layers::{Arrow, arrows};
use crate::workspace::Workspace;
use std::collections::BTreeSet;

/// The ways by which one of these members reaches another, and members that do not exist.
pub fn findings(workspace: &Workspace, folding: &[&str], outside: &str) -> Vec<String> {
    let exists = |name: &str| workspace.packages.iter().any(|it| it.name == name);
    let mut findings: Vec<String> = folding
        .iter()
        .chain([&outside])
        .filter(|name| !exists(name))
        .map(|name| format!("{name} is no member, so nothing is known of its effects."))
        .collect();
    for name in folding {
        if let Some(way) = way(workspace, name, outside) {
            findings.push(format!(
                "{} can reach the world outside. Whatever folds must send nothing: let a worker above both call it.",
                way.join(" → ")
            ));
        }
    }
    findings
}

/// A shortest way from one member to another.
fn way(workspace: &Workspace, from: &str, to: &str) -> Option<Vec<String>> {
    let mut seen = BTreeSet::from([from.to_owned()]);
    let mut ways = vec![vec![from.to_owned()]];
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            let Some(last) = way.last() else { continue };
            if last == to {
                return Some(way);
            }
            for next in needs(workspace, last) {
                if seen.insert(next.clone()) {
                    longer.push([way.clone(), vec![next]].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

fn needs(workspace: &Workspace, name: &str) -> Vec<String> {
    let package = workspace.packages.iter().find(|it| it.name == name);
    let arrows = package.map(|package| arrows(workspace, package)).unwrap_or_default();
    arrows.into_iter().filter(|Arrow { of_tests, .. }| !of_tests).map(|it| it.target).collect()
}
