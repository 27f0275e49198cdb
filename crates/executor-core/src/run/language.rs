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

#[cfg(test)]
mod tests {
    use super::language;

    #[test]
    fn the_engine_tells_what_its_functions_take_and_return() {
        let language = language();
        let known = language.known();
        assert_eq!(
            known.returned("kv", "collection", 1).as_deref(),
            Some("Collection")
        );
        assert_eq!(
            known.returned("response", "json", 1).as_deref(),
            Some("Response")
        );
        let chained = known.returned_by_method("Response", "status", 1);
        assert_eq!(chained.as_deref(), Some("Response"));
        assert_eq!(known.returned_by_method("Collection", "get", 1), None);
        assert_eq!(known.property("Req", "headers").as_deref(), Some("Headers"));
        assert_eq!(known.method("Collection", "list"), [0, 1]);
        assert_eq!(known.method("Collection", "set"), [2, 3]);
        assert!(known.method("Collection", "push").is_empty());
        assert_eq!(known.takes("type_of"), Some(vec![1]));
        assert_eq!(known.takes("print"), Some(vec![0, 1]));
        assert_eq!(known.takes("nothing"), None);
        assert_eq!(known.own("Collection"), Some("collection"));
        assert!(known.has_property("Req", "path"));
    }
}
