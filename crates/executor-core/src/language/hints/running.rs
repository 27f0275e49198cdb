//! What to do about an error of a script that runs.

use std::borrow::Cow;

use rhai::EvalAltResult;

use super::calls::for_unknown_call;
use super::names::{for_unseen, unknown_property};
use super::signatures::{taken_by, taken_with};
use crate::language::functions::CLOSURE;
use crate::language::kinds::in_script_terms;

/// What to do about an error of the language; none where its text says it all.
pub(crate) fn for_error(error: &EvalAltResult) -> Option<String> {
    match error {
        EvalAltResult::ErrorFunctionNotFound(signature, _) => for_missing(signature),
        EvalAltResult::ErrorMismatchDataType(expected, found, _) => for_mismatch(expected, found),
        EvalAltResult::ErrorDotExpr(text, _) => for_property(text),
        EvalAltResult::ErrorIndexingType(text, _) => for_index(text),
        EvalAltResult::ErrorFor(_) => {
            Some("for goes over arrays, texts and ranges: for i in 0..5 { … }, for key in map.keys() { … }".to_owned())
        }
        EvalAltResult::ErrorArrayBounds(..) => {
            Some("the first is [0], the last [-1]; ask for list.len first".to_owned())
        }
        EvalAltResult::ErrorStringBounds(..) => {
            Some("the first letter is [0], the last [-1]; ask for text.len first".to_owned())
        }
        EvalAltResult::ErrorVariableNotFound(name, _) => for_unseen(name),
        EvalAltResult::ErrorUnboundThis(_) => {
            Some("`this` is the value a function is called on: value.work()".to_owned())
        }
        _ => None,
    }
}

/// A signature with the name scripts have for functions that have none.
pub(crate) fn named(signature: &str) -> Cow<'_, str> {
    match signature.split_once(" (") {
        Some((name, values)) if name.starts_with("anon$") => format!("{CLOSURE} ({values}").into(),
        _ => signature.into(),
    }
}

/// A function that is not there for these values.
fn for_missing(signature: &str) -> Option<String> {
    let signature = &in_script_terms(&named(signature));
    let (name, values) = signature.split_once(" (").unwrap_or((signature, ""));
    let values = values.strip_suffix(')').unwrap_or(values);
    let is_word = name.starts_with(|letter: char| letter.is_alphabetic() || letter == '_');
    if !is_word {
        return for_operator(name, values);
    }
    if name == CLOSURE {
        return Some(
            "a closure is called with as many values as it has parameters, and only in the script or \
             module it is written in: give it to a function of that module, which calls it"
                .to_owned(),
        );
    }
    let first = values.split(", ").next().filter(|first| !first.is_empty());
    let taken = first.and_then(|first| taken_with(name, first));
    let hint = || for_unknown_call(name, true).map(str::to_owned);
    if let Some(hint) = taken.or_else(hint).or_else(|| taken_by(name)) {
        return Some(hint);
    }
    if first == Some("()") {
        return Some(MISSING.to_owned());
    }
    // It may be called on a value, or be a function of the script that takes other values.
    (first.is_some() && !name.contains("::"))
        .then(|| format!("a closure in a variable is called with {name}.call(…)"))
}

const MISSING: &str = "a value is missing (): ask for it with == (), or give another with ??";

fn for_operator(sign: &str, values: &str) -> Option<String> {
    let hint = if sign == "!" {
        "! takes true or false; compare instead: x == (), x == 0, x == \"\""
    } else if matches!(sign, "&&" | "||") {
        "both sides are true or false; compare instead: x != (), x != 0, x != \"\""
    } else if values.contains("()") {
        MISSING
    } else if values.contains("string") {
        "a text becomes a number with parse_int(text) or parse_float(text), a value a text with x.to_string()"
    } else {
        return None;
    };
    Some(hint.to_owned())
}

fn for_mismatch(expected: &str, found: &str) -> Option<String> {
    if expected == "bool" && found != "bool" {
        let hint = "a condition is true or false; compare instead: x != (), x != 0, x != \"\"";
        return Some(hint.to_owned());
    }
    None
}

/// What an error of the platform has that a value which was thrown has not.
const OF_ERRORS: [&str; 8] = [
    "kind", "message", "service", "line", "position", "function", "script", "status",
];

fn for_property(text: &str) -> Option<String> {
    let (name, kind) = unknown_property(text)?;
    if OF_ERRORS.contains(&name) && PLAIN.contains(&in_script_terms(kind).as_str()) {
        return Some(format!(
            "what a script throws is itself in `catch (e)`: after `throw \"text\"`, e is the text. \
             Throw a map, as in throw #{{ {name}: … }}, or ask type_of(e) first"
        ));
    }
    let hint = match for_unknown_call(name, true) {
        _ if text.contains("type '()'") => MISSING_BEFORE,
        Some(hint) => hint,
        None => return None,
    };
    Some(hint.to_owned())
}

/// Values without properties, as scripts call them.
const PLAIN: [&str; 6] = ["string", "integer", "float", "bool", "char", "array"];

const MISSING_BEFORE: &str =
    "what stands before it is missing (): ask for it with == (), or write ?. in place of the dot";

fn for_index(text: &str) -> Option<String> {
    text.starts_with("() [").then(|| {
        "what stands before it is missing (): ask for it with == (), or write ?[ in place of ["
            .to_owned()
    })
}
