//! How stored things look on the wire.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat};
use shared::clock::Timestamp;
use shared::error::{Kind, code};
use shared::name::DomainName;
use store::apps::AppRow;

use crate::error::{ApiError, ApiResult};

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

/// A query parameter that cannot be right.
pub(crate) fn invalid_query(detail: impl Into<Cow<'static, str>>) -> ApiError {
    ApiError::new(Kind::InvalidInput, code::INVALID_QUERY, detail)
}

/// Where the instance answers, as its operator says.
#[derive(Clone, Debug)]
pub(crate) struct BaseUrl {
    scheme: String,
    host: String,
    port: String,
}

impl BaseUrl {
    /// Reads `http://localhost:8080`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let uri: http::Uri = text.parse().ok()?;
        Some(Self {
            scheme: uri.scheme_str()?.to_owned(),
            host: uri.host()?.to_owned(),
            port: uri
                .port()
                .map_or_else(String::new, |port| format!(":{port}")),
        })
    }

    /// Whether browsers reach it by TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.scheme == "https"
    }

    /// The URL of a host on the instance's port, without a slash at the end.
    fn on(&self, host: &str) -> String {
        format!("{}://{host}{}", self.scheme, self.port)
    }

    /// Where an app answers: on its first exact domain, on the instance's own host when it is the
    /// default, else on its name below `localhost`.
    pub(crate) fn of_app(&self, app: &AppRow, domains: &[DomainName]) -> String {
        let exact = domains.iter().find(|d| !d.as_str().starts_with("*."));
        match exact {
            Some(domain) => self.on(domain.as_str()),
            None if app.is_default => self.on(&self.host),
            None => self.on(&format!("{}.localhost", app.slug)),
        }
    }
}

/// Cuts a page out of a list that is small enough to be read as a whole. `key` must be unique.
pub(crate) fn page<T>(
    items: Vec<T>,
    cursor: Option<&str>,
    limit: usize,
    key: impl Fn(&T) -> String,
) -> ApiResult<shared::api::Page<T>> {
    let mut items = items;
    if let Some(cursor) = cursor {
        let at = items.iter().position(|item| key(item) == cursor);
        let at = at.ok_or_else(|| {
            invalid_query("`cursor` leads to nothing any more; start with the first page")
        })?;
        items = items.split_off(at + 1);
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next_cursor = if more { items.last().map(key) } else { None };
    Ok(shared::api::Page { items, next_cursor })
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
