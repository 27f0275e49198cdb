//! The repository's text files, in memory: a check can be tried on a repository that never was.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders nobody wrote by hand.
const SKIPPED: &[&str] = &["target", ".git", "node_modules", "data"];
/// Kinds of files that are checked.
const KINDS: &[&str] = &["rs", "md", "toml", "rhai", "sql"];

/// Text files by path from the root, with `/`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repository(pub(crate) BTreeMap<String, String>);

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("xtask lies in the root").to_owned()
}

impl Repository {
    /// Reads the working tree.
    pub(crate) fn read() -> Self {
        let root = root();
        let mut files = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(&folder).expect("the working tree can be read");
            for entry in entries.filter_map(Result::ok) {
                let path = entry.path();
                let name = entry.file_name();
                let name = name.to_string_lossy();
                if path.is_dir() {
                    if !SKIPPED.contains(&&*name) {
                        folders.push(path);
                    }
                } else if KINDS.iter().any(|kind| name.ends_with(&format!(".{kind}")))
                    && let Ok(text) = fs::read_to_string(&path)
                {
                    let relative = path
                        .strip_prefix(&root)
                        .expect("it was found below the root");
                    files.insert(relative.to_string_lossy().into_owned(), text);
                }
            }
        }
        Self(files)
    }

    /// The Rust files.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.with_ending(".rs")
    }

    /// Files whose name ends like this.
    pub(crate) fn with_ending(&self, ending: &'static str) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter(move |(path, _)| path.ends_with(ending))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// A file's text; empty when it is missing.
    pub(crate) fn text(&self, path: &str) -> &str {
        self.0.get(path).map_or("", String::as_str)
    }

    /// Whether there is such a file or folder.
    pub(crate) fn has(&self, path: &str) -> bool {
        root().join(path).exists() || self.0.contains_key(path)
    }
}
