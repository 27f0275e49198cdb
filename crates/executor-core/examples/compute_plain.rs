//! The scripts of the benchmark's `compute` row in a plain Rhai engine: no limits, no metering.

#[path = "compute/programs.rs"]
mod programs;

use rhai::packages::{Package as _, StandardPackage};
use rhai::{Dynamic, Engine};

#[global_allocator]
static ALLOC: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut engine = Engine::new_raw();
    engine.register_global_module(StandardPackage::new().as_shared_module());
    engine.set_max_expr_depths(0, 0);
    let mut compiled = std::collections::HashMap::new();
    programs::time_all(|source| {
        let ast = compiled
            .entry(source.to_owned())
            .or_insert_with(|| engine.compile(source).expect("it compiles"));
        let result = engine.eval_ast::<Dynamic>(ast);
        result.expect("it runs").to_string()
    });
}
