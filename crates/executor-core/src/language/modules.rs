//! `import`: the same app and the same release only, from modules compiled with the script.

use std::collections::BTreeMap;
use std::sync::Arc;

use rhai::{Engine, EvalAltResult, Module, Position, Shared};

use crate::sandbox::context;

/// Evaluated modules by name.
pub(crate) type Evaluated = BTreeMap<String, Shared<Module>>;

/// Answers `import` at run time from the program of the running script.
pub(crate) struct ProgramModules;

impl rhai::ModuleResolver for ProgramModules {
    fn resolve(
        &self,
        _engine: &Engine,
        _source: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        let found = context::with(|context| context.program.modules.get(path).cloned());
        found.ok_or_else(|| EvalAltResult::ErrorModuleNotFound(path.to_owned(), position).into())
    }
}

/// Answers `import` while a module is compiled, from those it depends on.
pub(crate) struct CompiledModules(pub(crate) Arc<Evaluated>);

impl rhai::ModuleResolver for CompiledModules {
    fn resolve(
        &self,
        _engine: &Engine,
        _source: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        let found = self.0.get(path).cloned();
        found.ok_or_else(|| EvalAltResult::ErrorModuleNotFound(path.to_owned(), position).into())
    }
}
