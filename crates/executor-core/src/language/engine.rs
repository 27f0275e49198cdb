//! Rhai engines that are safe to give to strangers.
//!
//! Built from a chosen part of the standard library, our replacements for its functions that hang,
//! abort or explode (the last registered wins), and the SDK. Rhai's own limits on arrays and maps
//! stay off: they walk the whole container at every call; the memory meter bounds them instead.

use std::sync::{Arc, LazyLock};

use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicBlobPackage, BasicFnPackage, BasicIteratorPackage,
    BasicMapPackage, BasicMathPackage, BasicStringPackage, BitFieldPackage, LanguageCorePackage,
    LogicPackage, MoreStringPackage, Package as _,
};
use rhai::{Engine, Module, OptimizationLevel, Shared};
use shared::invocation::LogLevel;
use shared::limits::fixed;

use super::overrides;
use crate::language::modules::ProgramModules;
use crate::sandbox::context;
use crate::sdk;

pub(crate) use super::overrides::{
    Result, charge_bytes, room_for_text, shown, sleep_seconds, wrong,
};

/// Nesting of expressions: at the top level and inside functions.
const EXPRESSION_DEPTH: (usize, usize) = (64, 32);
const VARIABLES: usize = 512;
const FUNCTIONS: usize = 256;

struct Parts {
    global: Shared<Module>,
    namespaces: Vec<(&'static str, Shared<Module>)>,
}

static PARTS: LazyLock<Parts> = LazyLock::new(|| {
    // One module: a function is looked up in every module until it is found, at every first call
    // in a run and in every call of a closure.
    let mut global = Module::new();
    LanguageCorePackage::init(&mut global);
    ArithmeticPackage::init(&mut global);
    LogicPackage::init(&mut global);
    BasicStringPackage::init(&mut global);
    BasicIteratorPackage::init(&mut global);
    BasicFnPackage::init(&mut global);
    BitFieldPackage::init(&mut global);
    BasicMathPackage::init(&mut global);
    BasicArrayPackage::init(&mut global);
    BasicBlobPackage::init(&mut global);
    BasicMapPackage::init(&mut global);
    MoreStringPackage::init(&mut global);
    // Otherwise each is searched for in a list, at every first call.
    global.register_lazy_functions();
    overrides::add_to(&mut global);
    sdk::add_types_to(&mut global);
    let ready = |name: &str, mut module: Module| -> Shared<Module> {
        // Without an id and an index a module is cloned deeply at every registration.
        module.set_id(name);
        module.build_index();
        module.into()
    };
    let namespaces = sdk::namespaces()
        .into_iter()
        .map(|(name, module)| (name, ready(name, module)))
        .collect();
    Parts {
        global: ready("platform", global),
        namespaces,
    }
});

/// Whether `name` is a namespace of the SDK.
pub(crate) fn is_namespace(name: &str) -> bool {
    PARTS.namespaces.iter().any(|(known, _)| *known == name)
}

fn base() -> Engine {
    let mut engine = Engine::new_raw();
    engine.register_global_module(Arc::clone(&PARTS.global));
    for (name, module) in &PARTS.namespaces {
        engine.register_static_module(*name, Arc::clone(module));
    }
    engine
        .disable_symbol("eval")
        // A call with thousands of curried arguments is one operation that takes seconds. Closures do
        // what it is for.
        .disable_symbol("curry")
        .set_optimization_level(OptimizationLevel::Simple)
        .set_max_call_levels(fixed::CALL_DEPTH)
        .set_max_expr_depths(EXPRESSION_DEPTH.0, EXPRESSION_DEPTH.1)
        .set_max_variables(VARIABLES)
        .set_max_functions(FUNCTIONS)
        .set_max_modules(fixed::GRAPH_MODULES);
    engine
}

/// The engine that runs scripts: one per worker thread.
pub(crate) fn runtime_engine() -> Engine {
    let mut engine = base();
    engine
        .set_module_resolver(ProgramModules)
        .on_progress(|_operations| context::tick())
        .on_print(|text| context::log(LogLevel::Info, text, None))
        .on_debug(|text, _source, _position| context::log(LogLevel::Debug, text, None));
    engine
}

/// An engine that parses: unknown variables are errors.
pub(crate) fn compile_engine() -> Engine {
    let mut engine = base();
    engine.set_strict_variables(true);
    engine
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_namespace_has_an_id_and_an_index() {
        for (name, module) in &PARTS.namespaces {
            assert_eq!(module.id(), Some(*name));
            assert!(module.is_indexed(), "{name}");
        }
    }

    #[test]
    fn functions_are_found_by_their_hash_in_one_module() {
        assert!(!PARTS.global.has_lazy_functions());
        assert!(PARTS.global.is_indexed());
    }

    #[test]
    fn rhai_keeps_its_checks() {
        // With the feature `unchecked` this overflow would wrap, and no limit would hold.
        let result = base().eval::<i64>("9223372036854775807 + 1");
        assert!(result.is_err());
    }

    #[test]
    fn eval_is_not_a_word_of_the_language() {
        for source in ["eval(\"1\")", "Fn(\"eval\").call(\"1\")", "\"1\".eval()"] {
            assert!(base().eval::<i64>(source).is_err(), "{source}");
        }
    }
}
