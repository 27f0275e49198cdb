//! The Rhai sandbox: coroutines, limits, memory meter, modules, SDK bridge
