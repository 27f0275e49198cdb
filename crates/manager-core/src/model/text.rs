//! Times and tags as texts.

use chrono::{DateTime, SecondsFormat};
use shared::clock::Timestamp;

use crate::error::{ApiResult, invalid_query};

/// RFC 3339 in UTC with microseconds.
pub(crate) fn time(at: Timestamp) -> String {
    DateTime::from_timestamp_micros(at.as_micros())
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// A time of a query parameter.
pub(crate) fn parse_time(name: &str, text: &str) -> ApiResult<Timestamp> {
    // A `+` of an offset that was not encoded arrives as a space.
    DateTime::parse_from_rfc3339(&text.replace(' ', "+"))
        .map(|time| Timestamp(time.timestamp_micros()))
        .map_err(|_not_a_time| {
            invalid_query(format!("`{name}` is not a time like 2026-01-31T12:00:00Z"))
        })
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
