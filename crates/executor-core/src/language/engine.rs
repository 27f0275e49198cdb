//! Rhai engines that are safe to give to strangers.
//!
//! Built from a chosen part of the standard library, our replacements for its functions that hang,
//! abort or explode (the last registered wins), and a library. Rhai's own limits on arrays and maps
//! stay off: they walk the whole container at every call; the memory meter bounds them instead.

use std::sync::{Arc, OnceLock};

use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicBlobPackage, BasicFnPackage, BasicIteratorPackage,
    BasicMapPackage, BasicMathPackage, BasicStringPackage, BitFieldPackage, LanguageCorePackage,
    LogicPackage, MoreStringPackage, Package as _,
};
use rhai::{Dynamic, Engine, Module, ModuleResolver, OptimizationLevel, Shared};
use shared::invocation::LogLevel;
use shared::limits::fixed;

use super::catch;
use super::known::Known;
use super::program::Running;
use super::{cells, methods, overrides};
use crate::sandbox::context;

/// Nesting of expressions: at the top level and inside functions.
const EXPRESSION_DEPTH: (usize, usize) = (64, 32);
const VARIABLES: usize = 512;
const FUNCTIONS: usize = 256;

/// What scripts can use besides the language itself.
pub(crate) struct Library {
    /// Adds types, and functions that need no namespace; what is there already is replaced.
    pub(crate) add_globals: fn(&mut Module),
    /// The functions of each namespace.
    pub(crate) namespaces: Vec<(&'static str, Module)>,
    /// Its own types: where they are in this program, and what scripts call them.
    pub(crate) types: &'static [fn() -> OwnType],
    /// Variables of the top level, with the types of what they hold.
    pub(crate) given: &'static [(&'static str, &'static str)],
    /// Looks at the program that runs, where one does.
    pub(crate) running: Running,
}

#[cfg(test)]
impl Library {
    /// Nothing but the language itself, and no running program.
    pub(crate) fn empty() -> Self {
        Self {
            add_globals: |_module| {},
            namespaces: Vec::new(),
            types: &[],
            given: &[],
            running: |_look| {},
        }
    }
}

/// A type of the library's own.
pub(crate) struct OwnType {
    /// Its path.
    pub(crate) path: &'static str,
    /// What scripts call it.
    pub(crate) name: &'static str,
}

impl OwnType {
    /// What scripts call values of this type.
    pub(crate) fn of<T>(name: &'static str) -> Self {
        let path = std::any::type_name::<T>();
        Self { path, name }
    }
}

/// The language with a library: everything engines have in common, made once.
pub(crate) struct Language {
    global: Shared<Module>,
    namespaces: Vec<(&'static str, Shared<Module>)>,
    types: Vec<OwnType>,
    given: &'static [(&'static str, &'static str)],
    running: Running,
    known: OnceLock<Known>,
}

impl Language {
    /// The language with what `library` has.
    pub(crate) fn with(library: Library) -> Self {
        // One module: a function is looked up in every module until it is found, at every first
        // call in a run and in every call of a closure.
        let mut global = standard();
        overrides::add_to(&mut global);
        (library.add_globals)(&mut global);
        let types: Vec<OwnType> = library.types.iter().map(|one| one()).collect();
        for one in &types {
            global.set_custom_type_raw(one.path, one.name);
        }
        let global = ready("platform", global);
        let namespaces = library.namespaces.into_iter();
        let namespaces: Vec<_> = namespaces
            .map(|(name, module)| (name, ready(name, module)))
            .collect();
        Self {
            global,
            namespaces,
            types,
            given: library.given,
            running: library.running,
            known: OnceLock::new(),
        }
    }

    /// The functions without a namespace, and those of each.
    pub(crate) fn modules(&self) -> impl Iterator<Item = (Option<&'static str>, &Shared<Module>)> {
        let own = self.namespaces.iter();
        let own = own.map(|(name, module)| (Some(*name), module));
        std::iter::once((None, &self.global)).chain(own)
    }

    /// What functions there are; looked for when it is asked first.
    pub(crate) fn known(&self) -> &Known {
        self.known.get_or_init(|| {
            let types = self.types.iter().map(|one| (one.path, one.name));
            Known::of(&self.engine(), types)
        })
    }

    /// Variables of the top level, with the types of what they hold.
    pub(crate) fn given(&self) -> &'static [(&'static str, &'static str)] {
        self.given
    }

    /// An engine that runs scripts, which import from `modules`: one per worker thread. What their
    /// closures share is noted by `note`.
    pub(crate) fn runtime_engine(
        &self,
        modules: impl ModuleResolver + 'static,
        note: cells::Note,
    ) -> Engine {
        let mut engine = self.engine();
        catch::add_to(&mut engine, self.running);
        cells::add_to(&mut engine, note);
        let own: Vec<&str> = self.types.iter().map(|one| one.path).collect();
        methods::add_to(&mut engine, move |value| own.contains(&value.type_name()));
        engine
            .set_module_resolver(modules)
            .on_progress(|_operations| context::tick().err().map(|_stopped| Dynamic::UNIT))
            .on_print(|text| context::log(LogLevel::Info, text, None))
            .on_debug(|text, _source, _position| context::log(LogLevel::Debug, text, None));
        engine
    }

    /// An engine that parses what [`super::places::with_places`] made of a source that was parsed already.
    pub(super) fn placing_engine(&self) -> Engine {
        let mut engine = self.engine();
        catch::add_to(&mut engine, self.running);
        cells::add_to(&mut engine, |_cell| {});
        // The blocks that were put in nest deeper, but by a constant factor.
        engine.set_max_expr_depths(0, 0);
        engine
    }

    /// An engine that parses: unknown variables are errors.
    pub(crate) fn compile_engine(&self) -> Engine {
        let mut engine = self.engine();
        engine.set_strict_variables(true);
        engine
    }

    fn engine(&self) -> Engine {
        let mut engine = Engine::new_raw();
        engine.register_global_module(Arc::clone(&self.global));
        for (name, module) in &self.namespaces {
            engine.register_static_module(*name, Arc::clone(module));
        }
        engine
            .disable_symbol("eval")
            // A call with thousands of curried arguments is one operation that takes seconds.
            // Closures do what it is for.
            .disable_symbol("curry")
            // `compile/parse.rs` looks at the tree as it was written first.
            .set_optimization_level(OptimizationLevel::None)
            .set_max_call_levels(fixed::CALL_DEPTH)
            .set_max_expr_depths(EXPRESSION_DEPTH.0, EXPRESSION_DEPTH.1)
            .set_max_variables(VARIABLES)
            .set_max_functions(FUNCTIONS)
            .set_max_modules(fixed::GRAPH_MODULES);
        engine
    }
}

/// The part of the standard library that scripts have.
fn standard() -> Module {
    let mut module = Module::new();
    LanguageCorePackage::init(&mut module);
    ArithmeticPackage::init(&mut module);
    LogicPackage::init(&mut module);
    BasicStringPackage::init(&mut module);
    BasicIteratorPackage::init(&mut module);
    BasicFnPackage::init(&mut module);
    BitFieldPackage::init(&mut module);
    BasicMathPackage::init(&mut module);
    BasicArrayPackage::init(&mut module);
    BasicBlobPackage::init(&mut module);
    BasicMapPackage::init(&mut module);
    MoreStringPackage::init(&mut module);
    // Otherwise each is searched for in a list, at every first call.
    module.register_lazy_functions();
    module
}

fn ready(name: &str, mut module: Module) -> Shared<Module> {
    // Without an id and an index a module is cloned deeply at every registration.
    module.set_id(name);
    module.build_index();
    module.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Language {
        let library = Library {
            namespaces: vec![("shop", Module::new())],
            ..Library::empty()
        };
        Language::with(library)
    }

    #[test]
    fn every_namespace_has_an_id_and_an_index() {
        for (name, module) in &plain().namespaces {
            assert_eq!(module.id(), Some(*name));
            assert!(module.is_indexed(), "{name}");
        }
    }

    #[test]
    fn functions_are_found_by_their_hash_in_one_module() {
        assert!(!plain().global.has_lazy_functions());
        assert!(plain().global.is_indexed());
    }

    #[test]
    fn rhai_keeps_its_checks() {
        // With the feature `unchecked` this overflow would wrap, and no limit would hold.
        let result = plain().engine().eval::<i64>("9223372036854775807 + 1");
        assert!(result.is_err());
    }

    #[test]
    fn eval_is_not_a_word_of_the_language() {
        for source in ["eval(\"1\")", "Fn(\"eval\").call(\"1\")", "\"1\".eval()"] {
            assert!(plain().engine().eval::<i64>(source).is_err(), "{source}");
        }
    }
}
