//! Text: what grows it is measured before it grows.

use rhai::Array;
use rhai::plugin::{Dynamic, ImmutableString, export_module};

use super::render::shown;
use crate::language::cost::{charge_bytes, room_for_items, room_for_text};
use crate::language::error::{Result, wrong};
use crate::sandbox::context;

/// What a piece of a split text costs on top of its bytes.
const PIECE: u64 = 56;

fn padded(text: &mut ImmutableString, length: i64, with: &str) -> Result<()> {
    charge_bytes(text.len())?;
    let have = text.chars().count() as u64;
    let wanted = length.max(0) as u64;
    if wanted <= have {
        return Ok(());
    }
    if with.is_empty() {
        return Err(wrong("pad needs something to pad with, not an empty text"));
    }
    let missing = wanted - have;
    // A letter of padding is as long as the longest in it; more than enough, never too little.
    let widest = with.chars().map(char::len_utf8).max().unwrap_or(1) as u64;
    room_for_text((text.len() as u64).saturating_add(missing.saturating_mul(widest)))?;
    text.make_mut()
        .extend(with.chars().cycle().take(missing as usize));
    Ok(())
}

fn replaced_text(text: &str, find: &str, with: &str) -> Result<Option<String>> {
    charge_bytes(text.len())?;
    if text.is_empty() {
        return Ok(None);
    }
    // An empty text is found before and after every letter.
    let count = text.matches(find).count() as u64;
    let kept = text.len() as u64 - count * find.len() as u64;
    room_for_text(kept.saturating_add(count.saturating_mul(with.len() as u64)))?;
    Ok(Some(text.replace(find, with)))
}

fn replace_in(text: &mut ImmutableString, find: &str, with: &str) -> Result<()> {
    if let Some(new) = replaced_text(text, find, with)? {
        *text = new.into();
    }
    Ok(())
}

fn letter(letter: char) -> ImmutableString {
    letter.to_string().into()
}

/// Pieces of a text, after making sure that there is room for them.
fn pieces<'t>(text: &str, count: usize, split: impl Iterator<Item = &'t str>) -> Result<Array> {
    let count = count as u64;
    context::reserve(count.saturating_mul(PIECE) + text.len() as u64)?;
    context::charge(count / 4)?;
    Ok(split
        .map(|piece| Dynamic::from(ImmutableString::from(piece)))
        .collect())
}

/// Whether a text is one piece: nothing in it splits it, or nothing may.
fn is_one_piece(text: &str, by: &str, most: usize) -> Result<bool> {
    charge_bytes(text.len())?;
    Ok(text.is_empty() || most == 1 || !text.contains(by))
}

/// At most so many pieces; 0 and less mean one.
fn at_most(most: i64) -> usize {
    usize::try_from(most.max(1)).unwrap_or(usize::MAX)
}

fn split_by(text: &ImmutableString, by: &str, most: usize) -> Result<Array> {
    if is_one_piece(text, by, most)? {
        return Ok(vec![text.clone().into()]);
    }
    let count = text.matches(by).take(most).count() + 1;
    pieces(text, count, text.splitn(most, by))
}

fn split_back(text: &ImmutableString, by: &str, most: usize) -> Result<Array> {
    if is_one_piece(text, by, most)? {
        return Ok(vec![text.clone().into()]);
    }
    let count = text.matches(by).take(most).count() + 1;
    pieces(text, count, text.rsplitn(most, by))
}

/// Room for a text whose letters change their case: about as long as it was.
fn room_for_case(text: &str) -> Result<()> {
    charge_bytes(text.len() * 4)?;
    room_for_text(text.len() as u64)
}

fn joined(left: &str, right: &str) -> Result<ImmutableString> {
    let length = left.len() + right.len();
    context::reserve(length as u64)?;
    charge_bytes(length)?;
    let mut out = String::with_capacity(length);
    out.push_str(left);
    out.push_str(right);
    Ok(out.into())
}

#[export_module]
pub(super) mod functions {
    type S = ImmutableString;

    /// Makes the text `length` letters long by adding letters at its end.
    #[rhai_fn(return_raw)]
    pub fn pad(text: &mut S, length: i64, with: char) -> Result<()> {
        padded(text, length, &letter(with))
    }

    /// Makes the text `length` letters long by adding `with`, repeated, at its end.
    #[rhai_fn(name = "pad", return_raw)]
    pub fn pad_text(text: &mut S, length: i64, with: S) -> Result<()> {
        padded(text, length, &with)
    }

    /// Replaces all of `find` in place.
    #[rhai_fn(return_raw)]
    pub fn replace(text: &mut S, find: S, with: S) -> Result<()> {
        replace_in(text, &find, &with)
    }

    /// Replaces all of `find` in place.
    #[rhai_fn(name = "replace", return_raw)]
    pub fn replace_with_char(text: &mut S, find: S, with: char) -> Result<()> {
        replace_in(text, &find, &letter(with))
    }

    /// Replaces all of `find` in place.
    #[rhai_fn(name = "replace", return_raw)]
    pub fn replace_char_with_text(text: &mut S, find: char, with: S) -> Result<()> {
        replace_in(text, &letter(find), &with)
    }

    /// Replaces all of `find` in place.
    #[rhai_fn(name = "replace", return_raw)]
    pub fn replace_char(text: &mut S, find: char, with: char) -> Result<()> {
        replace_in(text, &letter(find), &letter(with))
    }

    /// The text with all of `find` replaced.
    #[rhai_fn(return_raw, pure)]
    pub fn replaced(text: &mut S, find: S, with: S) -> Result<S> {
        Ok(replaced_text(text, &find, &with)?.map_or_else(|| text.clone(), S::from))
    }

    /// The text without spaces and line breaks at its ends.
    #[rhai_fn(return_raw, pure)]
    pub fn trimmed(text: &mut S) -> Result<S> {
        charge_bytes(text.len())?;
        Ok(text.trim().into())
    }

    /// The text `count` times.
    #[rhai_fn(return_raw, pure)]
    pub fn repeat(text: &mut S, count: i64) -> Result<S> {
        let count = count.max(0) as u64;
        room_for_text((text.len() as u64).saturating_mul(count))?;
        Ok(text
            .repeat(if text.is_empty() { 0 } else { count as usize })
            .into())
    }

    /// The pieces between `by`.
    #[rhai_fn(return_raw, pure)]
    pub fn split(text: &mut S, by: S) -> Result<Array> {
        split_by(text, &by, usize::MAX)
    }

    /// The pieces between `by`, at most `most`; the last has the rest.
    #[rhai_fn(name = "split", return_raw, pure)]
    pub fn split_most(text: &mut S, by: S, most: i64) -> Result<Array> {
        split_by(text, &by, at_most(most))
    }

    /// The pieces between `by`.
    #[rhai_fn(name = "split", return_raw, pure)]
    pub fn split_char(text: &mut S, by: char) -> Result<Array> {
        split_by(text, &letter(by), usize::MAX)
    }

    /// The pieces between `by`, at most `most`; the last has the rest.
    #[rhai_fn(name = "split", return_raw, pure)]
    pub fn split_char_most(text: &mut S, by: char, most: i64) -> Result<Array> {
        split_by(text, &letter(by), at_most(most))
    }

    /// The words.
    #[rhai_fn(name = "split", return_raw, pure)]
    pub fn split_words(text: &mut S) -> Result<Array> {
        charge_bytes(text.len())?;
        if text.is_empty() {
            return Ok(vec![text.clone().into()]);
        }
        pieces(
            text,
            text.split_whitespace().count(),
            text.split_whitespace(),
        )
    }

    /// The pieces between `by`, the last first.
    #[rhai_fn(return_raw, pure)]
    pub fn split_rev(text: &mut S, by: S) -> Result<Array> {
        split_back(text, &by, usize::MAX)
    }

    /// The pieces between `by`, the last first, at most `most`.
    #[rhai_fn(name = "split_rev", return_raw, pure)]
    pub fn split_rev_most(text: &mut S, by: S, most: i64) -> Result<Array> {
        split_back(text, &by, at_most(most))
    }

    /// The pieces between `by`, the last first.
    #[rhai_fn(name = "split_rev", return_raw, pure)]
    pub fn split_rev_char(text: &mut S, by: char) -> Result<Array> {
        split_back(text, &letter(by), usize::MAX)
    }

    /// The pieces between `by`, the last first, at most `most`.
    #[rhai_fn(name = "split_rev", return_raw, pure)]
    pub fn split_rev_char_most(text: &mut S, by: char, most: i64) -> Result<Array> {
        split_back(text, &letter(by), at_most(most))
    }

    /// The text in capital letters.
    #[rhai_fn(return_raw, pure)]
    pub fn to_upper(text: &mut S) -> Result<S> {
        room_for_case(text)?;
        Ok(text.to_uppercase().into())
    }

    /// The text in small letters.
    #[rhai_fn(return_raw, pure)]
    pub fn to_lower(text: &mut S) -> Result<S> {
        room_for_case(text)?;
        Ok(text.to_lowercase().into())
    }

    /// Turns the text into capital letters.
    #[rhai_fn(return_raw)]
    pub fn make_upper(text: &mut S) -> Result<()> {
        room_for_case(text)?;
        *text = text.to_uppercase().into();
        Ok(())
    }

    /// Turns the text into small letters.
    #[rhai_fn(return_raw)]
    pub fn make_lower(text: &mut S) -> Result<()> {
        room_for_case(text)?;
        *text = text.to_lowercase().into();
        Ok(())
    }

    /// The letters.
    #[rhai_fn(return_raw)]
    pub fn to_chars(text: S) -> Result<Array> {
        room_for_items(text.len() as u64)?;
        Ok(text.chars().map(Dynamic::from).collect())
    }

    /// The text followed by the text form of a value.
    #[rhai_fn(name = "+", return_raw)]
    pub fn plus_value(text: S, value: Dynamic) -> Result<S> {
        joined(&text, &shown(&value))
    }

    /// The text form of a value followed by the text.
    #[rhai_fn(name = "+", return_raw)]
    pub fn value_plus(value: Dynamic, text: S) -> Result<S> {
        joined(&shown(&value), &text)
    }

    /// Adds the text form of a value at the end.
    #[rhai_fn(name = "+=", name = "append", return_raw)]
    pub fn add_value(text: &mut S, value: Dynamic) -> Result<()> {
        let end = shown(&value);
        context::reserve(end.len() as u64)?;
        charge_bytes(end.len())?;
        *text += end.as_str();
        Ok(())
    }
}
