//! Dependencies between crates: they lead down through the layers, never up.
//!
//! A dependency of a library or program leads to a lower layer. A dependency that only tests have may also stay in its
//! layer. Members whose tests cover the whole system in one process ([`TESTS_ABOVE_ALL`]) may test with anything.

use crate::workspace::{Package, Workspace};
use toml::{Table, Value};

/// Members with a library in a low layer whose tests drive everything.
const TESTS_ABOVE_ALL: &[&str] = &["simulation"];

/// From bottom to top: the meaning of each layer, and its members.
pub type Layers<'a> = &'a [(&'a str, &'a [&'a str])];

/// Dependencies that lead up, members without a layer, and listed members that do not exist.
pub fn findings(workspace: &Workspace, layers: Layers<'_>) -> Vec<String> {
    let members: Vec<_> = workspace.packages.iter().filter(|it| is_member(workspace, it)).collect();
    let mut findings = Vec::new();
    for package in &members {
        let Some(layer) = layer_of(layers, &package.name) else {
            findings.push(format!(
                "{} has no layer. Put it into LAYERS, into the lowest layer that lies above all it depends on.",
                package.name
            ));
            continue;
        };
        for arrow in arrows(workspace, package) {
            let Some(target) = layer_of(layers, &arrow.target) else { continue };
            let fits =
                target < layer || arrow.of_tests && package.may_test_with(target, layer, &arrow);
            if !fits {
                findings.push(explained(layers, &package.name, layer, &arrow, target));
            }
        }
    }
    let listed = layers.iter().flat_map(|(_, names)| names.iter());
    let unknown = listed.filter(|name| !members.iter().any(|package| package.name == **name));
    findings.extend(unknown.map(|name| format!("{name} is no member. Strike it from LAYERS.")));
    findings
}

/// One entry of a manifest's dependencies that names a member.
pub struct Arrow {
    pub target: String,
    pub of_tests: bool,
}

impl Package {
    fn may_test_with(&self, target: usize, layer: usize, arrow: &Arrow) -> bool {
        let name = self.name.as_str();
        target == layer || arrow.target == name || TESTS_ABOVE_ALL.contains(&name)
    }
}

fn explained(
    layers: Layers<'_>,
    package: &str,
    layer: usize,
    arrow: &Arrow,
    target: usize,
) -> String {
    let (from, to) = (layers[layer].0, layers[target].0);
    format!(
        "{package} ({from}) depends on {} ({to}), which does not lie below it. Move what {package} needs into a member \
         that lies below both, or let {} take it as a value.",
        arrow.target, arrow.target
    )
}

fn layer_of(layers: Layers<'_>, member: &str) -> Option<usize> {
    layers.iter().position(|(_, members)| members.contains(&member))
}

/// Whether the root manifest lists it, by its folder or as `folder/*`, and does not `exclude` it.
fn is_member(workspace: &Workspace, package: &Package) -> bool {
    let listed = root_table(workspace, &["workspace", "members"]);
    let listed = listed.as_ref().and_then(Value::as_array).into_iter().flatten();
    listed.filter_map(Value::as_str).any(|path| match path.strip_suffix("/*") {
        Some(folder) => package.folder.parent() == Some(&workspace.root.join(folder)),
        None => package.folder == workspace.root.join(path),
    })
}

fn root_table(workspace: &Workspace, keys: &[&str]) -> Option<Value> {
    let text = std::fs::read_to_string(workspace.root.join("Cargo.toml")).unwrap();
    let mut value = Value::Table(text.parse::<Table>().unwrap());
    for key in keys {
        value = value.get(key)?.clone();
    }
    Some(value)
}

/// All dependencies of a member on members, including those for one platform.
pub fn arrows(workspace: &Workspace, package: &Package) -> Vec<Arrow> {
    let mut tables = vec![&package.manifest];
    let platforms = package.manifest.get("target").and_then(Value::as_table);
    tables.extend(platforms.into_iter().flat_map(Table::values).filter_map(Value::as_table));
    let mut arrows = Vec::new();
    for table in tables {
        for kind in ["dependencies", "build-dependencies", "dev-dependencies"] {
            let entries = table.get(kind).and_then(Value::as_table).into_iter().flatten();
            let targets = entries.filter_map(|(key, entry)| target(workspace, package, key, entry));
            arrows.extend(
                targets.map(|target| Arrow { target, of_tests: kind == "dev-dependencies" }),
            );
        }
    }
    arrows
}

/// The member that an entry means, if any: by the path in the entry or in the workspace's.
fn target(workspace: &Workspace, package: &Package, key: &str, entry: &Value) -> Option<String> {
    let (entry, base) = if entry.get("workspace").is_some() {
        (root_table(workspace, &["workspace", "dependencies", key])?, &workspace.root)
    } else {
        (entry.clone(), &package.folder)
    };
    let folder = base.join(entry.get("path")?.as_str()?).canonicalize().ok()?;
    let mut packages = workspace.packages.iter();
    packages
        .find(|it| it.folder.canonicalize().is_ok_and(|it| it == folder))
        .map(|it| it.name.clone())
}
