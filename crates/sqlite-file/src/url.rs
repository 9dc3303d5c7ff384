//! How the path in a `sqlite:` URL is read: in one way for the log and the views, on every command line.
//!
//! Everything after `sqlite://` (or `sqlite:`) is the file's path, character by character. `%20` is three characters of
//! a name, `#` and `?` have no special meaning, and there are no parameters.

use std::path::{Component, Path, PathBuf};

/// The prefix of every such URL.
const SCHEME: &str = "sqlite:";

/// The URL names no file; the text says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoFile(String);

/// The URL of a file at `path`.
///
/// # Errors
/// When the path is not UTF-8, which SQLite does not open.
pub fn url_of(path: &Path) -> Result<String, NoFile> {
    match path.to_str() {
        Some(path) => Ok(format!("{SCHEME}//{path}")),
        None => Err(NoFile(format!(
            "the name {} is not UTF-8, which SQLite does not open; choose another",
            path.display()
        ))),
    }
}

/// The absolute path of the file that the URL names; the file need not be there.
///
/// # Errors
/// When the URL has another scheme, names a folder or nothing, or ends in parameters, which are not supported.
pub fn file_of(url: &str) -> Result<PathBuf, NoFile> {
    let refused = |why: &str| {
        Err(NoFile(format!("{url} does not name a file: {why} (sqlite://path/to/file.db)")))
    };
    let Some(path) = url.strip_prefix(SCHEME) else {
        return refused("it does not begin with sqlite://");
    };
    let path = path.strip_prefix("//").unwrap_or(path);
    let last = Path::new(path).components().next_back();
    match last {
        Some(Component::Normal(_)) if path.ends_with('/') => refused("it ends with a slash"),
        Some(Component::Normal(_)) if path == ":memory:" => {
            refused("memory is no place to keep it")
        }
        Some(Component::Normal(name)) if name.to_string_lossy().contains('?') => {
            refused("what follows sqlite:// is a path and takes no parameters; leave out `?`")
        }
        // Absolute, so that SQLite cannot read a name as something else (`file:…`).
        Some(Component::Normal(_)) => match std::path::absolute(path) {
            Ok(path) => Ok(path),
            Err(error) => refused(&error.to_string()),
        },
        _ => refused("it names a folder or nothing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_of_a_path_stands_for_itself() {
        for folder in [
            "shop",
            "shop%20two",
            "100%",
            "a?b",
            "a?mode=ro",
            "a#b",
            "a b",
            "'a'",
            "\"b\"",
            "a&b=c",
            "käse \u{1f9c0}",
            ":memory:",
            "file:x",
            "shop.",
            "-",
            "a\nb",
        ] {
            let path = std::path::absolute(Path::new(folder).join("views.db")).unwrap();
            assert_eq!(file_of(&format!("sqlite://{folder}/views.db")).as_deref(), Ok(&*path));
            assert_eq!(file_of(&format!("sqlite:{folder}/views.db")).as_deref(), Ok(&*path));
            assert_eq!(file_of(&url_of(&path).unwrap()).as_deref(), Ok(&*path), "{folder}");
        }
        let rooted = Path::new("/a//b/./views.db");
        assert_eq!(file_of("sqlite:///a//b/./views.db").as_deref(), Ok(rooted));
    }

    #[test]
    fn what_names_no_file_is_refused_by_name() {
        for (url, why) in [
            ("sqlite:", "folder or nothing"),
            ("sqlite://", "folder or nothing"),
            ("sqlite://..", "folder or nothing"),
            ("sqlite:///", "folder or nothing"),
            ("sqlite://data/", "slash"),
            ("sqlite::memory:", "memory"),
            ("sqlite://data/views.db?mode=rwc", "no parameters"),
            ("postgres://a/b", "begin with sqlite://"),
        ] {
            let refused = file_of(url).unwrap_err().to_string();
            assert!(refused.contains(why) && refused.contains(url), "{refused}");
        }
        let odd = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"a\xff");
        assert!(url_of(Path::new(odd)).unwrap_err().to_string().contains("UTF-8"));
    }
}
