//! Configuration: flags, then environment, then file, then defaults.
//!
//! Every value remembers where it comes from. A key exists here only when it has an effect, and a
//! key that does not exist is an error with a suggestion, wherever it is written.

mod file;
mod flags;
mod keys;
mod origins;
mod settings;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::{self, Write as _};
use std::path::PathBuf;

use shared::suggest::closest;

pub use flags::ConfigArgs;
pub use keys::{KEYS, Key};
pub use settings::{Admission, AppRate, Config, DatabaseUrl, Listen, LogFormat, LogSettings};

/// Variables that belong to `pic` or name the file itself: not settings of the server.
const OTHER_VARIABLES: &[&str] = &[
    "PICLOUD_CONFIG",
    "PICLOUD_TOKEN",
    "PICLOUD_URL",
    "PICLOUD_APP",
    "PICLOUD_PROFILE",
];

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// A configuration file.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// A command-line flag.
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Env(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A value that breaks its rule.
    #[error("{key} (from {origin}): {reason}")]
    Value {
        /// The key.
        key: &'static str,
        /// Where the value comes from.
        origin: Source,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A key there is not.
    #[error("{origin} sets `{key}`, which is not a setting{}; `picloud config show` lists all", suggestion(.close.as_deref()))]
    Unknown {
        /// What was written.
        key: String,
        /// Where.
        origin: Source,
        /// The name that was probably meant.
        close: Option<String>,
    },
    /// A file that cannot be read.
    #[error("cannot read {path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

fn suggestion(close: Option<&str>) -> String {
    close.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// The process's environment, taken once.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// The variables of this process.
    pub fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// These variables, for tests.
    pub fn of<const N: usize>(variables: [(&str, &str); N]) -> Self {
        let owned = |(name, value): (&str, &str)| (name.into(), value.into());
        Self(variables.into_iter().map(owned).collect())
    }

    /// A variable's value; `None` when it is not set or not text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(OsString::from(name).as_os_str())?.to_str()
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().filter_map(|name| name.to_str())
    }
}

/// A value before it is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Raw {
    pub(crate) text: String,
    pub(crate) source: Source,
}

/// All values by key, each from the strongest source that sets it.
#[derive(Clone, Debug)]
pub struct Layers(BTreeMap<&'static str, Raw>);

impl Layers {
    /// Gathers the values; checks keys, not yet values.
    pub fn gather(args: &ConfigArgs, env: &Environment) -> Result<Self, ConfigError> {
        let mut values: BTreeMap<&'static str, Raw> = KEYS
            .iter()
            .map(|key| {
                let source = Source::Default;
                let text = key.default.to_owned();
                (key.name, Raw { text, source })
            })
            .collect();
        let named = args.config.clone();
        if let Some(path) = named.or_else(|| env.get("PICLOUD_CONFIG").map(PathBuf::from)) {
            values.extend(file::read(&path)?);
        }
        values.extend(from_environment(env)?);
        values.extend(args.values()?);
        Ok(Self(values))
    }

    pub(crate) fn raw(&self, key: &'static str) -> &Raw {
        self.0.get(key).expect("every key has at least its default")
    }

    /// A `ConfigError` about a key's value, for checks that only its user can make.
    pub fn refuse(&self, key: &'static str, reason: impl Into<String>) -> ConfigError {
        ConfigError::Value {
            key,
            origin: self.raw(key).source.clone(),
            reason: reason.into(),
        }
    }

    /// Every key with value and source, one per line; secrets are masked.
    pub fn show(&self) -> String {
        let shown: Vec<(&Key, String, &Source)> = KEYS
            .iter()
            .map(|key| {
                let raw = self.raw(key.name);
                let text = if key.secret {
                    mask(&raw.text)
                } else {
                    raw.text.clone()
                };
                (key, text, &raw.source)
            })
            .collect();
        let name = KEYS.iter().map(|key| key.name.len()).max().unwrap_or(0);
        let value = shown
            .iter()
            .map(|(_, text, _)| text.len())
            .max()
            .unwrap_or(0);
        let mut text = String::new();
        for (key, shown, source) in shown {
            writeln!(text, "{:name$}  {shown:value$}  {source}", key.name)
                .expect("writing to a string does not fail");
        }
        text
    }
}

/// Hides the password of a URL; a value without one is shown.
fn mask(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let shown = match rest[..end].rsplit_once('@') {
        Some((person, host)) => {
            let user = person.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:***@{host}{}", &rest[end..])
        }
        None => text.to_owned(),
    };
    // Everything after `?` can hold `password=`.
    match shown.split_once('?') {
        Some((before, _)) => format!("{before}?***"),
        None => shown,
    }
}

fn from_environment(env: &Environment) -> Result<Vec<(&'static str, Raw)>, ConfigError> {
    let mut values = Vec::new();
    let mut known: Vec<String> = Vec::new();
    for key in KEYS {
        let own = key.variable();
        // The platform's own name is stronger than the customary one.
        for name in key
            .alias
            .iter()
            .map(|alias| (*alias).to_owned())
            .chain([own])
        {
            if let Some(text) = env.get(&name) {
                let text = text.to_owned();
                let source = Source::Env(name.clone());
                values.push((key.name, Raw { text, source }));
            }
            if key.secret {
                let file = format!("{name}_FILE");
                if let Some(path) = env.get(&file) {
                    let text = file::secret(path)?;
                    let source = Source::Env(file.clone());
                    values.push((key.name, Raw { text, source }));
                }
                known.push(file);
            }
            known.push(name);
        }
    }
    for name in env.names().filter(|name| name.starts_with("PICLOUD_")) {
        if !known.iter().any(|known| known == name) && !OTHER_VARIABLES.contains(&name) {
            return Err(ConfigError::Unknown {
                key: name.to_owned(),
                origin: Source::Env(name.to_owned()),
                close: closest(name, known.iter().map(String::as_str)).map(str::to_owned),
            });
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests;
