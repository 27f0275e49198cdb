//! What the modules of a release import from each other.

use std::collections::{BTreeMap, BTreeSet};

use rhai::AST;
use shared::limits::fixed;
use shared::script_error::{Diagnostic, Severity};
use shared::suggest::closest;

use crate::language::compile::graph::{Import, check_top_level, imports_of};

/// The modules by name, each with the names it imports and where.
#[derive(Default)]
pub(super) struct Modules {
    imports: BTreeMap<String, Vec<Import>>,
}

fn wrong(script: &str, import: &Import, message: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        script: script.to_owned(),
        line: import.line,
        column: import.column,
        message,
        hint: None,
    }
}

impl Modules {
    /// Adds a module that compiles.
    pub(super) fn add(&mut self, name: &str, ast: &AST, found: &mut Vec<Diagnostic>) {
        if let Err(error) = check_top_level(name, ast) {
            found.push(*error);
        }
        self.imports.insert(name.to_owned(), imports_of(ast));
    }

    /// Adds a module that does not: it exists, and more is not known.
    pub(super) fn add_broken(&mut self, name: &str) {
        self.imports.insert(name.to_owned(), Vec::new());
    }

    /// What is wrong with the modules among themselves.
    pub(super) fn check(&self, found: &mut Vec<Diagnostic>) {
        for (name, imports) in &self.imports {
            self.known(name, imports, found);
        }
        let mut done = BTreeSet::new();
        for name in self.imports.keys() {
            self.cycles(name, &mut Vec::new(), &mut done, found);
        }
    }

    /// What is wrong with a script's imports.
    pub(super) fn check_script(&self, script: &str, ast: &AST, found: &mut Vec<Diagnostic>) {
        let imports = imports_of(ast);
        self.known(script, &imports, found);
        let mut depths = BTreeMap::new();
        for import in &imports {
            let Some(module) = &import.module else {
                continue;
            };
            if self.depth(module, &mut depths) > fixed::IMPORT_DEPTH {
                let message = format!(
                    "imports are nested deeper than {} modules from here on",
                    fixed::IMPORT_DEPTH
                );
                found.push(wrong(script, import, message));
            }
        }
        if depths.len() > fixed::GRAPH_MODULES
            && let Some(import) = imports.first()
        {
            let message = format!(
                "a script can reach at most {} modules",
                fixed::GRAPH_MODULES
            );
            found.push(wrong(script, import, message));
        }
    }

    fn known(&self, script: &str, imports: &[Import], found: &mut Vec<Diagnostic>) {
        for import in imports {
            match &import.module {
                None => {
                    let message = "import needs the module's name as a plain text".to_owned();
                    found.push(wrong(script, import, message));
                }
                Some(module) if !self.imports.contains_key(module) => {
                    let mut error = wrong(
                        script,
                        import,
                        format!("there is no module `{module}` in this release of the app"),
                    );
                    error.hint = self.similar(module).map(|near| format!("is it `{near}`?"));
                    found.push(error);
                }
                Some(_) => {}
            }
        }
    }

    fn similar(&self, module: &str) -> Option<&str> {
        closest(module, self.imports.keys().map(String::as_str))
    }

    /// Reports every way back to a module that is still on the path.
    fn cycles(
        &self,
        name: &str,
        path: &mut Vec<String>,
        done: &mut BTreeSet<String>,
        found: &mut Vec<Diagnostic>,
    ) {
        if done.contains(name) {
            return;
        }
        path.push(name.to_owned());
        for import in self.imports.get(name).into_iter().flatten() {
            let Some(module) = &import.module else {
                continue;
            };
            if let Some(start) = path.iter().position(|on_path| on_path == module) {
                let mut cycle = path[start..].to_vec();
                cycle.push(module.clone());
                let message = format!("modules import each other: {}", cycle.join(" -> "));
                found.push(wrong(name, import, message));
            } else {
                self.cycles(module, path, done, found);
            }
        }
        path.pop();
        done.insert(name.to_owned());
    }

    /// How many modules are on the longest path from `module`, itself included. Fills `depths`
    /// with every module reached.
    fn depth(&self, module: &str, depths: &mut BTreeMap<String, usize>) -> usize {
        if let Some(depth) = depths.get(module) {
            return *depth;
        }
        let Some(imports) = self.imports.get(module) else {
            return 0;
        };
        // A cycle, reported elsewhere, ends here.
        depths.insert(module.to_owned(), 0);
        let names = imports.iter().filter_map(|import| import.module.as_deref());
        let below = names
            .map(|name| self.depth(name, depths))
            .max()
            .unwrap_or(0);
        depths.insert(module.to_owned(), below + 1);
        below + 1
    }
}
