//! Circles between sibling modules: `a` imports from `b`, and `b`, itself or through others, from `a`.
//!
//! A module stands for everything below it, at every level of the tree. A name that a parent only re-exports counts as
//! an import from its definition. A parent that uses its children, and children that use their parent, are no circle.

use crate::imports::Path;
use crate::modules::Modules;
use crate::workspace::Workspace;
use std::collections::{BTreeMap, BTreeSet};

/// An import in a circle that may stay for now: its target, the importing module, the imported one.
pub type Allowed<'a> = (&'a str, &'a str, &'a str);

/// The most places that a finding shows for an arrow.
const PLACES: usize = 4;

/// Imports between siblings: from, to, and the places.
type Arrows = BTreeMap<(Path, Path), Vec<String>>;

/// A finding for each circle of the workspace, and for each allowed import that is in no circle any more.
pub fn findings(workspace: &Workspace, allowed: &[Allowed<'_>]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut unknown: BTreeSet<&Allowed<'_>> = allowed.iter().collect();
    for (label, root) in workspace.packages.iter().flat_map(|package| package.targets()) {
        let mut arrows = arrows(workspace, &Modules::read(&root));
        let mut kept = Vec::new();
        for entry in allowed.iter().filter(|entry| entry.0 == label) {
            unknown.remove(entry);
            let pair = (path(entry.1), path(entry.2));
            kept.push((entry, arrows.remove(&pair), pair));
        }
        findings.extend(circles(&arrows).iter().map(|circle| explained(&label, circle, &arrows)));
        for (entry, places, pair) in kept {
            let back = places.is_some() && reaches(&arrows, &pair.1, &pair.0);
            if !back {
                findings.push(not_needed(entry));
                arrows.extend(places.map(|places| (pair, places)));
            }
        }
    }
    findings.extend(unknown.into_iter().map(not_needed));
    findings
}

/// Every import between siblings of a target.
fn arrows(workspace: &Workspace, modules: &Modules) -> Arrows {
    let mut arrows = Arrows::new();
    for (here, module) in &modules.all {
        for (named, line) in &module.names.named {
            for target in modules.behind(named) {
                let common =
                    here.iter().zip(&target).take_while(|(one, other)| one == other).count();
                if common == here.len() || common == target.len() {
                    continue;
                }
                let pair = (here[..=common].to_vec(), target[..=common].to_vec());
                let place =
                    format!("{}:{line} names {}", workspace.shown(&module.file), named.join("::"));
                let places = arrows.entry(pair).or_default();
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
    }
    arrows
}

/// The sets of siblings that all reach each other.
fn circles(arrows: &Arrows) -> BTreeSet<BTreeSet<Path>> {
    let ends: BTreeSet<&Path> = arrows.keys().flat_map(|(from, to)| [from, to]).collect();
    let circle = |one: &Path| {
        let others = ends.iter().copied();
        let circle =
            others.filter(|other| reaches(arrows, one, other) && reaches(arrows, other, one));
        circle.cloned().collect::<BTreeSet<_>>()
    };
    ends.iter().map(|end| circle(end)).filter(|circle| circle.len() > 1).collect()
}

fn reaches(arrows: &Arrows, from: &Path, to: &Path) -> bool {
    let mut seen = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        let next = arrows.keys().filter(|(from, _)| from == at).map(|(_, next)| next);
        open.extend(next.filter(|next| seen.insert(next)));
    }
    false
}

fn explained(label: &str, circle: &BTreeSet<Path>, arrows: &Arrows) -> String {
    let names: Vec<_> = circle.iter().map(|path| path.join("::")).collect();
    let mut text = format!("{label}: {} import each other in a circle:", names.join(", "));
    for ((from, to), places) in arrows {
        if circle.contains(from) && circle.contains(to) {
            text += &format!("\n  {} -> {}", from.join("::"), to.join("::"));
            text.extend(places.iter().take(PLACES).map(|place| format!("\n      {place}")));
            if places.len() > PLACES {
                text += &format!("\n      and {} more", places.len() - PLACES);
            }
        }
    }
    text + "\n  Move what several of them need into a module below them, or let the lower one take it as a value."
}

fn not_needed((label, from, to): &Allowed<'_>) -> String {
    format!("{label}: no circle needs {from} -> {to} any more. Strike it from STILL_ALLOWED.")
}

fn path(text: &str) -> Path {
    text.split("::").map(str::to_owned).collect()
}
