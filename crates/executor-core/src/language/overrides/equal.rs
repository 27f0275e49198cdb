//! `==` for containers: Rhai compares them by calling itself without a bound on depth, and
//! refuses to compare functions.

use std::ops::{Range, RangeInclusive};

use rhai::plugin::{Dynamic, ImmutableString, export_module};
use rhai::{Array, Blob, Map};
use shared::limits::fixed::VALUE_DEPTH;
use shared::script_error::LimitKind;

use crate::language::caught::Caught;
use crate::language::cost::charge_bytes;
use crate::language::error::Result;
use crate::sandbox::context;
use crate::sandbox::signal::StopReason;

/// Whether two values are equal. Numbers compare as numbers, a character as its text; functions and the platform's own
/// types are never equal.
pub(super) fn equal(left: &Dynamic, right: &Dynamic) -> Result<bool> {
    values(left, right, 0)
}

fn values(left: &Dynamic, right: &Dynamic, depth: usize) -> Result<bool> {
    context::charge(1)?;
    if let (Ok(a), Ok(b)) = (left.as_int(), right.as_int()) {
        return Ok(a == b);
    }
    if let (Some(a), Some(b)) = (number(left), number(right)) {
        return Ok(close(a, b));
    }
    if let (Some(a), Some(b)) = (
        left.read_lock::<ImmutableString>(),
        right.read_lock::<ImmutableString>(),
    ) {
        charge_bytes(a.len().min(b.len()))?;
        return Ok(*a == *b);
    }
    if let (Some(a), Some(b)) = (left.read_lock::<Array>(), right.read_lock::<Array>()) {
        return arrays(&a, &b, depth + 1);
    }
    if let (Some(a), Some(b)) = (left.read_lock::<Map>(), right.read_lock::<Map>()) {
        return maps(&a, &b, depth + 1);
    }
    if let (Some(a), Some(b)) = (left.read_lock::<Blob>(), right.read_lock::<Blob>()) {
        charge_bytes(a.len().min(b.len()))?;
        return Ok(*a == *b);
    }
    if let (Some(a), Some(b)) = (left.read_lock::<Caught>(), right.read_lock::<Caught>()) {
        return Ok(a.says_the_same(&b));
    }
    if let (Ok(a), Ok(b)) = (left.as_bool(), right.as_bool()) {
        return Ok(a == b);
    }
    if let (Ok(a), Ok(b)) = (left.as_char(), right.as_char()) {
        return Ok(a == b);
    }
    if let Some(same) = letters(left, right).or_else(|| letters(right, left)) {
        return Ok(same);
    }
    if let (Some(a), Some(b)) = (range(left), range(right)) {
        return Ok(a == b);
    }
    Ok(left.is_unit() && right.is_unit())
}

/// Whether a character is all of a text.
fn letters(character: &Dynamic, text: &Dynamic) -> Option<bool> {
    let character = character.as_char().ok()?;
    let text = text.read_lock::<ImmutableString>()?;
    let mut letters = text.chars();
    Some(letters.next() == Some(character) && letters.next().is_none())
}

/// Both ends of a range, and whether the second is part of it.
fn range(value: &Dynamic) -> Option<(i64, i64, bool)> {
    if let Some(range) = value.read_lock::<Range<i64>>() {
        return Some((range.start, range.end, false));
    }
    let range = value.read_lock::<RangeInclusive<i64>>()?;
    Some((*range.start(), *range.end(), true))
}

fn number(value: &Dynamic) -> Option<f64> {
    value
        .as_float()
        .ok()
        .or_else(|| value.as_int().ok().map(|number| number as f64))
}

/// Rhai's own rule for floats.
fn close(a: f64, b: f64) -> bool {
    let scale = if a * b == 0.0 {
        1.0
    } else {
        a.abs().max(b.abs())
    };
    (a - b).abs() / scale <= f64::EPSILON
}

fn deeper(depth: usize) -> Result<()> {
    if depth > VALUE_DEPTH {
        return Err(context::stop(StopReason::Limit(LimitKind::Nesting)).into());
    }
    Ok(())
}

fn arrays(left: &Array, right: &Array, depth: usize) -> Result<bool> {
    deeper(depth)?;
    if left.len() != right.len() {
        return Ok(false);
    }
    for (a, b) in left.iter().zip(right) {
        if !values(a, b, depth)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn maps(left: &Map, right: &Map, depth: usize) -> Result<bool> {
    deeper(depth)?;
    if left.len() != right.len() {
        return Ok(false);
    }
    for ((key, a), (other, b)) in left.iter().zip(right) {
        if key != other || !values(a, b, depth)? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[export_module]
pub(super) mod functions {
    /// Whether both have equal values in the same order.
    #[rhai_fn(name = "==", return_raw, pure)]
    pub fn same_arrays(left: &mut Array, right: Array) -> Result<bool> {
        arrays(left, &right, 1)
    }

    /// Whether they differ.
    #[rhai_fn(name = "!=", return_raw, pure)]
    pub fn other_arrays(left: &mut Array, right: Array) -> Result<bool> {
        arrays(left, &right, 1).map(|same| !same)
    }

    /// Whether both have the same keys with equal values.
    #[rhai_fn(name = "==", return_raw, pure)]
    pub fn same_maps(left: &mut Map, right: Map) -> Result<bool> {
        maps(left, &right, 1)
    }

    /// Whether they differ.
    #[rhai_fn(name = "!=", return_raw, pure)]
    pub fn other_maps(left: &mut Map, right: Map) -> Result<bool> {
        maps(left, &right, 1).map(|same| !same)
    }
}
