//! Text: what goes through all of it to find or to cut something pays for its bytes.
//!
//! These are called by the thousand on short texts: they are written here, because asking the
//! language's own (`charged.rs`) takes longer than the search.

use rhai::plugin::{ImmutableString, export_module};

use super::letters::begin_of;
use crate::language::cost::charge_bytes;
use crate::language::error::Result;

/// The letter at which `find` is first, from the letter `from` on, which counts from the end where
/// it is negative; -1 when it is not there.
fn letter_of(text: &str, from: i64, find: impl Fn(&str) -> Option<usize>) -> Result<i64> {
    charge_bytes(text.len())?;
    let Some(start) = start_of(text, from) else {
        return Ok(-1);
    };
    let Some(at) = find(&text[start..]) else {
        return Ok(-1);
    };
    let letters = text[..start + at].chars().count();
    Ok(i64::try_from(letters).unwrap_or(-1))
}

/// The byte from which to search; none behind the end.
fn start_of(text: &str, from: i64) -> Option<usize> {
    if text.is_empty() {
        return None;
    }
    if from < 0 {
        let back = usize::try_from(from.unsigned_abs() - 1).unwrap_or(usize::MAX);
        return Some(text.char_indices().rev().nth(back).map_or(0, |(at, _)| at));
    }
    let start = begin_of(text, from.unsigned_abs());
    (start < text.len()).then_some(start)
}

#[export_module]
pub(super) mod functions {
    type S = ImmutableString;

    /// Whether `find` is in the text.
    #[rhai_fn(return_raw, pure)]
    pub fn contains(text: &mut S, find: S) -> Result<bool> {
        charge_bytes(text.len())?;
        Ok(text.contains(find.as_str()))
    }

    /// Whether the letter is in the text.
    #[rhai_fn(name = "contains", return_raw, pure)]
    pub fn contains_letter(text: &mut S, find: char) -> Result<bool> {
        charge_bytes(text.len())?;
        Ok(text.contains(find))
    }

    /// The letter at which `find` is first; -1 when it is not there.
    #[rhai_fn(return_raw, pure)]
    pub fn index_of(text: &mut S, find: S) -> Result<i64> {
        letter_of(text, 0, |text| text.find(find.as_str()))
    }

    /// The letter at which `find` is first, from a letter on; -1 when it is not there.
    #[rhai_fn(name = "index_of", return_raw, pure)]
    pub fn index_of_from(text: &mut S, find: S, from: i64) -> Result<i64> {
        letter_of(text, from, |text| text.find(find.as_str()))
    }

    /// Where a letter is first; -1 when it is not there.
    #[rhai_fn(name = "index_of", return_raw, pure)]
    pub fn index_of_letter(text: &mut S, find: char) -> Result<i64> {
        letter_of(text, 0, |text| text.find(find))
    }

    /// Where a letter is first, from a letter on; -1 when it is not there.
    #[rhai_fn(name = "index_of", return_raw, pure)]
    pub fn index_of_letter_from(text: &mut S, find: char, from: i64) -> Result<i64> {
        letter_of(text, from, |text| text.find(find))
    }

    /// Takes all of `find` out of the text.
    #[rhai_fn(return_raw)]
    pub fn remove(text: &mut S, find: S) -> Result<()> {
        charge_bytes(text.len())?;
        if !find.is_empty() {
            *text = text.replace(find.as_str(), "").into();
        }
        Ok(())
    }

    /// Takes all of a letter out of the text.
    #[rhai_fn(name = "remove", return_raw)]
    pub fn remove_letter(text: &mut S, find: char) -> Result<()> {
        charge_bytes(text.len())?;
        *text = text.replace(find, "").into();
        Ok(())
    }

    /// Takes away spaces and line breaks at the ends.
    #[rhai_fn(return_raw)]
    pub fn trim(text: &mut S) -> Result<()> {
        charge_bytes(text.len())?;
        let trimmed = text.trim();
        if trimmed.len() < text.len() {
            *text = trimmed.into();
        }
        Ok(())
    }

    /// Keeps the first `length` letters.
    #[rhai_fn(return_raw)]
    pub fn truncate(text: &mut S, length: i64) -> Result<()> {
        charge_bytes(text.len())?;
        let end = begin_of(text, u64::try_from(length).unwrap_or(0));
        if end < text.len() {
            text.make_mut().truncate(end);
        }
        Ok(())
    }
}
