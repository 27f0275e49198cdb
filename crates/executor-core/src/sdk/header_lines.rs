//! Headers of an answer, as scripts give them: names, values and lists of values.

use http::{HeaderName, HeaderValue};
use rhai::plugin::Dynamic;
use rhai::{Array, EvalAltResult};

use crate::language::cost::charge_bytes;
use crate::language::error::{Result, wrong};
use crate::language::kinds::kind_of;
use crate::language::overrides::render::shown;

/// Headers a script may send in one answer. With those of the platform they are at most 100, which
/// is what clients and proxies take.
pub(crate) const HEADERS: usize = 90;

/// Headers that say nothing when they say two things.
const ONE_VALUE: [&str; 2] = ["content-type", "location"];

/// A line of a header.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) place: Place,
}

/// What becomes of earlier lines of the same name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    /// It takes their place.
    Only,
    /// It goes out beside them.
    Further,
}

pub(super) fn too_many_headers() -> Box<EvalAltResult> {
    wrong(format!(
        "a response can have at most {HEADERS} headers, of 32 KiB together"
    ))
}

/// Checks a header as a script gave it.
pub(crate) fn checked_header(name: &str, value: &str) -> Result<()> {
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        let shown: String = name.chars().take(60).flat_map(char::escape_debug).collect();
        return Err(wrong(format!("`{shown}` is not a header's name")));
    }
    if HeaderValue::from_str(value).is_err() {
        return Err(wrong(format!(
            "the value of header `{name}` has line breaks or other control characters"
        )));
    }
    Ok(())
}

/// Adds a header; a list is a line for each of its values.
pub(super) fn push_lines(lines: &mut Vec<Line>, name: &str, value: &Dynamic) -> Result<()> {
    let Some(list) = value.read_lock::<Array>() else {
        return push_line(lines, name, header_text(name, value)?, Place::Only);
    };
    if list.len() > 1 && ONE_VALUE.iter().any(|own| name.eq_ignore_ascii_case(own)) {
        return Err(wrong(format!(
            "the header `{name}` has one value, not a list"
        )));
    }
    for (number, value) in list.iter().enumerate() {
        let place = if number == 0 {
            Place::Only
        } else {
            Place::Further
        };
        push_line(lines, name, header_text(name, value)?, place)?;
    }
    Ok(())
}

/// Adds a line.
pub(super) fn push_line(
    lines: &mut Vec<Line>,
    name: &str,
    value: String,
    place: Place,
) -> Result<()> {
    charge_bytes(name.len() + value.len())?;
    checked_header(name, &value)?;
    if lines.len() >= HEADERS {
        return Err(too_many_headers());
    }
    let name = name.to_owned();
    lines.push(Line { name, value, place });
    Ok(())
}

fn header_text(name: &str, value: &Dynamic) -> Result<String> {
    let plain = value.is_string()
        || value.is_char()
        || value.is_int()
        || value.is_float()
        || value.is_bool();
    if plain {
        return Ok(shown(value));
    }
    Err(wrong(format!(
        "the header `{name}` is a text, a number, true, false or a list of them, not {}",
        kind_of(value)
    )))
}
