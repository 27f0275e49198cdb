//! Names people choose, checked once where they enter and carried as types ever after.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::service::kind::ServiceKind;

#[cfg(test)]
mod tests;

/// A name that breaks its rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{shown}` is not a valid {what}: {rule}")]
pub struct NameError {
    what: &'static str,
    rule: &'static str,
    shown: String,
}

/// Module names that would hide the SDK, beside the names of the services: `import "json"` must never
/// be ambiguous.
pub const RESERVED_MODULES: &[&str] = &[
    "assert", "base64", "cache", "crypto", "csv", "ctx", "docs", "email", "env", "event", "files",
    "global", "hex", "html", "http", "json", "log", "markdown", "mock", "random", "regex", "req",
    "response", "retry", "secrets", "template", "time", "url", "users", "webhook", "xml",
];

/// Slugs that are host names with another meaning.
const RESERVED_SLUGS: &[&str] = &["admin", "api", "www", "localhost", "picloud"];

fn identifier_like(text: &str, max: usize, extra: &[u8]) -> bool {
    let bytes = text.as_bytes();
    !bytes.is_empty()
        && bytes.len() <= max
        && bytes[0].is_ascii_lowercase()
        && bytes
            .iter()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || extra.contains(b))
}

fn slug(text: &str) -> bool {
    identifier_like(text, 40, b"-") && !text.ends_with('-') && !RESERVED_SLUGS.contains(&text)
}

fn script(text: &str) -> bool {
    identifier_like(text, 64, b"-_")
}

fn module(text: &str) -> bool {
    text.split('/').all(|part| identifier_like(part, 64, b"-_"))
        && text.len() <= 128
        && !RESERVED_MODULES.contains(&text)
        && ServiceKind::from_name(text).is_none()
}

fn environment(text: &str) -> bool {
    let bytes = text.as_bytes();
    !bytes.is_empty()
        && bytes.len() <= 128
        && !bytes[0].is_ascii_digit()
        && bytes
            .iter()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_')
}

fn collection(text: &str) -> bool {
    let bytes = text.as_bytes();
    !bytes.is_empty()
        && bytes.len() <= 64
        && bytes[0].is_ascii_alphabetic()
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn topic_segment(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn topic(text: &str) -> bool {
    text.len() <= 255 && text.split('.').all(topic_segment)
}

fn topic_pattern(text: &str) -> bool {
    let front = match text.strip_suffix("**") {
        Some("") => return true,
        Some(front) => match front.strip_suffix('.') {
            Some(front) => front,
            None => return false,
        },
        None => text,
    };
    text.len() <= 255
        && front
            .split('.')
            .all(|segment| segment == "*" || topic_segment(segment))
}

fn function(text: &str) -> bool {
    let bytes = text.as_bytes();
    !bytes.is_empty()
        && bytes.len() <= 64
        && (bytes[0].is_ascii_alphabetic() || bytes[0] == b'_')
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

/// A host name a certificate could name: lower case, no port, no trailing dot, not an address.
fn domain(text: &str) -> bool {
    let host = text.strip_prefix("*.").unwrap_or(text);
    let labels: Vec<&str> = host.split('.').collect();
    text.len() <= 253
        && labels.len() >= 2
        && host.parse::<std::net::IpAddr>().is_err()
        && labels
            .last()
            .is_some_and(|last| last.bytes().any(|b| b.is_ascii_lowercase()))
        && labels.iter().all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
        && !host.ends_with(".localhost")
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident: $what:literal, $check:path, $rule:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The rule, in words.
            pub const RULE: &'static str = $rule;

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                if $check(text) {
                    Ok(Self(text.into()))
                } else {
                    let shown = text.chars().take(60).flat_map(char::escape_debug).collect();
                    Err(NameError { what: $what, rule: $rule, shown })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some($rule))
                    .into()
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {}
    )+};
}

names! {
    /// An app's name in host names and paths.
    AppSlug: "app name", slug,
        "1 to 40 lower-case letters, digits and hyphens, starting with a letter, not ending with a hyphen, and not a reserved name";
    /// An endpoint script's name.
    ScriptName: "script name", script,
        "1 to 64 lower-case letters, digits, hyphens and underscores, starting with a letter";
    /// A module's name, as `import` writes it; `/` makes groups.
    ModuleName: "module name", module,
        "1 to 128 lower-case letters, digits, hyphens, underscores and slashes, each part starting with a letter, and not the name of an SDK namespace";
    /// An environment variable's name.
    EnvName: "environment variable name", environment,
        "1 to 128 upper-case letters, digits and underscores, not starting with a digit";
    /// A key-value collection's name.
    CollectionName: "collection name", collection,
        "1 to 64 letters, digits, dots, hyphens and underscores, starting with a letter";
    /// A queue's name.
    QueueName: "queue name", collection,
        "1 to 64 letters, digits, dots, hyphens and underscores, starting with a letter";
    /// A topic that events are published to, like `orders.created`.
    TopicName: "topic name", topic,
        "1 to 255 characters: segments of 1 to 64 letters, digits, hyphens and underscores with dots between, like orders.created";
    /// The topics a subscriber wants: `*` is one segment, `**` at the end is one or more.
    TopicPattern: "topic pattern", topic_pattern,
        "a topic name in which a whole segment may be * (one segment) and the last one ** (all that follow, at least one), like orders.* or orders.**";
    /// A function in a script.
    FunctionName: "function name", function,
        "1 to 64 letters, digits and underscores, not starting with a digit";
    /// A domain an app answers on, exact or `*.` wildcard.
    DomainName: "domain", domain,
        "a lower-case host name with at least two labels, like shop.example.com or *.example.com";
}

impl TopicPattern {
    /// Whether events of a topic are wanted.
    pub fn matches(&self, topic: &TopicName) -> bool {
        let mut segments = topic.as_str().split('.');
        for wanted in self.as_str().split('.') {
            match (wanted, segments.next()) {
                ("**", Some(_)) => return true,
                ("*", Some(_)) => {}
                (wanted, Some(segment)) if wanted == segment => {}
                _ => return false,
            }
        }
        segments.next().is_none()
    }
}
