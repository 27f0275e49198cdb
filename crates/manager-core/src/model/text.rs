//! Times and tags as texts.

use shared::clock::Timestamp;
use shared::moment::{Moment, Precision};

use crate::error::{ApiResult, invalid_query};

/// RFC 3339 in UTC with microseconds.
pub(crate) fn time(at: Timestamp) -> String {
    at.written(Precision::Micros)
}

/// A time of a query parameter.
pub(crate) fn parse_time(name: &str, text: &str) -> ApiResult<Timestamp> {
    // A `+` of an offset that was not encoded arrives as a space.
    Moment::parse(&text.replace(' ', "+"))
        .map(Moment::at)
        .ok_or_else(|| invalid_query(format!("`{name}` is not a time like 2026-01-31T12:00:00Z")))
}

/// Short text that differs when any part differs: an entity tag.
pub(crate) fn tag(parts: &[&[u8]]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().to_hex()[..16].to_owned()
}
