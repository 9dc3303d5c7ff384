//! The modules of one target, found like the compiler finds them: from the root file through each `mod`.

use crate::imports::{self, Names, Path};
use std::collections::BTreeMap;
use std::path::{Path as File, PathBuf};
use syn::{Item, ItemMod, Lit, Meta};

/// All modules of a target, by their path; the root's path is empty.
#[derive(Default)]
pub struct Modules {
    pub all: BTreeMap<Path, Module>,
}

/// One module: its file, and its names.
pub struct Module {
    pub file: PathBuf,
    /// Empty for modules that only `cfg(test)` builds: tests of a low module may use a high one.
    pub names: Names,
}

/// The place where the compiler looks for the files of a module's children.
struct Place<'a> {
    file: &'a File,
    folder: &'a File,
    of_tests: bool,
}

/// The longest chain of imports that is followed.
const MAX_IMPORTS: usize = 16;

impl Modules {
    /// Reads a target, starting from its root file.
    pub fn read(root: &File) -> Self {
        let mut modules = Self::default();
        let folder = root.parent().unwrap();
        modules.add_file(Path::new(), &Place { file: root, folder, of_tests: false });
        modules
    }

    fn add_file(&mut self, path: Path, place: &Place<'_>) {
        let parsed = std::fs::read_to_string(place.file).map(|text| syn::parse_file(&text));
        match parsed {
            Ok(Ok(parsed)) => self.add(path, &parsed.items, place),
            Ok(Err(error)) => panic!("{}: {error}", place.file.display()),
            Err(error) => panic!("{}: {error}", place.file.display()),
        }
    }

    fn add(&mut self, path: Path, items: &[Item], place: &Place<'_>) {
        for item in items {
            if let Item::Mod(module) = item {
                let mut child = path.clone();
                child.push(module.ident.to_string());
                self.add_child(child, module, place);
            }
        }
        let names = if place.of_tests { Names::default() } else { imports::read(&path, items) };
        self.all.insert(path, Module { file: place.file.to_owned(), names });
    }

    fn add_child(&mut self, path: Path, module: &ItemMod, parent: &Place<'_>) {
        let name = module.ident.to_string();
        let of_tests = parent.of_tests || imports::only_tests_have(&module.attrs);
        let folder = parent.folder.join(&name);
        if let Some((_, items)) = &module.content {
            self.add(path, items, &Place { file: parent.file, folder: &folder, of_tests });
        } else if let Some(given) = given_path(module) {
            let file = parent.file.parent().unwrap().join(given);
            let folder = file.parent().unwrap();
            self.add_file(path, &Place { file: &file, folder, of_tests });
        } else {
            let inside = folder.join("mod.rs");
            let outside = parent.folder.join(format!("{name}.rs"));
            let file = if inside.exists() { inside } else { outside };
            self.add_file(path, &Place { file: &file, folder: &folder, of_tests });
        }
    }

    /// The modules behind a path from the root: the one that it names, and those from which that imports it.
    pub fn behind(&self, path: &[String]) -> Vec<Path> {
        let mut found = Vec::new();
        self.follow(path, MAX_IMPORTS, &mut found);
        found
    }

    fn follow(&self, path: &[String], steps: usize, found: &mut Vec<Path>) {
        let depths = (0..=path.len()).rev();
        let depth = depths.into_iter().find(|depth| self.all.contains_key(&path[..*depth]));
        let Some(depth) = depth else { return };
        let (module, rest) = path.split_at(depth);
        found.push(module.to_vec());
        let Some(name) = rest.first().filter(|_| steps > 0) else { return };
        let names = &self.all[module].names;
        if let Some(origin) = names.imported.get(name) {
            let mut origin = origin.clone();
            origin.extend_from_slice(&rest[1..]);
            self.follow(&origin, steps - 1, found);
        } else if !names.items.contains(name) {
            for glob in &names.globs {
                if self.all.get(glob).is_some_and(|module| module.names.brings(name)) {
                    let mut origin = glob.clone();
                    origin.extend_from_slice(rest);
                    self.follow(&origin, steps - 1, found);
                }
            }
        }
    }
}

impl Names {
    fn brings(&self, name: &str) -> bool {
        self.items.contains(name) || self.imported.contains_key(name)
    }
}

/// The `path` attribute of a module.
fn given_path(module: &ItemMod) -> Option<String> {
    module.attrs.iter().find_map(|attribute| {
        let Meta::NameValue(pair) = &attribute.meta else { return None };
        let syn::Expr::Lit(value) = &pair.value else { return None };
        let Lit::Str(text) = &value.lit else { return None };
        pair.path.is_ident("path").then(|| text.value())
    })
}
