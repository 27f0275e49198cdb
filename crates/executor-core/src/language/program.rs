//! A compiled script with the modules it imports.

use std::collections::BTreeMap;
use std::sync::Arc;

use rhai::{AST, Module, Shared, Stmt};
use shared::invocation::ScriptImage;

use super::places::Shifts;

/// Evaluated modules by name.
pub(crate) type Evaluated = BTreeMap<String, Shared<Module>>;

/// A compiled script with the modules it imports.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) ast: AST,
    pub(crate) modules: Evaluated,
    /// Sources by the name frames use, for excerpts.
    pub(crate) sources: BTreeMap<String, Arc<str>>,
    /// What differs between a source and what is run, where something does.
    pub(super) shifts: BTreeMap<String, Shifts>,
    /// Its scope can be given to the next run.
    pub(crate) leaves_constants: bool,
    /// Bytes it costs to keep, about.
    pub(super) weight: u64,
}

impl Program {
    /// The column of a position of the language as it was written.
    pub(crate) fn written(&self, script: &str, line: u32, column: u32) -> u32 {
        let shifts = self.shifts.get(script);
        shifts.map_or(column, |shifts| shifts.written(line, column))
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
