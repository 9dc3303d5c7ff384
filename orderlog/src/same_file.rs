//! Whether two storage URLs name the same SQLite file: by another spelling, by a link, or before it exists.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// Whether both are files, and the same one.
pub fn named_twice(one: &str, other: &str) -> bool {
    match (file(one), file(other)) {
        (Some(one), Some(other)) => one == other || is_same_inode(&one, &other),
        _ => false,
    }
}

/// The file of a `sqlite:` URL, by its one name after all existing links are followed.
fn file(url: &str) -> Option<PathBuf> {
    let path = sqlite_file::file_of(url).ok()?;
    let mut missing: Vec<OsString> = Vec::new();
    // Bounded by the components of the path: each round checks a shorter one.
    for known in path.ancestors() {
        if let Ok(found) = known.canonicalize() {
            return Some(plain(&missing.iter().rev().fold(found, |path, part| path.join(part))));
        }
        missing.extend(known.components().next_back().map(|part| part.as_os_str().to_owned()));
    }
    Some(plain(&path))
}

/// The path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => _ = plain.pop(),
            other => plain.push(other),
        }
    }
    plain
}

fn is_same_inode(one: &Path, other: &Path) -> bool {
    let inode = |path: &Path| path.metadata().map(|found| (found.dev(), found.ino())).ok();
    inode(one).is_some_and(|one| inode(other) == Some(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_same_by_every_name() {
        let folder = tempfile::TempDir::new().unwrap();
        let at = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
        std::fs::write(folder.path().join("there.db"), "").unwrap();
        std::fs::hard_link(folder.path().join("there.db"), folder.path().join("hard.db")).unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("link")).unwrap();
        for (one, other, same) in [
            ("new.db", "new.db", true),
            ("new.db", "./x/../new.db", true),
            ("new.db", "link/new.db", true),
            ("there.db", "link/there.db", true),
            ("there.db", "hard.db", true),
            ("events.db", "views.db", false),
            ("there.db", "new.db", false),
        ] {
            assert_eq!(named_twice(&at(one), &at(other)), same, "{one} {other}");
        }
        assert!(!named_twice("postgres://a/b", "postgres://a/b"));
    }
}
