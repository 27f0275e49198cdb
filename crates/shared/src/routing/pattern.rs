//! Path patterns: `/orders/:id`, `/files/*path`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Bytes of a pattern.
pub const MAX_PATH_BYTES: usize = 1_024;
/// Segments of a pattern.
pub const MAX_SEGMENTS: usize = 32;

/// One part of a pattern between two slashes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// These characters exactly (percent-decoded).
    Exact(String),
    /// `:name`: one whole segment, not empty.
    Param(String),
    /// `*name` at the end: the rest of the path, which may be empty.
    Rest(String),
}

/// A checked path pattern.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PathPattern {
    text: String,
    segments: Vec<Segment>,
}

/// A pattern that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{shown}` is not a valid path: {reason}")]
pub struct PatternError {
    shown: String,
    reason: &'static str,
}

impl PathPattern {
    /// The segments, in order. `/` has none.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A pattern that matches exactly the same paths has the same shape.
    pub fn shape(&self) -> String {
        let mut shape = String::new();
        for segment in &self.segments {
            shape.push('/');
            match segment {
                // `:` and `*` cannot start an exact segment, so shapes never collide by accident.
                Segment::Exact(text) => shape.push_str(text),
                Segment::Param(_) => shape.push(':'),
                Segment::Rest(_) => shape.push('*'),
            }
        }
        shape
    }
}

fn name_ok(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && !name.as_bytes()[0].is_ascii_digit()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Characters RFC 3986 allows in a path segment, percent signs excluded.
fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()+,;=@:*".contains(&byte)
}

fn parse_segment(part: &str, last: bool) -> Result<Segment, &'static str> {
    if let Some(name) = part.strip_prefix(':') {
        return if name_ok(name) {
            Ok(Segment::Param(name.to_owned()))
        } else {
            Err("a parameter is `:` and a name of letters, digits and underscores")
        };
    }
    if let Some(name) = part.strip_prefix('*') {
        return match (last, name_ok(name)) {
            (false, _) => Err("`*rest` may only come last"),
            (true, false) => Err("a prefix ends in `*` and a name, like /files/*path"),
            (true, true) => Ok(Segment::Rest(name.to_owned())),
        };
    }
    if part.is_empty() {
        return Err("it has an empty segment (two slashes, or a slash at the end)");
    }
    if part == "." || part == ".." {
        return Err("`.` and `..` are not allowed");
    }
    if !part.bytes().all(plain) {
        return Err("use letters, digits and -._~!$&'()+,;=@ in a path");
    }
    Ok(Segment::Exact(part.to_owned()))
}

fn parse(text: &str) -> Result<Vec<Segment>, &'static str> {
    if text.len() > MAX_PATH_BYTES {
        return Err("it is longer than 1,024 bytes");
    }
    let rest = text.strip_prefix('/').ok_or("it must start with a slash")?;
    if rest.is_empty() {
        return Ok(Vec::new());
    }
    let parts: Vec<&str> = rest.split('/').collect();
    if parts.len() > MAX_SEGMENTS {
        return Err("it has more than 32 segments");
    }
    let mut segments = Vec::with_capacity(parts.len());
    for (i, part) in parts.iter().enumerate() {
        let segment = parse_segment(part, i + 1 == parts.len())?;
        if let Segment::Param(name) | Segment::Rest(name) = &segment {
            let taken = segments.iter().any(
                |s| matches!(s, Segment::Param(other) | Segment::Rest(other) if other == name),
            );
            if taken {
                return Err("a parameter's name appears twice");
            }
        }
        segments.push(segment);
    }
    Ok(segments)
}

impl FromStr for PathPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        match parse(text) {
            Ok(segments) => Ok(Self {
                text: text.to_owned(),
                segments,
            }),
            Err(reason) => Err(PatternError {
                shown: text.chars().take(80).flat_map(char::escape_debug).collect(),
                reason,
            }),
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl Serialize for PathPattern {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for PathPattern {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for PathPattern {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("`/orders`, `/orders/:id` or `/files/*path`"))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for PathPattern {}
