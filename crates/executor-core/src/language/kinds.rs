//! What kinds of values are called in messages: in the terms of scripts, never of what runs them.

use rhai::{Blob, Dynamic, ImmutableString, Map};

use super::caught::Caught;

/// What a value is called.
pub(crate) fn kind_of(value: &Dynamic) -> String {
    let name = if value.is_unit() {
        "()"
    } else if value.is_int() {
        "integer"
    } else if value.is_float() {
        "float"
    } else if value.is::<ImmutableString>() {
        "string"
    } else if value.is::<Map>() {
        "map"
    } else if value.is::<Blob>() {
        "blob"
    } else if value.is_fnptr() {
        "function"
    } else if value.is::<Caught>() {
        "error"
    } else {
        return own_name(value.type_name());
    };
    name.to_owned()
}

/// The name of a type without the path to it: `a::b::Collection<C>` is a `collection`.
fn own_name(path: &str) -> String {
    let plain = path.split('<').next().unwrap_or(path);
    let last = plain.rsplit("::").next().unwrap_or(plain);
    last.to_lowercase()
}

/// A list of types of the language, like a signature, in the terms of scripts.
pub(super) fn in_script_terms(text: &str) -> String {
    let text = text
        .replace("&str | ImmutableString | String", "string")
        // Of a variable that closures share the language knows no more here.
        .replace(
            "alloc::sync::Arc<std::sync::poison::rwlock::RwLock<rhai::types::dynamic::Dynamic>>",
            "shared",
        );
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    for character in text.chars().chain(['\0']) {
        if character.is_alphanumeric() || matches!(character, '_' | ':') {
            word.push(character);
            continue;
        }
        out.push_str(&term(&word));
        word.clear();
        if character != '\0' {
            out.push(character);
        }
    }
    out
}

fn term(word: &str) -> String {
    let name = match word {
        "i64" => "integer",
        "f64" => "float",
        "str" | "String" | "ImmutableString" | "SmartString" => "string",
        "Dynamic" => "any",
        "Array" => "array",
        "Map" => "map",
        "Blob" => "blob",
        "Fn" | "FnPtr" => "function",
        path => {
            let roots = [
                "alloc::",
                "core::",
                "std::",
                "rhai::",
                "executor_core::",
                "smartstring::",
            ];
            if roots.iter().any(|root| path.starts_with(root)) {
                return own_name(path);
            }
            path
        }
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_in_the_terms_of_scripts() {
        for (from, to) in [
            (
                "+ (i64, &str | ImmutableString | String)",
                "+ (integer, string)",
            ),
            ("json::parse (f64)", "json::parse (float)"),
            (
                "get (executor_core::sdk::kv::Collection, i64)",
                "get (collection, integer)",
            ),
            ("my_i64 (())", "my_i64 (())"),
            (
                "f (alloc::vec::Vec<rhai::types::dynamic::Dynamic>)",
                "f (vec<dynamic>)",
            ),
        ] {
            assert_eq!(in_script_terms(from), to);
        }
    }
}
