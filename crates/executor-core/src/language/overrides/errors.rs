//! What scripts can do with an error they caught: it reads like a map and prints as its message.

use rhai::plugin::{Dynamic, ImmutableString, export_module};
use rhai::{Array, Map};

use crate::language::caught::Caught;

#[export_module]
pub(super) mod functions {
    /// The error's message.
    #[rhai_fn(
        name = "to_string",
        name = "to_debug",
        name = "print",
        name = "debug",
        pure
    )]
    pub fn error_text(error: &mut Caught) -> ImmutableString {
        error.message()
    }

    /// `message`, `kind`, and what else is known: `service`, `line`, `position`, `function`,
    /// `script`; `()` for anything else.
    #[rhai_fn(index_get, name = "get", pure)]
    pub fn error_field(error: &mut Caught, name: ImmutableString) -> Dynamic {
        let value = error.fields().get(name.as_str());
        value.cloned().unwrap_or_default()
    }

    /// Whether it is known of the error: `"line" in error`.
    #[rhai_fn(name = "contains", pure)]
    pub fn error_has(error: &mut Caught, name: ImmutableString) -> bool {
        error.fields().contains_key(name.as_str())
    }

    /// The names of what is known of the error.
    #[rhai_fn(name = "keys", pure)]
    pub fn error_keys(error: &mut Caught) -> Array {
        let names = error.fields().keys();
        names.map(|name| Dynamic::from(name.to_string())).collect()
    }

    /// What is known of the error, in the order of its `keys`.
    #[rhai_fn(name = "values", pure)]
    pub fn error_values(error: &mut Caught) -> Array {
        error.fields().values().cloned().collect()
    }

    /// Everything that is known of the error.
    #[rhai_fn(name = "to_map", pure)]
    pub fn error_map(error: &mut Caught) -> Map {
        error.fields().clone()
    }

    /// Whether both are the same failure: of the same kind and service, with the same message.
    #[rhai_fn(name = "==", pure)]
    pub fn same_errors(left: &mut Caught, right: Caught) -> bool {
        left.says_the_same(&right)
    }

    /// Whether they differ.
    #[rhai_fn(name = "!=", pure)]
    pub fn other_errors(left: &mut Caught, right: Caught) -> bool {
        !left.says_the_same(&right)
    }

    /// Whether this is the error's message.
    #[rhai_fn(name = "==", pure)]
    pub fn has_message(error: &mut Caught, text: ImmutableString) -> bool {
        error.message() == text
    }

    /// Whether this is not the error's message.
    #[rhai_fn(name = "!=", pure)]
    pub fn has_other_message(error: &mut Caught, text: ImmutableString) -> bool {
        error.message() != text
    }
}
