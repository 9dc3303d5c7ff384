//! The paths in one module's items: those that begin with `crate`, `self` or `super`, and those to its own children.
//!
//! It reads syntax, so it sees every form of `use`, paths in code, and paths in the tokens of macros and attributes. It
//! skips what only `cfg(test)` builds.

use proc_macro2::{Span, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, Meta, UseTree};

/// Names from the root of a crate down: `["write", "insert", "Texts"]`.
pub type Path = Vec<String>;

/// The names that one module defines, imports and uses.
#[derive(Default)]
pub struct Names {
    /// Every path into the own crate, with its line.
    pub named: Vec<(Path, usize)>,
    /// The module's own items.
    pub items: BTreeSet<String>,
    /// Names that other modules find here although they are defined elsewhere.
    pub imported: BTreeMap<String, Path>,
    /// Modules whose whole content is imported.
    pub globs: Vec<Path>,
}

/// Reads the items of the module `here`, without those of its inner modules.
pub fn read(here: &[String], items: &[Item]) -> Names {
    let children = items.iter().filter_map(|item| match item {
        Item::Mod(module) => Some(module.ident.to_string()),
        _ => None,
    });
    let mut reader = Reader { here, children: children.collect(), names: Names::default() };
    let items = || items.iter().filter(|item| !only_tests_have(attributes(item)));
    for item in items() {
        reader.names.items.extend(name(item));
        if let Item::Use(tree) = item
            && tree.leading_colon.is_none()
        {
            reader.import(&tree.tree);
        }
    }
    for item in items().filter(|item| !matches!(item, Item::Mod(_))) {
        reader.visit_item(item);
    }
    reader.names
}

struct Reader<'a> {
    here: &'a [String],
    children: BTreeSet<String>,
    names: Names,
}

impl Reader<'_> {
    /// The path from the crate's root, if it leads into this crate.
    fn absolute(&self, path: &[String]) -> Option<Path> {
        let mut base = self.here.to_vec();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => {
                base.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|name| name == "super") {
                    base.pop()?;
                    rest = &rest[1..];
                }
            }
            child if self.children.contains(child) => {}
            // A module above, under its own or another name: what lies below it may be a sibling.
            name => {
                base.clone_from(self.names.imported.get(name)?);
                if !self.here.starts_with(&base) {
                    return None;
                }
                rest = &rest[1..];
            }
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    fn name(&mut self, path: &[String], place: Span) {
        if let Some(path) = self.absolute(path) {
            self.names.named.push((path, place.start().line));
        }
    }

    fn import(&mut self, tree: &UseTree) {
        for leaf in leaves(tree) {
            let Some(path) = self.absolute(&leaf.path) else { continue };
            match leaf.name {
                Some(name) => drop(self.names.imported.insert(name, path)),
                None => self.names.globs.push(path),
            }
        }
    }

    /// Reads the paths among unparsed tokens.
    fn scan(&mut self, tokens: &TokenStream) {
        let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            let (path, next) = path_at(&tokens, at);
            if path.len() > 1 {
                self.name(&path, tokens[at].span());
            }
            if let TokenTree::Group(group) = &tokens[at] {
                self.scan(&group.stream());
            }
            at = next;
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !only_tests_have(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !only_tests_have(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if item.leading_colon.is_none() {
            for leaf in leaves(&item.tree) {
                self.name(&leaf.path, leaf.place);
            }
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() && path.segments.len() > 1 {
            let names: Path = path.segments.iter().map(|it| it.ident.to_string()).collect();
            self.name(&names, path.segments[0].ident.span());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.scan(&call.tokens);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.scan(&list.tokens);
        }
    }

    /// `pub(super)` imports nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}
}

/// One name of a `use`; without a name, the whole module.
struct Leaf {
    path: Path,
    name: Option<String>,
    place: Span,
}

fn leaves(tree: &UseTree) -> Vec<Leaf> {
    let mut found = Vec::new();
    gather(tree, &mut Vec::new(), Span::call_site(), &mut found);
    found
}

fn gather(tree: &UseTree, above: &mut Path, place: Span, found: &mut Vec<Leaf>) {
    let mut leaf = |above: &Path, last: &str, name: String, place: Span| {
        let mut path = above.clone();
        if last != "self" || path.is_empty() {
            path.push(last.to_owned());
        }
        let name = if name == "self" { path.last().cloned().unwrap_or_default() } else { name };
        found.push(Leaf { path, name: Some(name), place });
    };
    match tree {
        UseTree::Path(step) => {
            above.push(step.ident.to_string());
            gather(&step.tree, above, step.ident.span(), found);
            above.pop();
        }
        UseTree::Name(it) => {
            leaf(above, &it.ident.to_string(), it.ident.to_string(), it.ident.span());
        }
        UseTree::Rename(it) => {
            leaf(above, &it.ident.to_string(), it.rename.to_string(), it.ident.span());
        }
        UseTree::Glob(_) => found.push(Leaf { path: above.clone(), name: None, place }),
        UseTree::Group(group) => {
            for tree in &group.items {
                gather(tree, above, place, found);
            }
        }
    }
}

/// The path that begins with this token, and where to go on reading.
fn path_at(tokens: &[TokenTree], start: usize) -> (Path, usize) {
    let is_colon =
        |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(it)) if it.as_char() == ':');
    let mut path = Path::new();
    let mut at = start;
    while let Some(TokenTree::Ident(name)) = tokens.get(at) {
        path.push(name.to_string());
        if !(is_colon(at + 1) && is_colon(at + 2)) {
            return (path, at + 1);
        }
        at += 3;
    }
    (path, at.max(start + 1))
}

/// Whether an item is under `#[cfg(test)]`.
pub fn only_tests_have(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        _ => false,
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Macro(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Static(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::Type(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    }
}

/// The name that an item defines in its module.
fn name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(it) => &it.ident,
        Item::Enum(it) => &it.ident,
        Item::Fn(it) => &it.sig.ident,
        Item::Macro(it) => it.ident.as_ref()?,
        Item::Mod(it) => &it.ident,
        Item::Static(it) => &it.ident,
        Item::Struct(it) => &it.ident,
        Item::Trait(it) => &it.ident,
        Item::Type(it) => &it.ident,
        _ => return None,
    };
    Some(name.to_string())
}
