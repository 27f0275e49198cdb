//! The language of this platform's scripts: Rhai with the SDK.

use std::sync::{Arc, LazyLock};

use rhai::{Engine, EvalAltResult, Module, ModuleResolver, Position, Shared};

use crate::language::engine::Language;
use crate::language::hints;
use crate::sdk;
use crate::sdk::state;

/// The language, made once per process.
pub(super) fn language() -> Arc<Language> {
    static LANGUAGE: LazyLock<Arc<Language>> = LazyLock::new(|| {
        let language = Arc::new(Language::with(sdk::library()));
        hints::learn(language.modules());
        language
    });
    Arc::clone(&LANGUAGE)
}

/// Answers `import` from the program of the running script: the same app and the same release
/// only, from modules compiled with it.
pub(super) struct ProgramModules;

impl ModuleResolver for ProgramModules {
    fn resolve(
        &self,
        _engine: &Engine,
        _source: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        let found = state::with(|state| state.program.modules.get(path).cloned());
        found.ok_or_else(|| EvalAltResult::ErrorModuleNotFound(path.to_owned(), position).into())
    }
}
