//! The order of the files inside a crate: rooms, each of which knows only those below it, libraries
//! a room may not name, and no circle of files.

mod circles;
mod references;
mod tokens;

use std::collections::BTreeMap;

use crate::Finding;
use crate::repository::Repository;
use circles::{Edge, circles};
use references::{Path, references};

/// A crate whose files keep an order. A file belongs to the room it is named after or lies in
/// (`sdk.rs`, `sdk/kv.rs`); `lib` and `main` are the crate's own file.
struct Crate {
    folder: &'static str,
    /// From the top to the bottom. A room may name those after it. None: only circles are looked for.
    rooms: &'static [&'static str],
    /// Libraries that a room may not name.
    barred: &'static [(&'static str, &'static str)],
}

const CRATES: &[Crate] = &[
    Crate {
        folder: "crates/executor-core/src",
        rooms: &["lib", "run", "sdk", "language", "sandbox"],
        barred: &[("sandbox", "rhai")],
    },
    without_circles("crates/manager-core/src"),
    without_circles("crates/picloud/src"),
    without_circles("crates/picloud-cli/src"),
    without_circles("crates/services-core/src"),
    without_circles("crates/orchestrator-core/src"),
    without_circles("crates/shared/src"),
    without_circles("crates/store/src"),
];

const fn without_circles(folder: &'static str) -> Crate {
    Crate {
        folder,
        rooms: &[],
        barred: &[],
    }
}

/// A source of a crate: its place in the tree of modules, and its text.
struct File<'r> {
    path: &'r str,
    text: &'r str,
    module: Vec<String>,
}

impl File<'_> {
    fn room(&self) -> &str {
        self.module
            .first()
            .map_or_else(|| self.stem(), String::as_str)
    }

    fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.trim_end_matches(".rs")
    }

    /// `tests.rs` and what lies below it.
    fn for_tests(&self) -> bool {
        self.module.iter().any(|part| part == "tests")
    }
}

/// Everything that breaks the order.
pub(crate) fn check(repository: &Repository) -> Vec<Finding> {
    CRATES
        .iter()
        .flat_map(|own| check_crate(own, repository))
        .collect()
}

fn check_crate(own: &Crate, repository: &Repository) -> Vec<Finding> {
    let files: BTreeMap<Vec<String>, File<'_>> = repository
        .rust()
        .filter_map(|(path, text)| {
            let module = module_of(path.strip_prefix(own.folder)?.strip_prefix('/')?);
            Some((module.clone(), File { path, text, module }))
        })
        .collect();
    let mut findings = Vec::new();
    let mut edges = Vec::new();
    for file in files.values() {
        findings.extend(homeless(own, file));
        for reference in references(&file.module, file.text) {
            let at = || format!("{}:{}", file.path, reference.line);
            match &reference.path {
                Path::Library(path) => {
                    let what = path.first().and_then(|library| barred(own, file, library));
                    findings.extend(what.map(|what| Finding::new(at(), what)));
                }
                Path::Own(path) => {
                    let Some(target) = target(&files, path).filter(|to| to.path != file.path)
                    else {
                        continue;
                    };
                    let what = upwards(own, file.room(), target.room());
                    findings.extend(what.map(|what| Finding::new(at(), what)));
                    if !reference.for_tests && !file.for_tests() {
                        edges.push(Edge {
                            from: file.path,
                            line: reference.line,
                            to: target.path,
                        });
                    }
                }
            }
        }
    }
    findings.extend(circles(edges));
    findings
}

/// `sdk/kv.rs` is `sdk::kv`; the crate's own file is the root.
fn module_of(path: &str) -> Vec<String> {
    if matches!(path, "lib.rs" | "main.rs") {
        return Vec::new();
    }
    let parts = path.trim_end_matches(".rs").split('/');
    parts.map(ToOwned::to_owned).collect()
}

/// The file that holds what a path names: the deepest module on its way.
fn target<'f, 'r>(
    files: &'f BTreeMap<Vec<String>, File<'r>>,
    path: &[String],
) -> Option<&'f File<'r>> {
    (0..=path.len())
        .rev()
        .find_map(|length| files.get(&path[..length]))
}

fn homeless(own: &Crate, file: &File<'_>) -> Option<Finding> {
    let known = own.rooms.is_empty() || own.rooms.contains(&file.room());
    let rooms = own.rooms.join(", ");
    let what = || format!("is in none of the rooms {rooms}; see xtask/src/rooms.rs");
    (!known).then(|| Finding::new(file.path, what()))
}

fn upwards(own: &Crate, from: &str, to: &str) -> Option<String> {
    let floor = |room: &str| own.rooms.iter().position(|known| *known == room);
    let up = floor(to)? < floor(from)?;
    let order = own.rooms.join(" > ");
    up.then(|| format!("`{from}` must not name `{to}`: a room knows only those after it, {order}"))
}

fn barred(own: &Crate, file: &File<'_>, library: &str) -> Option<String> {
    let room = file.room();
    let found = own.barred.contains(&(room, library));
    found.then(|| format!("`{room}` must not name the library `{library}`"))
}

#[cfg(test)]
mod tests;
