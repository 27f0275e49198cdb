//! An app in a folder: `picloud.toml` and the sources it names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use shared::limits::Limits;
use shared::manifest::{MAX_BYTES, Manifest, ManifestFinding, Reading};
use shared::name::{ModuleName, ScriptName};
use shared::release::rules::{self, Wrong};
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
    let text = text(folder)?;
    let read = Reading::of(&text);
    if read.findings.is_empty() {
        return Ok(read.manifest);
    }
    let file = folder.join(MANIFEST).display().to_string();
    let wrong = |finding: ManifestFinding| as_failure(placed(&file, &text, finding));
    Err(one_or_several(
        read.findings.into_iter().map(wrong).collect(),
    ))
}

/// The text of a folder's manifest.
fn text(folder: &Path) -> Outcome<String> {
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
    String::from_utf8(bytes)
        .map_err(|_not_text| Failure::new(format!("{} is not UTF-8 text", path.display())))
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

/// What is wrong with a manifest, in its text.
fn placed(file: &str, text: &str, found: ManifestFinding) -> Finding {
    Finding {
        severity: Severity::Error,
        file: file.to_owned(),
        text: text.to_owned(),
        line: found.line,
        column: found.column,
        message: found.message,
        hint: found.hint,
    }
}

fn as_failure(finding: Finding) -> Failure {
    Failure::Wrong(Box::new(finding))
}

fn one_or_several(mut failures: Vec<Failure>) -> Failure {
    if failures.len() > 1 {
        return Failure::Several(failures);
    }
    failures.pop().unwrap_or(Failure::Answered)
}

/// A folder, as far as it could be read, and everything that is wrong with it.
#[derive(Debug)]
pub(crate) struct Folder {
    /// What could be read of it.
    pub(crate) project: Project,
    /// What is wrong, in the order of the manifest.
    pub(crate) findings: Vec<Finding>,
    file: String,
    text: String,
    read: Reading,
}

impl Folder {
    /// Reads a folder. Fails only when there is no manifest, or none that is a text.
    pub(crate) fn read(folder: &Path) -> Outcome<Self> {
        let text = text(folder)?;
        let read = Reading::of(&text);
        let mut all = Self {
            file: folder.join(MANIFEST).display().to_string(),
            project: Project {
                manifest: read.manifest.clone(),
                scripts: BTreeMap::new(),
                modules: BTreeMap::new(),
            },
            findings: Vec::new(),
            text,
            read,
        };
        for found in all.read.findings.clone() {
            all.findings.push(placed(&all.file, &all.text, found));
        }
        all.sources(folder);
        Ok(all)
    }

    fn sources(&mut self, folder: &Path) {
        let manifest = self.project.manifest.clone();
        for (name, entry) in &manifest.scripts {
            let source = self.source(folder, &format!("scripts.{name}"), &entry.file);
            self.project
                .scripts
                .extend(source.map(|source| (name.clone(), source)));
        }
        for (name, entry) in &manifest.modules {
            let source = self.source(folder, &format!("modules.{name}"), &entry.file);
            self.project
                .modules
                .extend(source.map(|source| (name.clone(), source)));
        }
    }

    fn source(&mut self, folder: &Path, at: &str, file: &str) -> Option<Source> {
        let failure = match Source::inside(folder, file) {
            Ok(source) => return Some(source),
            Err(failure) => failure,
        };
        let (message, hint) = match failure {
            Failure::Failed { what, next } => (what, next),
            _ => (format!("{file} cannot be read"), None),
        };
        self.find(&format!("{at}.file"), message, hint);
        None
    }

    /// Adds what is wrong with routes, triggers and, where the server's ceiling is known, limits.
    pub(crate) fn check(&mut self, ceiling: Option<&Limits>) {
        let manifest = self.project.manifest.clone();
        let names = manifest.scripts.keys().map(ScriptName::as_str);
        let broken = self.read.broken.clone();
        let scripts = names.chain(broken.iter().map(String::as_str)).collect();
        let (routes, triggers) = (&manifest.routes, &manifest.triggers);
        let mut wrong = rules::parts(routes, triggers);
        wrong.extend(rules::together(&scripts, routes, triggers));
        if let Some(ceiling) = ceiling {
            for (name, entry) in &manifest.scripts {
                let at = format!("scripts.{name}.limits");
                let whose = format!("script `{name}`");
                wrong.extend(rules::limits(&at, &whose, &entry.limits, ceiling));
            }
        }
        let mut known: Vec<Wrong> = Vec::new();
        for wrong in wrong {
            if !known.contains(&wrong) {
                self.find(&wrong.at, wrong.message.clone(), wrong.hint.clone());
                known.push(wrong);
            }
        }
    }

    fn find(&mut self, at: &str, message: String, hint: Option<String>) {
        let found = self.read.places.finding(at, message, hint);
        self.findings.push(placed(&self.file, &self.text, found));
        self.findings.sort_by_key(|one| (one.line, one.column));
    }

    /// The same when nothing is wrong, else all that is.
    pub(crate) fn sound(self) -> Outcome<Self> {
        if self.is_wrong() {
            let wrong = self.findings.into_iter().map(as_failure);
            return Err(one_or_several(wrong.collect()));
        }
        Ok(self)
    }

    /// The sources without routes, triggers and limits, which may be wrong; `None` when one of them is
    /// missing, which would be an error in all that import it.
    pub(crate) fn sources_alone(&self) -> Option<Project> {
        let mut project = self.project.clone();
        let manifest = &mut project.manifest;
        let whole = self.read.broken.is_empty()
            && project.scripts.len() == manifest.scripts.len()
            && project.modules.len() == manifest.modules.len();
        manifest.routes.clear();
        manifest.triggers.clear();
        for entry in manifest.scripts.values_mut() {
            entry.limits = shared::limits::LimitSettings::default();
        }
        (whole && !project.scripts.is_empty()).then_some(project)
    }

    /// Whether anything is wrong that would refuse a deploy.
    pub(crate) fn is_wrong(&self) -> bool {
        !self.findings.is_empty()
    }
}

impl Project {
    /// Reads a folder. Everything of it that cannot be read is named, not just the first.
    pub(crate) fn load(folder: &Path) -> Outcome<Self> {
        Ok(Folder::read(folder)?.sound()?.project)
    }

    /// The source a diagnostic is about. Scripts come before modules of the same name.
    pub(crate) fn source(&self, name: &str) -> Option<&Source> {
        self.scripts.get(name).or_else(|| self.modules.get(name))
    }
}
