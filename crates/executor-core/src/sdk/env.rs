//! `env`: the app's environment variables.

use rhai::plugin::{Dynamic, ImmutableString, export_module};

use crate::sandbox::context;

fn lookup(name: &str) -> Option<ImmutableString> {
    context::with(|c| {
        c.invocation
            .app
            .env
            .get(name)
            .map(|value| value.as_ref().into())
    })
}

#[export_module(root = "crate::language::placed")]
pub(super) mod functions {
    /// The variable's value; `()` when it is not set.
    pub fn get(name: ImmutableString) -> Dynamic {
        lookup(&name).map_or(Dynamic::UNIT, Dynamic::from)
    }

    /// The variable's value; `default` when it is not set.
    #[rhai_fn(name = "get")]
    pub fn get_or(name: ImmutableString, default: Dynamic) -> Dynamic {
        lookup(&name).map_or(default, Dynamic::from)
    }
}
