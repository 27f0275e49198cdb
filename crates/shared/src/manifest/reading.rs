//! Reading a manifest entry by entry, so that one mistake does not hide the next.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error, ValueDeserializer};

use super::model::{MAX_BYTES, Manifest, ModuleEntry, ScriptEntry};
use super::places::{Lines, ManifestFinding, Places};
use crate::name::{AppSlug, ModuleName, ScriptName};
use crate::suggest::closest;

/// Keys of a manifest.
const KEYS: [&str; 6] = [
    "manifest", "app", "scripts", "modules", "routes", "triggers",
];
/// The version this program knows.
const VERSION: u32 = 1;

/// A manifest, read as far as it goes.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What could be read of it. The app is called `app` where its name is missing.
    pub manifest: Manifest,
    /// Everything that is wrong with it, by place.
    pub findings: Vec<ManifestFinding>,
    /// Where its values are.
    pub places: Places,
    /// Scripts and modules that are there, but could not be read.
    pub broken: BTreeSet<String>,
}

impl Reading {
    /// Reads a text.
    pub fn of(text: &str) -> Self {
        let app = "app".parse().expect("it is a name");
        let mut reading = Self {
            manifest: Manifest {
                manifest: VERSION,
                app,
                scripts: std::collections::BTreeMap::new(),
                modules: std::collections::BTreeMap::new(),
                routes: Vec::new(),
                triggers: Vec::new(),
            },
            findings: Vec::new(),
            places: Places::default(),
            broken: BTreeSet::new(),
        };
        if text.len() > MAX_BYTES {
            reading.found("", "the file is larger than 256 KiB".to_owned(), None);
            return reading;
        }
        let lines = Lines::of(text);
        let (table, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            reading.places = Places::of(text, table.get_ref());
            reading.table(&lines, table.into_inner());
        }
        for error in &errors {
            reading.wrong(&lines, "", error);
        }
        reading.findings.sort_by_key(|one| (one.line, one.column));
        reading
    }

    fn found(&mut self, path: &str, message: String, hint: Option<String>) {
        let finding = self.places.finding(path, message, hint);
        self.findings.push(finding);
    }

    /// Notes what the parser says about the value at a path.
    fn wrong(&mut self, lines: &Lines<'_>, path: &str, error: &Error) {
        let (line, column) = match error.span() {
            Some(span) => lines.place(span.start),
            None => self.places.place(path),
        };
        let hint = suggest(error.message()).map(|near| format!("did you mean `{near}`?"));
        let message = in_words_of_the_file(error.message());
        self.findings.push(ManifestFinding {
            line,
            column,
            message,
            hint,
        });
    }

    fn table(&mut self, lines: &Lines<'_>, table: DeTable<'_>) {
        for (key, what) in [("manifest", "manifest = 1"), ("app", "app = \"shop\"")] {
            if !table.keys().any(|known| known.get_ref() == key) {
                let hint = Some(format!("add: {what}"));
                self.findings.push(ManifestFinding {
                    line: 1,
                    column: 1,
                    message: format!("`{key}` is missing"),
                    hint,
                });
            }
        }
        for (key, value) in table {
            let (span, key) = (key.span(), key.into_inner());
            match &*key {
                "manifest" => self.version(lines, value),
                "app" => {
                    let app = self.one::<AppSlug>(lines, "app", value);
                    self.manifest.app = app.unwrap_or_else(|| self.manifest.app.clone());
                }
                "scripts" => self.scripts(lines, value),
                "modules" => self.modules(lines, value),
                "routes" => self.manifest.routes = self.list(lines, "routes", value),
                "triggers" => self.manifest.triggers = self.list(lines, "triggers", value),
                other => {
                    let (line, column) = lines.place(span.start);
                    let hint = closest(other, KEYS).map(|near| format!("did you mean `{near}`?"));
                    self.findings.push(ManifestFinding {
                        line,
                        column,
                        message: format!("unknown field `{other}`"),
                        hint,
                    });
                }
            }
        }
    }

    /// A value, or `None` with findings. What is wrong is left out and the rest is read again, so that
    /// it does not hide what is wrong behind it.
    fn one<T: for<'de> Deserialize<'de>>(
        &mut self,
        lines: &Lines<'_>,
        path: &str,
        mut value: Spanned<DeValue<'_>>,
    ) -> Option<T> {
        let mut whole = true;
        loop {
            let error = match T::deserialize(ValueDeserializer::from(value.clone())) {
                Ok(read) => return whole.then_some(read),
                Err(error) => error,
            };
            // What is missing then may be what was left out.
            if whole || !is_missing(error.message()) {
                self.wrong(lines, path, &error);
            }
            whole = false;
            if !leave_out(&mut value, &error) {
                return None;
            }
        }
    }

    fn version(&mut self, lines: &Lines<'_>, value: Spanned<DeValue<'_>>) {
        match self.one::<u32>(lines, "manifest", value) {
            Some(VERSION) | None => {}
            Some(other) => {
                let message = format!(
                    "manifest = {other} is not supported; this program knows manifest = {VERSION}"
                );
                self.found("manifest", message, None);
            }
        }
    }

    fn scripts(&mut self, lines: &Lines<'_>, value: Spanned<DeValue<'_>>) {
        for (name, entry) in self.entries("scripts", value) {
            let path = format!("scripts.{name}");
            let known = self.name::<ScriptName>(&path, &name);
            match (known, self.one::<ScriptEntry>(lines, &path, entry)) {
                (Some(known), Some(entry)) if self.inside(&path, &entry.file) => {
                    self.manifest.scripts.insert(known, entry);
                }
                _ => drop(self.broken.insert(name)),
            }
        }
    }

    fn modules(&mut self, lines: &Lines<'_>, value: Spanned<DeValue<'_>>) {
        for (name, entry) in self.entries("modules", value) {
            let path = format!("modules.{name}");
            let known = self.name::<ModuleName>(&path, &name);
            match (known, self.one::<ModuleEntry>(lines, &path, entry)) {
                (Some(known), Some(entry)) if self.inside(&path, &entry.file) => {
                    self.manifest.modules.insert(known, entry);
                }
                _ => drop(self.broken.insert(name)),
            }
        }
    }

    fn name<T: std::str::FromStr<Err: ToString>>(&mut self, path: &str, name: &str) -> Option<T> {
        let parsed = name.parse::<T>();
        parsed
            .map_err(|error| self.found(path, error.to_string(), None))
            .ok()
    }

    /// Whether a file stays inside the app's folder.
    fn inside(&mut self, path: &str, file: &str) -> bool {
        let inside = !file.is_empty()
            && !file.contains('\0')
            && Path::new(file)
                .components()
                .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside {
            let message = format!("file `{file}` must be a relative path inside the app's folder");
            self.found(&format!("{path}.file"), message, None);
        }
        inside
    }

    fn entries<'v>(
        &mut self,
        key: &str,
        value: Spanned<DeValue<'v>>,
    ) -> Vec<(String, Spanned<DeValue<'v>>)> {
        let DeValue::Table(entries) = value.into_inner() else {
            let message = format!("`{key}` holds tables, like [{key}.orders]");
            self.found(key, message, None);
            return Vec::new();
        };
        let named = entries.into_iter();
        named
            .map(|(name, entry)| (name.into_inner().into_owned(), entry))
            .collect()
    }

    /// Items of a list. One that cannot be read leaves its number to nobody.
    fn list<T: for<'de> Deserialize<'de>>(
        &mut self,
        lines: &Lines<'_>,
        key: &str,
        value: Spanned<DeValue<'_>>,
    ) -> Vec<T> {
        let DeValue::Array(items) = value.into_inner() else {
            self.found(key, format!("`{key}` is a list: [[{key}]]"), None);
            return Vec::new();
        };
        let mut read = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let path = format!("{key}.{index}");
            if let Some(item) = self.one(lines, &path, item) {
                if read.len() < index {
                    // What is found later is looked up by the numbers of what was read.
                    self.places.renumber(key, index, read.len());
                }
                read.push(item);
            }
        }
        read
    }
}

/// Whether the parser says that something is not there.
fn is_missing(message: &str) -> bool {
    message.starts_with("missing field") || message.contains(" trigger needs `")
}

/// Takes the entry of a table out that an error is about; `false`: there is none.
fn leave_out(value: &mut Spanned<DeValue<'_>>, error: &Error) -> bool {
    let (Some(span), DeValue::Table(table)) = (error.span(), value.get_mut()) else {
        return false;
    };
    let mut entries = table.iter();
    let around = entries.find(|(key, value)| {
        let end = key.span().end.max(value.span().end);
        (key.span().start..end).contains(&span.start)
    });
    let around = around.map(|(key, _)| key.clone());
    around.is_some_and(|key| table.remove(&key).is_some())
}

/// What the parser says, without the types of the language it is written in.
fn in_words_of_the_file(message: &str) -> String {
    let (found, expected) = message.split_once("expected ").unwrap_or((message, ""));
    let expected = match expected {
        "u32" | "u64" | "i64" => "a whole number",
        "a sequence" => "a list",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        _ => return message.to_owned(),
    };
    format!("{found}expected {expected}")
}

/// From serde's "unknown field `x`, expected one of `a`, `b`": the name closest to `x`.
fn suggest(message: &str) -> Option<String> {
    let rest = message.strip_prefix("unknown field `");
    let rest = rest.or_else(|| message.strip_prefix("unknown variant `"))?;
    let quoted: Vec<&str> = rest.split('`').step_by(2).collect();
    let (wrong, known) = quoted.split_first()?;
    closest(wrong, known.iter().copied()).map(str::to_owned)
}
