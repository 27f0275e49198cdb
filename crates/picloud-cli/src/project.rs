//! An app in a folder: `picloud.toml` and the sources it names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use shared::manifest::{MAX_BYTES, Manifest, ManifestError};
use shared::name::{ModuleName, ScriptName};
use shared::script_error::Severity;

use crate::error::{Failure, Outcome};
use crate::finding::Finding;
use crate::sources::{self, Source};

/// The manifest's name.
pub(crate) const MANIFEST: &str = "picloud.toml";

/// A folder that was read.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    /// The manifest.
    pub(crate) manifest: Manifest,
    /// Sources of scripts.
    pub(crate) scripts: BTreeMap<ScriptName, Source>,
    /// Sources of modules.
    pub(crate) modules: BTreeMap<ModuleName, Source>,
}

/// Reads a manifest.
pub(crate) fn manifest(folder: &Path) -> Outcome<Manifest> {
    let path = folder.join(MANIFEST);
    if !path.exists() {
        let shown = folder.display();
        let what = if folder.is_dir() {
            format!("there is no {MANIFEST} in {shown}")
        } else {
            format!("there is no folder {shown}")
        };
        return Err(Failure::new(what).next(
            "`pic init DIR` makes an app; `pic deploy NAME FILE` deploys one script (`-`: standard input)",
        ));
    }
    let bytes = sources::read(&path, MAX_BYTES as u64 + 1)?;
    let text = String::from_utf8(bytes)
        .map_err(|_not_text| Failure::new(format!("{} is not UTF-8 text", path.display())))?;
    Manifest::parse(&text).map_err(|error| explain(&path, &text, &error))
}

/// The nearest folder with a manifest: this one, else the first above.
pub(crate) fn nearest() -> Option<PathBuf> {
    let here = Path::new(".");
    if here.join(MANIFEST).is_file() {
        return Some(here.to_owned());
    }
    let here = here.canonicalize().ok()?;
    let mut above = here.ancestors().skip(1);
    let found = above.find(|folder| folder.join(MANIFEST).is_file());
    found.map(Path::to_owned)
}

/// The folder a command is about: the one it names, else the nearest with a manifest, else this
/// one.
pub(crate) fn folder(named: Option<&Path>) -> PathBuf {
    named
        .map(Path::to_owned)
        .or_else(nearest)
        .unwrap_or_else(|| PathBuf::from("."))
}

fn explain(path: &Path, text: &str, error: &ManifestError) -> Failure {
    let shown = path.display().to_string();
    let ManifestError::Invalid { message } = error else {
        return Failure::new(error.to_string().replace(MANIFEST, &shown));
    };
    let Some((line, column, what)) = place(message) else {
        return Failure::new(format!("{shown}: {message}"));
    };
    let (what, hint) = match what.split_once("; did you mean") {
        Some((what, hint)) => (what, Some(format!("did you mean{hint}"))),
        None => (what, None),
    };
    Failure::Wrong(Box::new(Finding {
        severity: Severity::Error,
        file: shown,
        text: text.to_owned(),
        line,
        column,
        message: what.to_owned(),
        hint,
    }))
}

/// `line 3, column 5: rest`.
fn place(message: &str) -> Option<(u32, u32, &str)> {
    let (line, rest) = message.strip_prefix("line ")?.split_once(", column ")?;
    let (column, what) = rest.split_once(": ")?;
    Some((line.parse().ok()?, column.parse().ok()?, what.trim()))
}

impl Project {
    /// Reads a folder. Every source that cannot be read is named, not just the first.
    pub(crate) fn load(folder: &Path) -> Outcome<Self> {
        let manifest = manifest(folder)?;
        let mut failures = Vec::new();
        let mut read = |what: String, file: &str| match Source::inside(folder, file) {
            Ok(source) => Some(source),
            Err(failure) => {
                failures.push((what, failure));
                None
            }
        };
        let mut scripts = BTreeMap::new();
        for (name, entry) in &manifest.scripts {
            let source = read(format!("script `{name}`"), &entry.file);
            scripts.extend(source.map(|source| (name.clone(), source)));
        }
        let mut modules = BTreeMap::new();
        for (name, entry) in &manifest.modules {
            let source = read(format!("module `{name}`"), &entry.file);
            modules.extend(source.map(|source| (name.clone(), source)));
        }
        if let Some(failure) = fail(failures) {
            return Err(failure);
        }
        Ok(Self {
            manifest,
            scripts,
            modules,
        })
    }

    /// The source a diagnostic is about. Scripts come before modules of the same name.
    pub(crate) fn source(&self, name: &str) -> Option<&Source> {
        self.scripts.get(name).or_else(|| self.modules.get(name))
    }
}

fn fail(failures: Vec<(String, Failure)>) -> Option<Failure> {
    let mut failures: Vec<Failure> = failures.into_iter().map(named).collect();
    match failures.len() {
        0 | 1 => failures.pop(),
        _ => Some(Failure::Several(failures)),
    }
}

/// A failure that says what it is about.
fn named((what, failure): (String, Failure)) -> Failure {
    match failure {
        Failure::Failed { what: why, next } => Failure::Failed {
            what: format!("{what}: {why}"),
            next,
        },
        other => other,
    }
}
