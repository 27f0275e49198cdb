//! Sorting that can be stopped.
//!
//! The standard library's sorts swallow the errors of their comparisons, so a limit does not end
//! them; one native call could run for minutes. This one stops at the first error, and it does
//! not care whether a script's comparison makes sense.

use std::cmp::Ordering;

use rhai::plugin::{Dynamic, ImmutableString, NativeCallContext, export_module};
use rhai::{Array, FnPtr};

use crate::language::cost::{charge_bytes, room_for_items};
use crate::language::error::{Result, wrong};
use crate::language::kinds::kind_of;
use crate::sandbox::context;

type Compare<'c> = &'c mut dyn FnMut(&Dynamic, &Dynamic) -> Result<Ordering>;

/// A stable merge sort, bottom up. The array keeps all its values also when it is stopped.
fn merge_sort(items: &mut Array, compare: Compare<'_>) -> Result<()> {
    room_for_items(items.len() as u64)?;
    let mut width = 1;
    while width < items.len() {
        for start in (0..items.len()).step_by(width * 2) {
            let middle = (start + width).min(items.len());
            let end = (middle + width).min(items.len());
            merge(&mut items[start..end], middle - start, compare)?;
        }
        width *= 2;
    }
    Ok(())
}

/// Merges the sorted halves of `items`, whose second starts at `middle`.
fn merge(items: &mut [Dynamic], middle: usize, compare: Compare<'_>) -> Result<()> {
    if middle >= items.len() || compare(&items[middle - 1], &items[middle])?.is_le() {
        return Ok(());
    }
    let mut left: Vec<Dynamic> = items[..middle].iter_mut().map(std::mem::take).collect();
    let (mut from, mut right, mut to) = (0, middle, 0);
    let mut result = Ok(());
    while from < left.len() && right < items.len() && result.is_ok() {
        match compare(&left[from], &items[right]) {
            Ok(Ordering::Greater) => {
                items.swap(to, right);
                right += 1;
                to += 1;
            }
            Ok(_) => {
                items[to] = std::mem::take(&mut left[from]);
                from += 1;
                to += 1;
            }
            Err(error) => result = Err(error),
        }
    }
    for item in &mut left[from..] {
        items[to] = std::mem::take(item);
        to += 1;
    }
    result
}

/// The natural order of two values of one kind.
pub(super) fn natural(left: &Dynamic, right: &Dynamic) -> Result<Ordering> {
    context::charge(1)?;
    if let (Ok(a), Ok(b)) = (left.as_int(), right.as_int()) {
        return Ok(a.cmp(&b));
    }
    let number = |value: &Dynamic| {
        value
            .as_float()
            .ok()
            .or_else(|| value.as_int().ok().map(|number| number as f64))
    };
    if let (Some(a), Some(b)) = (number(left), number(right)) {
        return Ok(a.total_cmp(&b));
    }
    if let (Some(a), Some(b)) = (
        left.read_lock::<ImmutableString>(),
        right.read_lock::<ImmutableString>(),
    ) {
        charge_bytes(a.len().min(b.len()))?;
        return Ok((**a).cmp(&**b));
    }
    if let (Ok(a), Ok(b)) = (left.as_char(), right.as_char()) {
        return Ok(a.cmp(&b));
    }
    if let (Ok(a), Ok(b)) = (left.as_bool(), right.as_bool()) {
        return Ok(a.cmp(&b));
    }
    if left.is_unit() && right.is_unit() {
        return Ok(Ordering::Equal);
    }
    Err(wrong(format!(
        "cannot order {} and {}; give sort a function |a, b| that says which comes first",
        kind_of(left),
        kind_of(right)
    )))
}

fn by_script(items: &mut Array, context: &NativeCallContext<'_>, comparer: &FnPtr) -> Result<()> {
    let ask = |first: &Dynamic, second: &Dynamic| -> Result<Dynamic> {
        comparer.call_within_context(context, (first.clone(), second.clone()))
    };
    merge_sort(items, &mut |left, right| {
        let answer = ask(left, right)?;
        if let Ok(order) = answer.as_int() {
            return Ok(order.cmp(&0));
        }
        if let Ok(order) = answer.as_float() {
            return Ok(order.partial_cmp(&0.0).unwrap_or(Ordering::Equal));
        }
        match answer.as_bool() {
            Ok(true) => Ok(Ordering::Less),
            // Equal values stay in their order only if both ways are asked: `a < b` is also false of
            // them, and `a <= b` true both ways.
            Ok(false) if ask(right, left)?.as_bool() == Ok(true) => Ok(Ordering::Greater),
            Ok(false) => Ok(Ordering::Equal),
            Err(_kind) => Err(wrong(format!(
                "the function given to sort returned {}; it returns a number: below 0 when \
                 its first value comes first, above 0 when it comes last",
                kind_of(&answer)
            ))),
        }
    })
}

fn copied(items: &Array) -> Result<Array> {
    room_for_items(items.len() as u64)?;
    Ok(items.clone())
}

#[export_module]
pub(super) mod functions {
    /// Sorts in place.
    #[rhai_fn(return_raw)]
    pub fn sort(items: &mut Array) -> Result<()> {
        merge_sort(items, &mut natural)
    }

    /// Sorts in place, largest first.
    #[rhai_fn(return_raw)]
    pub fn sort_desc(items: &mut Array) -> Result<()> {
        merge_sort(items, &mut |left, right| natural(right, left))
    }

    /// Sorts in place by a function that compares two values.
    #[rhai_fn(name = "sort", name = "sort_by", return_raw)]
    pub fn sort_with(
        context: NativeCallContext<'_>,
        items: &mut Array,
        comparer: FnPtr,
    ) -> Result<()> {
        by_script(items, &context, &comparer)
    }

    /// The values in order.
    #[rhai_fn(name = "order", name = "sorted", return_raw, pure)]
    pub fn sorted(items: &mut Array) -> Result<Array> {
        let mut items = copied(items)?;
        merge_sort(&mut items, &mut natural)?;
        Ok(items)
    }

    /// The values in order, largest first.
    #[rhai_fn(return_raw, pure)]
    pub fn order_desc(items: &mut Array) -> Result<Array> {
        let mut items = copied(items)?;
        merge_sort(&mut items, &mut |left, right| natural(right, left))?;
        Ok(items)
    }

    /// The values in the order of a function that compares two values.
    #[rhai_fn(name = "order", name = "order_by", name = "sorted", return_raw, pure)]
    pub fn sorted_with(
        context: NativeCallContext<'_>,
        items: &mut Array,
        comparer: FnPtr,
    ) -> Result<Array> {
        let mut items = copied(items)?;
        by_script(&mut items, &context, &comparer)?;
        Ok(items)
    }
}
