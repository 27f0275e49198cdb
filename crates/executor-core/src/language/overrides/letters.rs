//! Letters of a text by their position. The standard library copies the whole text letter by
//! letter into a list for each of these: 25 nanoseconds a letter, half a second for a text of the
//! size a run may have.

use std::ops::{Range, RangeInclusive};

use rhai::plugin::{Dynamic, ImmutableString, Module, export_module};

use crate::language::cost::charge_bytes;
use crate::language::error::Result;
use crate::sandbox::context;

/// Letters of a text, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Letters {
    text: ImmutableString,
    /// The byte at which the next letter begins.
    at: usize,
    /// The byte at which they end.
    end: usize,
}

impl Letters {
    fn of(text: ImmutableString, start: i64, length: i64) -> Self {
        let Range { start, end } = bytes_of(&text, start, length);
        Self {
            text,
            at: start,
            end,
        }
    }
}

impl Iterator for Letters {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let letter = self.text[self.at..self.end].chars().next()?;
        self.at += letter.len_utf8();
        Some(letter)
    }
}

/// The byte at which a letter begins, or the end of the text.
pub(super) fn begin_of(text: &str, letter: u64) -> usize {
    let letter = usize::try_from(letter).unwrap_or(usize::MAX);
    let found = text.char_indices().nth(letter);
    found.map_or(text.len(), |(at, _)| at)
}

/// The bytes of `length` letters from `start` on, which counts from the end where it is negative.
fn bytes_of(text: &str, start: i64, length: i64) -> Range<usize> {
    let from = if start < 0 {
        let back = usize::try_from(start.unsigned_abs() - 1).unwrap_or(usize::MAX);
        text.char_indices().rev().nth(back).map_or(0, |(at, _)| at)
    } else {
        begin_of(text, start.unsigned_abs())
    };
    let length = begin_of(&text[from..], u64::try_from(length).unwrap_or(0));
    from..from + length
}

/// Start and length of a range of letters. What begins before the text begins with it.
fn ranged(start: i64, end: i64) -> (i64, i64) {
    let start = start.max(0);
    (start, end.max(start) - start)
}

/// The same of a range with its end. At least one letter, as in the language's own library.
fn ranged_to(range: &RangeInclusive<i64>) -> (i64, i64) {
    let (start, length) = ranged(*range.start(), *range.end());
    (start, length.saturating_add(1))
}

fn part(text: &str, (start, length): (i64, i64)) -> Result<ImmutableString> {
    charge_bytes(text.len())?;
    let bytes = bytes_of(text, start, length);
    context::reserve(bytes.len() as u64)?;
    Ok(text[bytes].into())
}

fn shorten(text: &mut ImmutableString, place: (i64, i64)) -> Result<()> {
    *text = part(text, place)?;
    Ok(())
}

fn letters(text: ImmutableString, (start, length): (i64, i64)) -> Result<Letters> {
    charge_bytes(text.len())?;
    Ok(Letters::of(text, start, length))
}

/// Lets `for` go over a text and over its letters.
pub(super) fn add_iterators(m: &mut Module) {
    m.set_iterator::<Letters>();
    m.set_custom_type::<Letters>("range");
    m.set_iter(std::any::TypeId::of::<ImmutableString>(), |text| {
        Box::new(Letters::of(text.cast(), 0, i64::MAX).map(Dynamic::from))
    });
}

#[export_module]
pub(super) mod functions {
    type S = ImmutableString;

    /// The letters of a range.
    #[rhai_fn(name = "sub_string", return_raw, pure)]
    pub fn sub_string_range(text: &mut S, range: Range<i64>) -> Result<S> {
        part(text, ranged(range.start, range.end))
    }

    /// The letters of a range.
    #[rhai_fn(name = "sub_string", return_raw, pure)]
    pub fn sub_string_range_to(text: &mut S, range: RangeInclusive<i64>) -> Result<S> {
        part(text, ranged_to(&range))
    }

    /// `length` letters from `start` on.
    #[rhai_fn(return_raw, pure)]
    pub fn sub_string(text: &mut S, start: i64, length: i64) -> Result<S> {
        part(text, (start, length))
    }

    /// The letters from `start` on.
    #[rhai_fn(name = "sub_string", return_raw, pure)]
    pub fn sub_string_from(text: &mut S, start: i64) -> Result<S> {
        part(text, (start, i64::MAX))
    }

    /// Keeps the letters of a range.
    #[rhai_fn(name = "crop", return_raw)]
    pub fn crop_range(text: &mut S, range: Range<i64>) -> Result<()> {
        shorten(text, ranged(range.start, range.end))
    }

    /// Keeps the letters of a range.
    #[rhai_fn(name = "crop", return_raw)]
    pub fn crop_range_to(text: &mut S, range: RangeInclusive<i64>) -> Result<()> {
        shorten(text, ranged_to(&range))
    }

    /// Keeps `length` letters from `start` on.
    #[rhai_fn(return_raw)]
    pub fn crop(text: &mut S, start: i64, length: i64) -> Result<()> {
        shorten(text, (start, length))
    }

    /// Keeps the letters from `start` on.
    #[rhai_fn(name = "crop", return_raw)]
    pub fn crop_from(text: &mut S, start: i64) -> Result<()> {
        shorten(text, (start, i64::MAX))
    }

    /// Puts a letter in the place of another; nothing happens where there is none.
    #[rhai_fn(return_raw)]
    pub fn set(text: &mut S, index: i64, letter: char) -> Result<()> {
        charge_bytes(text.len())?;
        let before_the_first = index < 0 && text.chars().count() < index.unsigned_abs() as usize;
        let old = bytes_of(text, index, 1);
        if !before_the_first && !old.is_empty() {
            context::reserve(text.len() as u64)?;
            let mut new = String::with_capacity(text.len() + letter.len_utf8());
            new.push_str(&text[..old.start]);
            new.push(letter);
            new.push_str(&text[old.end..]);
            *text = new.into();
        }
        Ok(())
    }

    /// The letters of a range, for `for`.
    #[rhai_fn(name = "chars", return_raw)]
    pub fn chars_range(text: S, range: Range<i64>) -> Result<Letters> {
        letters(text, ranged(range.start, range.end))
    }

    /// The letters of a range, for `for`.
    #[rhai_fn(name = "chars", return_raw)]
    pub fn chars_range_to(text: S, range: RangeInclusive<i64>) -> Result<Letters> {
        letters(text, ranged(*range.start(), range.end().saturating_add(1)))
    }

    /// `length` letters from `start` on, for `for`.
    #[rhai_fn(name = "chars", return_raw)]
    pub fn chars_part(text: S, start: i64, length: i64) -> Result<Letters> {
        letters(text, (start, length))
    }

    /// The letters from `start` on, for `for`.
    #[rhai_fn(name = "chars", return_raw)]
    pub fn chars_from(text: S, start: i64) -> Result<Letters> {
        letters(text, (start, i64::MAX))
    }

    /// The letters, for `for`.
    #[rhai_fn(name = "chars", get = "chars")]
    pub fn chars(text: S) -> Letters {
        Letters::of(text, 0, i64::MAX)
    }
}
