//! The packages of a workspace with their manifests, and all of its Rust files.

use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// A folder that Cargo knows as a workspace.
pub struct Workspace {
    pub root: PathBuf,
    pub packages: Vec<Package>,
    /// Every Rust file, of members and others.
    pub files: Vec<PathBuf>,
}

/// One `Cargo.toml` with a `[package]`.
pub struct Package {
    pub name: String,
    pub folder: PathBuf,
    pub manifest: Table,
}

impl Workspace {
    /// Reads everything below `root` except build output.
    pub fn read(root: &Path) -> Self {
        let mut files = Vec::new();
        walk(root, &mut files);
        files.sort();
        let manifests = files.iter().filter(|file| file.ends_with("Cargo.toml"));
        let packages = manifests.filter_map(|file| Package::read(file)).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "rs"));
        Self { root: root.to_owned(), packages, files }
    }

    /// A file's name in messages.
    pub fn shown(&self, file: &Path) -> String {
        file.strip_prefix(&self.root).unwrap_or(file).display().to_string()
    }
}

impl Package {
    fn read(file: &Path) -> Option<Self> {
        let manifest: Table = std::fs::read_to_string(file).unwrap().parse().unwrap();
        let name = manifest.get("package")?.get("name")?.as_str()?.to_owned();
        Some(Self { name, folder: file.parent()?.to_owned(), manifest })
    }

    /// The root file of each target, and the target's name; the library's is the package's.
    pub fn targets(&self) -> Vec<(String, PathBuf)> {
        let mut roots = vec![(self.name.clone(), self.folder.join("src/lib.rs"))];
        for file in ["src/main.rs", "build.rs"] {
            roots.push((format!("{} {file}", self.name), self.folder.join(file)));
        }
        for folder in ["src/bin", "tests", "benches", "examples"] {
            for entry in entries(&self.folder.join(folder)) {
                let file = if entry.is_dir() { entry.join("main.rs") } else { entry };
                roots.push((self.label(&file), file));
            }
        }
        for kind in ["bin", "test", "bench", "example"] {
            let targets = self.manifest.get(kind).and_then(Value::as_array);
            let paths = targets.into_iter().flatten().filter_map(|target| target.get("path"));
            for file in paths.filter_map(Value::as_str).map(|path| self.folder.join(path)) {
                roots.push((self.label(&file), file));
            }
        }
        roots.retain(|(_, file)| file.extension().is_some_and(|it| it == "rs") && file.exists());
        roots.sort_by(|one, other| one.1.cmp(&other.1));
        roots.dedup_by(|one, other| one.1 == other.1);
        roots
    }

    /// A target's name: `event-store tests/killed.rs`.
    fn label(&self, file: &Path) -> String {
        format!("{} {}", self.name, file.strip_prefix(&self.folder).unwrap().display())
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// All files below, without hidden folders and build output.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for path in entries(folder) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with('.') || path.is_symlink() {
            continue;
        }
        if !path.is_dir() {
            files.push(path);
        } else if name != "target" && !path.join("CACHEDIR.TAG").exists() {
            walk(&path, files);
        }
    }
}
