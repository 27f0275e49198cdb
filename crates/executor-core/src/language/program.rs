//! A compiled script with the modules it imports.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rhai::{AST, Module, Position, Shared, Stmt};
use shared::invocation::ScriptImage;
use shared::script_error::Frame;

use super::functions::Functions;
use super::places::Shifts;

/// Evaluated modules by name.
pub(crate) type Evaluated = BTreeMap<String, Shared<Module>>;

/// What leads from places in what is run of a source to those that were written.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceMap {
    pub(super) shifts: Shifts,
    pub(super) functions: Functions,
}

/// What is at a place of the language.
pub(crate) struct Place {
    /// The function around it, and the column as it was written.
    pub(crate) frame: Frame,
    /// Where the small function begins that is called there: nothing notes where in it a run ends.
    pub(crate) calls: Option<(u32, u32)>,
}

/// Looks at the program that runs.
pub(crate) type Running = fn(look: &mut dyn FnMut(&Program));

/// A compiled script with the modules it imports.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) ast: AST,
    pub(crate) modules: Evaluated,
    /// Sources by the name frames use, for excerpts.
    pub(crate) sources: BTreeMap<String, Arc<str>>,
    /// What leads from places in what is run to those that were written.
    pub(super) maps: BTreeMap<String, SourceMap>,
    /// Its scope can be given to the next run.
    pub(crate) leaves_constants: bool,
    /// Bytes it costs to keep, about.
    pub(super) weight: u64,
    /// Whether it runs, for those who decide whether it stays.
    pub(super) used: Arc<Used>,
}

impl Program {
    /// What is at a place of the language.
    pub(crate) fn place(&self, script: &str, line: u32, column: u32) -> Place {
        let map = self.maps.get(script);
        let function = map.and_then(|map| map.functions.at(line, column));
        let frame = Frame {
            function: function.unwrap_or("main").to_owned(),
            script: script.to_owned(),
            line,
            column: map.map_or(column, |map| map.shifts.written(line, column)),
        };
        let calls = map.and_then(|map| map.functions.called_at(line, column));
        Place { frame, calls }
    }

    /// The script that has a function of this name. To the language a function is of the script that
    /// calls it, so a closure that a module calls would be the module's.
    pub(super) fn script_with<'s>(&'s self, function: &str, said: &'s str) -> &'s str {
        self.script_where(said, |functions| functions.has(function))
    }

    /// The script in which a block of ours begins here; to the language it, too, is of whoever called.
    pub(super) fn script_with_block<'s>(&'s self, at: Position, said: &'s str) -> &'s str {
        self.script_where(said, |functions| functions.has_block(at))
    }

    /// The script that was said, if that is right of it; else another one of which it is, or the same.
    fn script_where<'s>(&'s self, said: &'s str, is: impl Fn(&Functions) -> bool) -> &'s str {
        let right = |map: &SourceMap| is(&map.functions);
        if self.maps.get(said).is_some_and(right) {
            return said;
        }
        let mut others = self.maps.iter();
        others
            .find(|(_, map)| right(map))
            .map_or(said, |(name, _)| name)
    }
}

/// Whether a program has run since it was looked at.
#[derive(Debug, Default)]
pub(crate) struct Used(AtomicBool);

impl Used {
    /// It runs.
    pub(crate) fn mark(&self) {
        // Most of the time it is marked, and looking is cheaper than writing what others look at.
        if !self.0.load(Ordering::Relaxed) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it has run since the last time this was asked.
    pub(super) fn look(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// How frames call a script.
pub(crate) fn frame_name(image: &ScriptImage) -> String {
    format!("{}@{}", image.name, image.version)
}

/// Whether a run of this script leaves the constants of its scope as they were: an `export` names
/// them anew.
pub(crate) fn leaves_constants(ast: &AST) -> bool {
    let exports = |statement: &Stmt| matches!(statement, Stmt::Export(..));
    !ast.statements().iter().any(exports)
}

#[cfg(test)]
mod tests {
    use rhai::Engine;

    use super::leaves_constants;

    #[test]
    fn a_script_that_exports_a_constant_is_told_apart() {
        let tree = |source| Engine::new_raw().compile(source).unwrap();
        assert!(!leaves_constants(&tree("const A = 1; export A as b;")));
        assert!(leaves_constants(&tree("const A = 1; let b = A;")));
    }
}
