//! What the values of a call are, where the source says it: literals, and what the platform's
//! functions return.

use rhai::{Dynamic, Expr};

use crate::language::hints::signatures::ways_of;
use crate::language::kinds::{in_script_terms, kind_of};
use crate::language::known::{Kind, Known};

/// Kinds of values of the language, as signatures call them.
const PLAIN: [&str; 10] = [
    "integer", "float", "string", "char", "bool", "array", "map", "blob", "()", "function",
];
/// Kinds of the platform's own, as signatures call them. What is in neither list may be anything.
const OWN: [&str; 8] = [
    "collection",
    "event",
    "response",
    "headers",
    "request",
    "stream",
    "error",
    "context",
];

/// The kind of a literal.
pub(super) fn of_literal(value: &Expr) -> Option<Kind> {
    let kind = match value {
        Expr::IntegerConstant(..) => "integer",
        Expr::FloatConstant(..) => "float",
        Expr::StringConstant(..) | Expr::InterpolatedString(..) => "string",
        Expr::CharConstant(..) => "char",
        Expr::BoolConstant(..) => "bool",
        Expr::Array(..) => "array",
        Expr::Map(..) => "map",
        Expr::Unit(..) => "()",
        Expr::DynamicConstant(value, _) => return of_constant(value),
        _ => return None,
    };
    Some(kind.to_owned())
}

fn of_constant(value: &Dynamic) -> Option<Kind> {
    let kind = kind_of(value);
    let kind = if value.is_array() {
        "array".to_owned()
    } else {
        kind
    };
    PLAIN.contains(&kind.as_str()).then_some(kind)
}

/// What scripts call a kind.
pub(super) fn term(known: &Known, kind: &str) -> String {
    known
        .own(kind)
        .map_or_else(|| in_script_terms(kind), str::to_owned)
}

/// Whether it is a kind of the language that only has the methods that are there for it: a map may
/// hold functions.
pub(super) fn has_known_methods(term: &str) -> bool {
    PLAIN.contains(&term) && term != "map"
}

/// Whether a function of the platform may take such values; `None` is one that may be anything.
pub(super) fn may_take(function: &str, given: &[Option<String>]) -> bool {
    let Some(ways) = ways_of(function) else {
        return true;
    };
    ways.iter().any(|way| {
        let takes: Vec<&str> = way.split(", ").filter(|kind| !kind.is_empty()).collect();
        takes.len() == given.len()
            && takes.iter().zip(given).all(|(takes, given)| match given {
                Some(given) => may_be(given, takes),
                None => true,
            })
    })
}

/// Whether a value of a kind may be given where another is taken.
fn may_be(given: &str, taken: &str) -> bool {
    let (plain, own) = (PLAIN.contains(&taken), OWN.contains(&taken));
    given == taken || !(plain || own && PLAIN.contains(&given))
}
