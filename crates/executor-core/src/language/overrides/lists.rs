//! Arrays: bounded padding and searching, and what the standard library lacks.

use rhai::plugin::{Dynamic, ImmutableString, NativeCallContext, RhaiResult, export_module};
use rhai::{Array, FnPtr, Map};

use super::equal::equal;
use super::render::shown;
use crate::language::cost::{fits_text, room_for_items};
use crate::language::error::{Result, wrong};
use crate::language::kinds::kind_of;
use crate::sandbox::context;

fn position_of(items: &Array, value: &Dynamic, from: usize) -> Result<Option<usize>> {
    for (at, item) in items.iter().enumerate().skip(from) {
        if equal(item, value)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn as_index(found: Option<usize>) -> i64 {
    found.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1)
}

/// Removes neighbours for which `same` holds; stops at an error with all values kept.
fn dedup_by(
    items: &mut Array,
    same: &mut dyn FnMut(&Dynamic, &Dynamic) -> Result<bool>,
) -> Result<()> {
    let mut keep = Vec::new();
    for at in 1..items.len() {
        let last = keep.last().copied().unwrap_or(0);
        if !same(&items[last], &items[at])? {
            keep.push(at);
        }
    }
    if items.is_empty() {
        return Ok(());
    }
    for (to, from) in keep.iter().enumerate() {
        items.swap(to + 1, *from);
    }
    items.truncate(keep.len() + 1);
    Ok(())
}

fn add(total: &mut (i64, Option<f64>), item: &Dynamic) -> Result<()> {
    match (item.as_int(), item.as_float()) {
        (Ok(number), _) => {
            total.0 = total.0.checked_add(number).ok_or_else(|| {
                wrong("the sum does not fit 64 bits; add as floats with to_float()")
            })?;
        }
        (_, Ok(number)) => *total.1.get_or_insert(0.0) += number,
        _ => {
            return Err(wrong(format!("sum takes numbers, not {}", kind_of(item))));
        }
    }
    Ok(())
}

#[export_module]
pub(super) mod functions {
    /// Makes the array `length` long by adding `item`.
    #[rhai_fn(return_raw)]
    pub fn pad(items: &mut Array, length: i64, item: Dynamic) -> Result<()> {
        let missing = (length.max(0) as u64).saturating_sub(items.len() as u64);
        room_for_items(missing)?;
        for _ in 0..missing {
            // A copy of a nested item costs memory of its own: look at every one.
            context::charge(1)?;
            items.push(item.clone());
        }
        Ok(())
    }

    /// Whether a value is in the array.
    #[rhai_fn(return_raw, pure)]
    pub fn contains(items: &mut Array, value: Dynamic) -> Result<bool> {
        Ok(position_of(items, &value, 0)?.is_some())
    }

    /// Where a value is first; -1 when it is not there.
    #[rhai_fn(return_raw, pure)]
    pub fn index_of(items: &mut Array, value: Dynamic) -> Result<i64> {
        Ok(as_index(position_of(items, &value, 0)?))
    }

    /// Where a value is first, from an index on; -1 when it is not there.
    #[rhai_fn(name = "index_of", return_raw, pure)]
    pub fn index_of_from(items: &mut Array, value: Dynamic, from: i64) -> Result<i64> {
        let length = items.len() as i64;
        let from = if from < 0 {
            (length + from.max(-length)).max(0)
        } else {
            from
        };
        Ok(as_index(position_of(items, &value, from as usize)?))
    }

    /// Removes values equal to the one before them.
    #[rhai_fn(return_raw)]
    pub fn dedup(items: &mut Array) -> Result<()> {
        dedup_by(items, &mut equal)
    }

    /// Removes values for which a function of the value before and the value is true.
    #[rhai_fn(name = "dedup", return_raw)]
    pub fn dedup_with(
        context: NativeCallContext<'_>,
        items: &mut Array,
        same: FnPtr,
    ) -> Result<()> {
        dedup_by(items, &mut |left, right| {
            let answer: Dynamic =
                same.call_within_context(&context, (left.clone(), right.clone()))?;
            Ok(answer.as_bool().unwrap_or(false))
        })
    }

    /// The values as one text, with `between` between them.
    #[rhai_fn(return_raw, pure)]
    pub fn join(items: &mut Array, between: ImmutableString) -> Result<ImmutableString> {
        let mut out = String::new();
        for (at, item) in items.iter().enumerate() {
            let text = shown(item);
            let more = text.len() + if at > 0 { between.len() } else { 0 };
            fits_text((out.len() + more) as u64)?;
            context::charge(1 + more as u64 / 64)?;
            if at > 0 {
                out.push_str(&between);
            }
            out.push_str(&text);
        }
        Ok(out.into())
    }

    /// The sum of the numbers; 0 for an empty array.
    #[rhai_fn(return_raw, pure)]
    pub fn sum(items: &mut Array) -> RhaiResult {
        let mut total = (0_i64, None);
        for item in items.iter() {
            context::charge(1)?;
            add(&mut total, item)?;
        }
        Ok(match total {
            (whole, None) => Dynamic::from_int(whole),
            (whole, Some(float)) => Dynamic::from_float(float + whole as f64),
        })
    }

    /// The values without repetitions, in the order they first appear.
    #[rhai_fn(return_raw, pure)]
    pub fn unique(items: &mut Array) -> Result<Array> {
        let mut out = Array::new();
        for item in items.iter() {
            if position_of(&out, item, 0)?.is_none() {
                context::charge(1)?;
                out.push(item.clone());
            }
        }
        Ok(out)
    }

    /// A map from what a function says about a value to the array of such values.
    #[rhai_fn(return_raw, pure)]
    pub fn group_by(context: NativeCallContext<'_>, items: &mut Array, key: FnPtr) -> Result<Map> {
        let mut groups = Map::new();
        for item in items.iter() {
            let group: Dynamic = key.call_within_context(&context, (item.clone(),))?;
            let group = shown(&group);
            let slot = groups
                .entry(group.into())
                .or_insert_with(|| Dynamic::from(Array::new()));
            if let Some(mut group) = slot.write_lock::<Array>() {
                group.push(item.clone());
            }
        }
        Ok(groups)
    }
}
