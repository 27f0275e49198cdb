//! The environment of this process and the folders it names, read once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Environment variables. They have no `Debug`: one of them may be a token.
#[derive(Clone, Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Of this process. Variables that are not UTF-8 do not count.
    pub(crate) fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(text).collect())
    }

    /// Of a test.
    #[cfg(test)]
    pub(crate) fn of<const N: usize>(variables: [(&str, &str); N]) -> Self {
        let text = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self(variables.into_iter().map(text).collect())
    }

    /// A variable; an empty one counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|v| !v.is_empty())
    }

    /// The names of all variables.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    fn folder(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let absolute = |text: &str| Path::new(text).is_absolute().then(|| PathBuf::from(text));
        let own = self.get(variable).and_then(absolute);
        let home = || Some(absolute(self.get("HOME")?)?.join(below_home));
        Some(own.or_else(home)?.join("picloud"))
    }

    /// Where `pic` keeps what `pic login` got.
    pub(crate) fn config(&self) -> Option<PathBuf> {
        self.folder("XDG_CONFIG_HOME", ".config")
    }

    /// Where a server of this machine and user leaves its credential.
    pub(crate) fn state(&self) -> Option<PathBuf> {
        self.folder("XDG_STATE_HOME", ".local/state")
    }

    /// Where programs are.
    pub(crate) fn path(&self) -> Vec<PathBuf> {
        self.get("PATH")
            .map(|path| std::env::split_paths(path).collect())
            .unwrap_or_default()
    }
}
