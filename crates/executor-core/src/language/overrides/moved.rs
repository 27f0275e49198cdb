//! Arrays and maps: what moves or copies all of their values pays for them.
//!
//! These are called by the thousand on small values: they are written here, because asking the
//! language's own (`charged.rs`) takes longer than the work.

use rhai::plugin::{Dynamic, export_module};
use rhai::{Array, Map};

use crate::language::cost::{charge_entries, charge_values};
use crate::language::error::Result;

/// How many values are before an index, which counts from the end where it is negative.
fn before(length: usize, index: i64) -> usize {
    let away = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
    if index < 0 {
        length.saturating_sub(away)
    } else {
        length.min(away)
    }
}

/// The place of a value; none where there is no such index.
fn place(length: usize, index: i64) -> Option<usize> {
    let away = usize::try_from(index.unsigned_abs()).ok()?;
    if index < 0 {
        length.checked_sub(away)
    } else {
        (away < length).then_some(away)
    }
}

fn cut(items: &mut Array, length: i64) -> Result<()> {
    let keep = usize::try_from(length.max(0)).unwrap_or(usize::MAX);
    charge_values(items.len().saturating_sub(keep))?;
    items.truncate(keep);
    Ok(())
}

#[export_module]
pub(super) mod arrays {
    /// Adds the values of another array at the end.
    #[rhai_fn(return_raw)]
    pub fn append(items: &mut Array, more: Array) -> Result<()> {
        charge_values(items.len() + more.len())?;
        items.extend(more);
        Ok(())
    }

    /// The values of both, one after the other.
    #[rhai_fn(name = "+", return_raw)]
    pub fn plus(left: Array, right: Array) -> Result<Array> {
        charge_values(left.len() + right.len())?;
        let mut all = left;
        all.extend(right);
        Ok(all)
    }

    /// Puts a value before the one at an index, or at the end.
    #[rhai_fn(return_raw)]
    pub fn insert(items: &mut Array, index: i64, value: Dynamic) -> Result<()> {
        charge_values(items.len())?;
        items.insert(before(items.len(), index), value);
        Ok(())
    }

    /// Takes out the value at an index; nothing when there is none.
    #[rhai_fn(return_raw)]
    pub fn remove(items: &mut Array, index: i64) -> Result<Dynamic> {
        charge_values(items.len())?;
        let at = place(items.len(), index);
        Ok(at.map_or(Dynamic::UNIT, |at| items.remove(at)))
    }

    /// Takes out the first value; nothing when there is none.
    #[rhai_fn(return_raw)]
    pub fn shift(items: &mut Array) -> Result<Dynamic> {
        charge_values(items.len())?;
        let some = !items.is_empty();
        Ok(if some { items.remove(0) } else { Dynamic::UNIT })
    }

    /// Keeps the first `length` values.
    #[rhai_fn(return_raw)]
    pub fn truncate(items: &mut Array, length: i64) -> Result<()> {
        cut(items, length)
    }

    /// Takes out all values.
    #[rhai_fn(return_raw)]
    pub fn clear(items: &mut Array) -> Result<()> {
        cut(items, 0)
    }

    /// Turns the order of the values round.
    #[rhai_fn(return_raw)]
    pub fn reverse(items: &mut Array) -> Result<()> {
        charge_values(items.len())?;
        items.reverse();
        Ok(())
    }
}

#[export_module]
pub(super) mod maps {
    /// Adds the entries of another map; they replace those of the same name.
    #[rhai_fn(name = "mixin", name = "+=", return_raw)]
    pub fn mixin(map: &mut Map, more: Map) -> Result<()> {
        charge_entries(map.len() + more.len())?;
        map.extend(more);
        Ok(())
    }

    /// The entries of both; those of the second replace those of the same name.
    #[rhai_fn(name = "+", return_raw)]
    pub fn plus(left: Map, right: Map) -> Result<Map> {
        charge_entries(left.len() + right.len())?;
        let mut all = left;
        all.extend(right);
        Ok(all)
    }

    /// Adds the entries of another map whose names are not there yet.
    #[rhai_fn(return_raw)]
    pub fn fill_with(map: &mut Map, more: Map) -> Result<()> {
        charge_entries(map.len() + more.len())?;
        for (name, value) in more {
            map.entry(name).or_insert(value);
        }
        Ok(())
    }

    /// Takes out all entries.
    #[rhai_fn(return_raw)]
    pub fn clear(map: &mut Map) -> Result<()> {
        charge_entries(map.len())?;
        map.clear();
        Ok(())
    }

    /// The names, in their order.
    #[rhai_fn(return_raw, pure)]
    pub fn keys(map: &mut Map) -> Result<Array> {
        charge_entries(map.len())?;
        Ok(map.keys().cloned().map(Into::into).collect())
    }

    /// The values, in the order of their names.
    #[rhai_fn(return_raw, pure)]
    pub fn values(map: &mut Map) -> Result<Array> {
        charge_entries(map.len())?;
        Ok(map.values().cloned().collect())
    }
}
