//! Where in a manifest something is.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Something wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFinding {
    /// Line, from 1; 0 for the whole file.
    pub line: u32,
    /// Column in characters, from 1; 0 for the whole file.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl fmt::Display for ManifestFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}, column {}: ", self.line, self.column)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// Lines and columns of the values of a manifest, by their path: `routes.2.path`.
#[derive(Clone, Debug, Default)]
pub struct Places {
    at: BTreeMap<String, (u32, u32)>,
}

impl Places {
    /// Those of a table in a text.
    pub(super) fn of(text: &str, table: &DeTable<'_>) -> Self {
        let lines = Lines::of(text);
        let mut places = Self::default();
        places.table(&lines, "", table);
        places
    }

    /// The place of a value; where it is absent, that of what it is a part of.
    pub fn place(&self, path: &str) -> (u32, u32) {
        let mut path = path;
        loop {
            if let Some(place) = self.at.get(path) {
                return *place;
            }
            let Some((outer, _)) = path.rsplit_once('.') else {
                return (0, 0);
            };
            path = outer;
        }
    }

    /// Gives an item of a list the place of a later one.
    pub(super) fn renumber(&mut self, list: &str, from: usize, to: usize) {
        let (from, to) = (format!("{list}.{from}"), format!("{list}.{to}"));
        let inside = |path: &str| {
            let rest = path.strip_prefix(from.as_str())?;
            (rest.is_empty() || rest.starts_with('.')).then(|| format!("{to}{rest}"))
        };
        let moved: Vec<_> = self
            .at
            .iter()
            .filter_map(|(path, place)| Some((inside(path)?, *place)))
            .collect();
        self.at
            .retain(|path, _| *path != to && !path.starts_with(&format!("{to}.")));
        self.at.extend(moved);
    }

    /// A finding about a value.
    pub fn finding(&self, path: &str, message: String, hint: Option<String>) -> ManifestFinding {
        let (line, column) = self.place(path);
        ManifestFinding {
            line,
            column,
            message,
            hint,
        }
    }

    fn table(&mut self, lines: &Lines<'_>, path: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = key.get_ref();
            let path = if path.is_empty() {
                name.to_string()
            } else {
                format!("{path}.{name}")
            };
            // A table is where its name is, another value where it begins.
            let span = if value.get_ref().is_table() {
                key.span()
            } else {
                value.span()
            };
            self.value(lines, path, span, value);
        }
    }

    fn value(
        &mut self,
        lines: &Lines<'_>,
        path: String,
        span: Range<usize>,
        value: &Spanned<DeValue<'_>>,
    ) {
        match value.get_ref() {
            DeValue::Table(table) => self.table(lines, &path, table),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.value(lines, format!("{path}.{index}"), item.span(), item);
                }
            }
            _ => {}
        }
        self.at.insert(path, lines.place(span.start));
    }
}

/// The lines of a text, to find places in it.
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        let starts = std::iter::once(0).chain(ends).collect();
        Self { text, starts }
    }

    /// Line and column of a byte.
    pub(super) fn place(&self, at: usize) -> (u32, u32) {
        let line = self.starts.partition_point(|start| *start <= at).max(1);
        let start = self.starts[line - 1];
        let before = self.text.get(start..at).unwrap_or_default();
        let column = before.chars().count() + 1;
        (line as u32, u32::try_from(column).unwrap_or(u32::MAX))
    }
}
