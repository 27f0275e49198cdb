//! Calls of every function of the language's standard library, as its own list of them has them.

use fastrand::Rng;
use rhai::Engine;
use serde_json::Value;

use super::values;

/// Calls made of each function.
const EACH: usize = 4;

/// A function of the standard library.
#[derive(Debug)]
struct Function {
    name: String,
    /// The types of its parameters, as [`values::of`] names them.
    parameters: Vec<String>,
    /// It may change its first argument.
    changes: bool,
}

/// What generated calls leave out: plain Rhai waits, never ends, writes to a terminal, or ends the
/// process.
fn left_out(function: &Function) -> bool {
    let name = function.name.as_str();
    let pads_text = name == "pad" && function.parameters[0] == "string";
    pads_text || matches!(name, "sleep" | "timestamp" | "exit" | "print" | "debug")
}

/// What makes something as large as a number says, or copies as often.
fn makes_much(name: &str) -> bool {
    matches!(
        name,
        "pad" | "blob" | "range" | "bits" | "<<" | "**" | "write" | "insert"
    )
}

fn kind_of(text: &str) -> &str {
    match text.trim_start_matches("&mut ").trim_start_matches('&') {
        "INT" | "i64" => "i64",
        "FLOAT" | "f64" => "f64",
        "str" | "ImmutableString" | "String" | "string" | "&str | ImmutableString | String" => {
            "string"
        }
        "Array" | "array" => "array",
        "Map" | "map" => "map",
        "Blob" | "blob" => "blob",
        "ExclusiveRange" | "Range<i64>" | "core::ops::range::Range<i64>" | "range" => "range",
        "InclusiveRange" | "RangeInclusive<i64>" | "range=" => "range=",
        "FnPtr" | "Fn" => "Fn",
        "Dynamic" | "?" => "?",
        other => other,
    }
}

fn functions(plain: &Engine) -> Vec<Function> {
    let text = plain.gen_fn_metadata_to_json(true).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let mut functions: Vec<Function> = all["functions"]
        .as_array()
        .unwrap()
        .iter()
        .map(function)
        .collect();
    functions.sort_by_cached_key(|function| format!("{function:?}"));
    functions.retain(|function| !left_out(function));
    functions
}

fn function(value: &Value) -> Function {
    let empty = Vec::new();
    let parameters = value["params"].as_array().unwrap_or(&empty);
    let types = parameters
        .iter()
        .map(|it| it["type"].as_str().unwrap_or("?").to_owned());
    let types: Vec<String> = types.collect();
    let name = value["name"].as_str().unwrap();
    let sorts = name.starts_with("sort") || name.starts_with("order");
    let kind = |text: &String| match kind_of(text) {
        "Fn" if sorts => "comparer".to_owned(),
        kind => kind.to_owned(),
    };
    Function {
        name: name.to_owned(),
        changes: types
            .first()
            .is_some_and(|first| first.starts_with("&mut ")),
        parameters: types.iter().map(kind).collect(),
    }
}

/// A call with these arguments, as an expression.
fn call(function: &Function, arguments: &[String]) -> Option<String> {
    let name = function.name.as_str();
    let parts = arguments;
    if let Some(property) = name.strip_prefix("get$") {
        return Some(format!("({}).{property}", parts[0]));
    }
    Some(match (name, parts.len()) {
        ("index$get$", 2) => format!("({})[{}]", parts[0], parts[1]),
        ("index$set$", 3) => format!(
            "{{ let x = {}; x[{}] = {}; x }}",
            parts[0], parts[1], parts[2]
        ),
        (name, _) if name.contains('$') => return None,
        (name, 2) if name.ends_with('=') && !matches!(name, "==" | "!=" | "<=" | ">=") => {
            format!("{{ let x = {}; x {name} {}; x }}", parts[0], parts[1])
        }
        (name, 2) if !name.starts_with(|letter: char| letter.is_alphabetic()) => {
            format!("({}) {name} ({})", parts[0], parts[1])
        }
        (name, 1) if !name.starts_with(|letter: char| letter.is_alphabetic()) => {
            format!("{name}({})", parts[0])
        }
        (name, _) if function.changes => {
            format!(
                "{{ let x = {}; let r = x.{name}({}); [r, x] }}",
                parts[0],
                parts[1..].join(", ")
            )
        }
        (name, _) => format!("{name}({})", parts.join(", ")),
    })
}

/// Calls of every function, and how many functions those are.
pub(super) fn all(plain: &Engine, rng: &mut Rng) -> (Vec<String>, usize) {
    let (mut calls, mut known) = (Vec::new(), 0);
    for function in functions(plain) {
        let wide = !makes_much(&function.name);
        let mut made = Vec::new();
        for _ in 0..EACH {
            let arguments: Option<Vec<String>> = function
                .parameters
                .iter()
                .map(|kind| values::of(rng, kind, wide))
                .collect();
            made.extend(arguments.and_then(|arguments| call(&function, &arguments)));
        }
        made.sort();
        made.dedup();
        known += usize::from(!made.is_empty());
        calls.extend(made);
    }
    (calls, known)
}
